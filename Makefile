# One way for each chore; CI runs the same ones. `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

TOOLS := $(CURDIR)/.local/venv-tools/bin
PYTHON := PYTHONPATH=local .local/venv-emulator/bin/python
ARCHITECTURE := $(if $(filter aarch64 arm64,$(shell uname -m)),arm64,x86_64)
# The functions that the template builds, to compile them all at once and with cargo's output in sight.
FUNCTIONS := $(shell sed -n 's/.*BuildMethod: rust-cargolambda.*Binary: *\([a-z-]*\).*/\1/p' template.yaml)

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

.PHONY: setup
setup: ## Install under .local/ what the other targets need; says what it can't install
	@local/setup.sh

.PHONY: build
build: setup ## Build the functions for this machine, as sam build does for AWS
	PATH="$(TOOLS):$$PATH" cargo lambda build --release $(if $(filter arm64,$(ARCHITECTURE)),--arm64) $(FUNCTIONS:%=--bin %)
	PATH="$(TOOLS):$$PATH" SAM_CLI_TELEMETRY=0 sam build --build-in-source --parameter-overrides Architecture=$(ARCHITECTURE)

.PHONY: package
package: package-build ## Build the package for AWS, print its sizes, run its arm64 binaries under qemu where that is installed
	@local/setup.sh qemu
	$(PYTHON) -m expedite_local.package

.PHONY: package-build
package-build: setup
	rustup target list --installed | grep --quiet aarch64-unknown-linux-gnu || rustup target add aarch64-unknown-linux-gnu
	PATH="$(TOOLS):$$PATH" cargo lambda build --release --arm64 $(FUNCTIONS:%=--bin %)
	PATH="$(TOOLS):$$PATH" SAM_CLI_TELEMETRY=0 sam build --build-in-source --build-dir .aws-sam/arm64
	@cd .aws-sam/arm64 && du --apparent-size --human-readable --total */bootstrap

.PHONY: run
run: build ## Start the whole system and keep it running until Ctrl-C
	@$(PYTHON) -m expedite_local up --endpoints .local/endpoints.json

.PHONY: token
token: ## Print an access token of the running system: make token TENANT=acme
	@$(PYTHON) -m expedite_local token $(or $(TENANT),$(error TENANT is missing: make token TENANT=acme))

.PHONY: demo
demo: build ## Start the system, send a mixed load and draw what happens to it
	cargo run --package expedite-tests --bin demo

.PHONY: check
check: setup ## Formatting, lints, documentation, and the tests that need no services
	cargo fmt --all -- --check
	cargo clippy --workspace --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
	$(TOOLS)/cfn-lint template.yaml
	SAM_CLI_TELEMETRY=0 $(TOOLS)/sam validate --lint --region us-east-1
	.local/venv-scanner/bin/python local/scan.py
	$(TOOLS)/python docs/cost.py --check
	cargo test --workspace

.PHONY: test
test: check build ## All tests: check, the local system's own, the system tests on real parts, a small soak, the package
	# The tests wait most of the time: what they leave of the processors builds the package. Its output comes at the end.
	nice $(MAKE) --no-print-directory package-build >.local/package-build.log 2>&1 & build=$$!; \
	trap 'kill $$build 2>/dev/null || true' EXIT; \
	$(MAKE) --no-print-directory test-local test-system; \
	wait $$build || { cat .local/package-build.log; exit 1; }
	$(MAKE) --no-print-directory package

.PHONY: test-system
test-system: ## The tests on real parts, a small soak, and which grants they used, with what make build has built
	rm -f .local/*/emulator/used-grants.jsonl
	cargo test --workspace --features expedite-tests/system --test system -- --test-threads=4
	# As the tests' build has left it: by itself its dependencies would be built once more, with fewer features.
	$${CARGO_TARGET_DIR:-target}/debug/soak --count 600 --faults-per-minute 20
	$(PYTHON) -m expedite_local grants .local/{system,aging,handler,restart,update}-tests* .local/soak

.PHONY: soak
soak: build ## Send 20 000 messages while things break, and print the ledger: make soak COUNT=… FAULTS=… (a minute) SEED=…
	cargo run --package expedite-tests --bin soak -- $(COUNT:%=--count %) $(FAULTS:%=--faults-per-minute %) $(SEED:%=--seed %)

.PHONY: test-local
test-local: setup ## The tests of local/: the emulator's gaps, the launcher, the broker, the poller
	$(PYTHON) -m unittest discover --start-directory local/tests --top-level-directory local
	mvn --quiet --batch-mode -Dstyle.color=never --file local/broker/pom.xml verify
	mvn --quiet --batch-mode -Dstyle.color=never --file local/poller/pom.xml verify

.PHONY: fuzz
fuzz: ## Mangle what comes in from outside, 50 000 cases a test; make fuzz CASES=… for another number
	PROPTEST_CASES=$(or $(CASES),50000) cargo test --release --package expedite-tests --test it -- fuzz

.PHONY: negative-controls
negative-controls: ## Take out one safeguard at a time and show that a test notices
	@tests/negative-controls/run.sh $(ONLY)

.PHONY: mutants
mutants: ## Break the domain in every way that cargo-mutants knows; fails where no test notices
	@command -v .local/cargo/bin/cargo-mutants >/dev/null || cargo install cargo-mutants --locked --root .local/cargo
	.local/cargo/bin/cargo-mutants mutants --package expedite-domain --output .local/mutants

.PHONY: cost
cost: setup ## Compute the tables of docs/cost.md anew, from docs/cost.json and the template
	$(TOOLS)/python docs/cost.py

.PHONY: clean
clean: ## Remove what was built; .local/ keeps what was installed
	cargo clean
	rm -rf .aws-sam .local/run
