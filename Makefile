# Everything a contributor needs; `make help` lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
# An index that this machine prefers is not to be in the lock, nor to make it look stale.
PYPI := https://pypi.org/simple
NO_INDEX := env -u UV_INDEX -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS
STAMP := $(VENV)/.installed
WEB_STAMP := src/qntx/web/index.html
export QNTX_HOME ?= $(CURDIR)/.qntx
# Tests start some thousand processes: none of them compiles all modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: runtime-only help setup lock hooks demo serve test test-fast test-pythons faults coverage check types weekly bench bench-ui web release docs clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 12

# With uv or with pip (`make setup UV=`): the versions are those of uv.lock.
ifneq ($(UV),)
install = UV_PROJECT_ENVIRONMENT=$(VENV) $(NO_INDEX) $(UV) sync --quiet --locked \
	--default-index $(PYPI) --python $(PYTHON) $(1:%=--extra %)
else
install = $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	--constraint $(VENV)/constraints.txt $(1:%=--editable '.[%]')
endif

setup: $(STAMP) ## Make .venv with everything in it

$(STAMP): pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with make PYTHON=/path/to/python3"; exit 1; }
ifeq ($(UV),)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null
	@# Before 23.3, pip warned of an extra that lxml has under a name with another dash.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=23.3'
	@$(BIN)/python tools/lock.py constraints > $(VENV)/constraints.txt
endif
	$(call install,dev recruiting)
	@touch $@

lock: $(or $(UV),build/uv/bin/uv) ## Write uv.lock anew from pyproject.toml; UPGRADE=1 takes newer versions
	@$(NO_INDEX) $< lock --no-config --default-index $(PYPI) $(if $(UPGRADE),--upgrade)

build/uv/bin/uv:
	@$(PYTHON) -m venv build/uv
	@build/uv/bin/python -m pip install --quiet --disable-pip-version-check uv

hooks: $(STAMP) ## Have git run .pre-commit-config.yaml before each commit
	@$(BIN)/pre-commit install

web: $(WEB_STAMP) ## Build the web UI into the package

$(WEB_STAMP): $(STAMP) $(shell find web -path web/node_modules -prune -o -type f -print 2>/dev/null)
	@$(BIN)/python tools/node.py ci
	@$(BIN)/python tools/node.py run build
	@touch $@

demo: $(STAMP) $(WEB_STAMP) ## Ingest three job descriptions and print what the jobs said
	@$(BIN)/python examples/recruiting/demo.py

serve: $(STAMP) $(WEB_STAMP) ## Run the server on http://127.0.0.1:8820
	@$(BIN)/qntx serve

# Three at a time, also on two cores: most of a test is waiting for processes and browsers.
# The same examples for every change: what fails was broken by it. `pytest` alone draws new ones.
test: export QNTX_SEED ?= 8820
test: $(STAMP) $(WEB_STAMP) ## Run every test (long fault runs in their short form)
	@$(BIN)/python tools/node.py run test
	@$(BIN)/python tools/chromium.py >/dev/null
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --durations=15

test-fast: export QNTX_SEED ?= 8820
test-fast: $(STAMP) $(WEB_STAMP) ## The tests that start no process and no browser: less than a minute
	@$(BIN)/python -m pytest -n 2 -m "not browser and not faults and not slow" --durations=15

runtime-only: $(STAMP) ## Install the wheel without the extra of recruiting, and try it
	@$(BIN)/python -m pytest tests/packaging

# ONLY=3.14 runs one of them, TESTS=tests/x those tests; QNTX_PYTHONS names more (tools/pythons.py).
test-pythons: $(STAMP) ## Capture, journal, runtime and attribution on every CPython that is here
	@$(BIN)/python tools/pythons.py $(ONLY) -- $(TESTS)

faults: $(STAMP) ## The fault tests in their long form
	@QNTX_FAULTS=full $(BIN)/python -m pytest -m faults --timeout=3600 --durations=15

# Of processes that a test kills nothing is counted. COVERED=tests/api measures what those tests run.
COVERED ?= tests
coverage: export QNTX_SEED ?= 8820
coverage: $(STAMP) $(WEB_STAMP) ## Run the tests and say which lines of Python none ran; no gate
	@$(BIN)/coverage erase
	-@$(BIN)/coverage run -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(COVERED)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report
	@$(BIN)/coverage html --quiet --directory build/coverage
	@echo "line by line: build/coverage/index.html"

check: $(STAMP) $(WEB_STAMP) ## Lint, types, layers, budgets, SQL, the lock
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python tools/budgets.py
	@$(BIN)/python tools/sql_outside_storage.py
	@$(BIN)/python tools/lock.py check
	@$(BIN)/python tools/api_types.py --check
	@$(BIN)/python tools/node.py run check

types: $(STAMP) ## Write the UI's types of the API anew
	@$(BIN)/python tools/api_types.py

weekly: check test test-pythons faults ## What takes hours: every Python, and the long fault tests

bench: $(STAMP) ## Measure the capture path, as ratios within one run
	@$(BIN)/python benchmarks/run.py

bench-ui: $(STAMP) $(WEB_STAMP) ## Measure the web UI in Chromium: a million lines, and 1,000 a second
	@$(BIN)/python tools/chromium.py >/dev/null
	@$(BIN)/python benchmarks/run.py ui

release: $(STAMP) $(WEB_STAMP) test-pythons ## Build and check the sdist and the wheel, say what is left to do
	$(call install,dev recruiting release)
	@rm -rf dist
	@$(BIN)/python -m build --outdir dist
	@$(BIN)/twine check --strict dist/*
	@echo "Nothing is published. When CHANGELOG.md and UPGRADING.md name the version:"
	@$(BIN)/python -c 'from importlib.metadata import version; v = version("qntx-pulse"); \
		print(f"  git tag v{v} && git push origin v{v} && $(BIN)/twine upload dist/*")'

docs: ## Say where the documentation is
	@echo "docs/README.md is the index; the API describes itself at /openapi.json"

clean: ## Remove what was built
	rm -rf $(VENV) src/qntx/web web/node_modules dist build
