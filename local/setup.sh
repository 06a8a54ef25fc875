#!/usr/bin/env bash
# Brings under .local/ everything that the system needs to run on this machine.
#
# Each part carries a stamp, the hash of what it was made from: a second run only compares stamps.
set -euo pipefail

cd "$(dirname "$0")/.."
readonly OUT=.local
mkdir -p "$OUT"

say() { printf 'setup: %s\n' "$*"; }

fail() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

# stamp_of FILE... : one hash over the names and contents of what a part is made from.
stamp_of() { sha256sum "$@" | sha256sum | cut -d' ' -f1; }

up_to_date() { [[ -f "$1" && "$(<"$1")" == "$2" ]]; }

# Installs Debian packages where this user may, and says what to install where not.
install_packages() {
  local why=$1
  shift
  local sudo=()
  command -v apt-get >/dev/null || fail "$why: install $* with this system's package manager."
  if [[ $EUID -ne 0 ]]; then
    sudo -n true 2>/dev/null || fail "$why. Run: sudo apt-get install $*"
    sudo=(sudo -n)
  fi
  say "$why: installing $*"
  "${sudo[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -qq -y --no-install-recommends "$@" >/dev/null
}

# The newest headless JDK that this release of Debian or Ubuntu carries and that is new enough.
jdk_package() {
  for version in 25 21 17; do
    if apt-cache show "openjdk-$version-jdk-headless" >/dev/null 2>&1; then
      printf 'openjdk-%s-jdk-headless' "$version"
      return
    fi
  done
  printf 'default-jdk-headless'
}

java_version() { javac -version 2>&1 | sed -n 's/^javac \([0-9]*\).*/\1/p'; }

require_java() {
  local missing=()
  if ! command -v javac >/dev/null || [[ "$(java_version)" -lt 17 ]]; then
    missing+=("$(jdk_package)")
  fi
  command -v mvn >/dev/null || missing+=(maven)
  [[ ${#missing[@]} -eq 0 ]] || install_packages "the broker needs a JDK 17+ and Maven" "${missing[@]}"
}

require_rust() {
  command -v cargo >/dev/null || fail "Rust is missing. Install it with rustup; rust-toolchain.toml picks the version."
}

require_python() {
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
    || fail "Python 3.11 or newer is missing (python3)."
  python3 -c 'import ensurepip, venv' 2>/dev/null || install_packages "Python's venv module is missing" python3-venv
}

# make_venv NAME : a virtual environment with exactly the hashed packages of requirements-NAME.txt.
make_venv() {
  local name=$1
  local venv="$OUT/venv-$name" requirements="local/requirements-$name.txt"
  local wanted
  wanted="$(stamp_of "$requirements") $(readlink -f "$(command -v python3)")"
  up_to_date "$venv/stamp" "$wanted" && return
  say "installing $requirements into $venv"
  rm -rf "$venv"
  python3 -m venv "$venv"
  # --no-deps: the file is the whole closure, so there is nothing to resolve.
  "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$requirements"
  printf '%s' "$wanted" >"$venv/stamp"
}

# make_java NAME : the jars and classes of local/NAME.
make_java() {
  local name=$1
  local out="$OUT/java/$name"
  local sources wanted
  mapfile -t sources < <(find "local/$name" -type f \( -name '*.java' -o -name pom.xml \) | LC_ALL=C sort)
  [[ ${#sources[@]} -gt 0 ]] || return 0
  wanted="$(stamp_of "${sources[@]}")"
  up_to_date "$out/stamp" "$wanted" && return
  require_java
  say "building local/$name into $out"
  # Jars of an older version would stay on the class path.
  rm -rf "$out/classes" "$out/lib"
  mvn --quiet --batch-mode -Dstyle.color=never --file "local/$name/pom.xml" process-classes
  printf '%s' "$wanted" >"$out/stamp"
}

# What runs functions for arm64 on another processor. Without it they are built all the same.
require_qemu() {
  [[ $(uname -m) == x86_64 ]] || return 0
  command -v qemu-aarch64-static >/dev/null && [[ -d /usr/aarch64-linux-gnu/lib ]] && return
  (install_packages "functions for arm64 can't be run here" qemu-user-static libc6-arm64-cross libgcc-s1-arm64-cross) || true
}

if [[ ${1:-} == qemu ]]; then
  require_qemu
  exit
fi
require_rust
require_python
# The parts have nothing in common, and pip works with one processor: side by side they take half the time.
parts=()
for name in emulator tools scanner; do
  make_venv "$name" &
  parts+=($!)
done
{
  make_java broker
  make_java poller
} &
parts+=($!)
status=0
for part in "${parts[@]}"; do
  wait "$part" || status=1
done
exit $status
