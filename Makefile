# The commands of this project. `make run` and `make test` are each all that a fresh Debian or Ubuntu with a Rust
# toolchain needs: they install what is missing, and say so.

# Outside the checkout, so that several checkouts share one cache and a clean checkout is not a cold build.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/tidegate/target
# A toolchain that was installed a minute ago is not on the PATH of this shell yet, nor a newer Node than the system's.
export PATH := $(HOME)/.cache/tidegate/node/bin:$(PATH):$(HOME)/.cargo/bin
# Recorded cases of Node-RED's behaviour, where a folder beside the checkout holds them.
export CONFORMANCE ?= $(firstword $(wildcard ../*/conformance))

.PHONY: help run test check bench soak

help: ## List these targets
	@echo 'Tidegate: a gateway for edge boards. Start with: make run'
	@echo
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 15
	@echo
	@echo '  make run FLOW=my-flow.json runs a flow of your own.'
	@echo '  Built files are in $(CARGO_TARGET_DIR); set CARGO_TARGET_DIR for another place.'

run: ## Build the gateway and run it: the demo, or FLOW=FILE
	@tests/install-missing build
	@web-ui/scripts/build
	@cargo build
	@"$$CARGO_TARGET_DIR/debug/tidegate" run $(FLOW)

test: ## All tests; ends with a count
	@tests/install-missing build lint broker tools browser
	@web-ui/scripts/build
	@tests/everything

check: ## The quick loop: lints, and the tests that take seconds
	@tests/install-missing build lint
	@web-ui/scripts/build
	@npm --prefix web-ui run --silent check
	@npm --prefix web-ui test --silent
	@cargo clippy --workspace --all-targets -- -D warnings
	@cargo test --workspace --lib --quiet

bench: ## Measure: CPU a message, memory, start and deploy
	@tests/install-missing build
	@web-ui/scripts/build
	@benches/run

soak: ## The longer forms of the tests
	@tests/install-missing build lint broker browser
	@web-ui/scripts/build
	@tests/soak
