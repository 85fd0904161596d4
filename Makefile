# Everything a contributor needs; `make help` lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
STAMP := $(VENV)/.installed
WEB_STAMP := src/qntx/web/index.html
export QNTX_HOME ?= $(CURDIR)/.qntx

.PHONY: help setup demo serve test faults check types bench bench-ui web docs clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 14

setup: $(STAMP) ## Make .venv with everything in it

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with make PYTHON=/path/to/python3"; exit 1; }
ifneq ($(UV),)
	@test -x $(BIN)/python || uv venv --quiet --python $(PYTHON) $(VENV)
	uv pip install --quiet --python $(BIN)/python -e '.[dev]'
else
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
endif
	@touch $@

web: $(WEB_STAMP) ## Build the web UI into the package

$(WEB_STAMP): $(STAMP) $(shell find web -path web/node_modules -prune -o -type f -print 2>/dev/null)
	@$(BIN)/python tools/node.py ci
	@$(BIN)/python tools/node.py run build
	@touch $@

demo: $(STAMP) $(WEB_STAMP) ## Ingest three job descriptions and print what the jobs said
	@$(BIN)/python examples/demo.py

serve: $(STAMP) $(WEB_STAMP) ## Run the server on http://127.0.0.1:8820
	@$(BIN)/qntx serve

# The same examples for every change: what fails was broken by it. `pytest` alone draws new ones.
test: export QNTX_SEED ?= 8820
test: $(STAMP) $(WEB_STAMP) ## Run every test (long fault runs in their short form)
	@$(BIN)/python tools/node.py run test
	@$(BIN)/python tools/chromium.py >/dev/null
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

faults: $(STAMP) ## The fault tests in their long form
	@QNTX_FAULTS=full $(BIN)/python -m pytest tests/faults --timeout=3600

check: $(STAMP) $(WEB_STAMP) ## Lint, types, layers, budgets
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python tools/budgets.py
	@$(BIN)/python tools/api_types.py --check
	@$(BIN)/python tools/node.py run check

types: $(STAMP) ## Write the UI's types of the API anew
	@$(BIN)/python tools/api_types.py

bench: $(STAMP) ## Measure the capture path, as ratios within one run
	@$(BIN)/python benchmarks/run.py

bench-ui: $(STAMP) $(WEB_STAMP) ## Measure the web UI in Chromium: a million lines, and 1,000 a second
	@$(BIN)/python tools/chromium.py >/dev/null
	@$(BIN)/python benchmarks/run.py ui

docs: ## Say where the documentation is
	@echo "docs/README.md is the index; the API describes itself at /openapi.json"

clean: ## Remove what was built
	rm -rf $(VENV) src/qntx/web web/node_modules dist build
