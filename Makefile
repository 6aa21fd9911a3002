# Everything to type here. Needs Python 3.11 or newer and make; .ci/setup brings the rest into .venv.
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help run test demo backtest check integration image fix bench bench-detection drift clean

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 18

run: $(READY) ## the daemon on config/claude.yaml, state in data/
	@mkdir -p data && exec $(BIN)/python -m monitor run

test: $(READY) ## every suite but those that need other programs: they are make integration
	@CLAUDE_UPTIME_SKIP_INTEGRATION=1 $(BIN)/python -m pytest -q -n 2

demo: $(READY) ## a past outage against the whole daemon: no network, no key
	@$(BIN)/python -m monitor demo

backtest: $(READY) ## the whole library of outages against the thresholds
	@$(BIN)/python -m monitor backtest

check: $(READY) ## the gate: format, lint, types, layers, lock, spelling, tests with coverage
	@.ci/check

integration: $(READY) ## the tests that need other programs; an absent one is a failure
	@CLAUDE_UPTIME_REQUIRE_INTEGRATION=1 $(BIN)/python -m pytest -n 2 -m integration --durations=12

image: ## build the container image and hold it to its promises; prints sizes
	@.ci/image

fix: $(READY) ## repair format and what the linter can repair safely
	@$(BIN)/ruff check --fix-only --quiet . ; $(BIN)/ruff format .

bench: $(READY) ## measure cost against its targets, into build/bench.json
	@$(BIN)/python tests/bench/bench.py

bench-detection: $(READY) ## how soon, how quiet: the engine, peers and bound in a simulated world (QUICK=1)
	@$(BIN)/python -m tests.bench.detection $(if $(QUICK),--quick) $(if $(PUBLISH),--publish)

drift: $(READY) ## what the vendor's newest Python SDK says of the API that we do not know yet
	@$(BIN)/python -m tests.drift

clean: ## remove what was built and cached; data/ stays
	@rm -rf .venv build dist htmlcov .coverage .coverage.* .*_cache .hypothesis

$(READY): pyproject.toml uv.lock .ci/setup
	@.ci/setup && touch $@
