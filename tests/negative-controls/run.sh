#!/usr/bin/env bash
# Takes out one safeguard at a time and shows that a test notices.
#
# Each patch in this folder starts with what it takes out and with lines `Fails: PACKAGE TARGET TEST`, which name the tests
# that have to pass without it and to fail with it. Works on a copy of the checkout; its target folder stays for the next time.
# Names of patches as arguments run these alone.
set -uo pipefail
cd "$(dirname "$0")/../.."

readonly CONTROLS=$PWD/tests/negative-controls
readonly UNDER=.local/negative-controls/tree
readonly WORK=$PWD/.local/negative-controls
readonly TREE=$PWD/$UNDER
export CARGO_TARGET_DIR=$WORK/target CARGO_TERM_COLOR=never RUST_BACKTRACE=0

copy() {
  rm -rf "$TREE"
  mkdir -p "$TREE"
  # tar keeps the files' times, so that cargo builds again only what has changed.
  git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- --create | tar --extract --directory "$TREE"
  # What a patch changes may have been built last with the patch in it.
  sed --silent 's|^+++ b/||p' "$CONTROLS"/*.patch | (cd "$TREE" && xargs touch)
}

# outcome PACKAGE TARGET TEST : ok, FAILED, or nothing where the test did not run at all.
outcome() {
  (cd "$TREE" && cargo test --quiet --package "$1" --test "$2" -- --exact "$3" --format pretty 2>&1) >"$WORK/log"
  sed -n "s/^test $3 \.\.\. \(ok\|FAILED\)$/\1/p" "$WORK/log"
}

# expect OUTCOME PACKAGE TARGET TEST
expect() {
  local wanted=$1 found
  shift
  found=$(outcome "$@")
  if [[ $found == "$wanted" ]]; then
    printf '  %-6s %s\n' "$wanted" "$3"
    # Where it fails and why, so that one sees that it is for the right reason.
    [[ $wanted == ok ]] || grep --max-count 1 --after-context 3 'panicked at' "$WORK/log" | cut --characters -160 | sed 's/^/         /'
    return 0
  fi
  printf '  %s is %s and not %s; the end of its log:\n' "$3" "${found:-not run}" "$wanted"
  tail -n 25 "$WORK/log"
  return 1
}

# Runs one control. Fails where a test does not tell the two apart.
control() {
  local patch=$1 name missed=0
  name=$(basename "$patch" .patch)
  local tests
  mapfile -t tests < <(sed -n 's/^Fails: //p' "$patch")
  printf '%s: %s\n' "$name" "$(head -n 1 "$patch")"
  [[ ${#tests[@]} -gt 0 ]] || { echo "  it names no test"; return 1; }
  for test in "${tests[@]}"; do
    read -ra words <<<"$test"
    expect ok "${words[@]}" || missed=1
  done
  if ! git apply --directory "$UNDER" "$patch"; then
    echo "  the patch does not apply any more: take the safeguard out by hand and make it anew"
    copy
    return 1
  fi
  for test in "${tests[@]}"; do
    read -ra words <<<"$test"
    expect FAILED "${words[@]}" || missed=1
  done
  git apply --directory "$UNDER" --reverse "$patch"
  return "$missed"
}

mkdir -p "$WORK"
copy
names=("$@")
[[ ${#names[@]} -gt 0 ]] || mapfile -t names < <(cd "$CONTROLS" && ls -- *.patch | sed 's/\.patch$//')
bad=()
for name in "${names[@]}"; do
  control "$CONTROLS/$name.patch" || bad+=("$name")
done
rm -rf "$TREE"
if [[ ${#bad[@]} -gt 0 ]]; then
  printf 'No test noticed: %s\n' "${bad[*]}"
  exit 1
fi
printf 'All %d safeguards are held by a test.\n' "${#names[@]}"
