# Every target builds the .venv it needs by itself; nothing but a Python 3.11 to 3.13 must be there.
#   make demo    an LSTM learns New York's taxi demand, row by row
#   make test    lint and tests
#   make lint    ruff and mypy
#   make bench   the speed measurements (installs the peers they compare with)
#   make proof   the long checks behind the published claims
#   make docs    the documentation as a site, in site/
#   make clean   remove what these targets made
# Choose the Python yourself: make test PYTHON=/path/to/python3.12

.DEFAULT_GOAL := demo
.PHONY: demo test lint bench proof docs clean

# The first one that starts, is of a version we support, and can make a virtual environment.
SUITABLE := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	if $$p -c '$(SUITABLE)' >/dev/null 2>&1; then echo $$p; break; fi; done)

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
PYTEST_ARGS ?=
# A file of tests to a process: each loads only the kernels that its own tests need. In the order
# of their names: by the number of their tests, the longest ones would come last.
PARALLEL := --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

demo: $(VENV)/.run
	@echo 'rtrl-lstm learn examples/nyc_taxi.csv --target value --time timestamp --horizon 5'
	@$(BIN)/rtrl-lstm learn examples/nyc_taxi.csv --target value --time timestamp --horizon 5

test: lint
	$(BIN)/python tests/kernels.py
	$(BIN)/python -m pytest $(PARALLEL) $(PYTEST_ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks.speed --picture build/speed.svg

proof: $(VENV)/.dev
	$(BIN)/python -m pytest -m proof --timeout 0 $(PYTEST_ARGS)

docs: $(VENV)/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Each stamp is newer than pyproject.toml once what it stands for is installed.
$(VENV)/.python:
	@test -n "$(PYTHON)" || { echo 'make: no Python 3.11, 3.12 or 3.13 that can make a virtual' \
		'environment was found; give one with PYTHON=/path/to/python' >&2; exit 1; }
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.python pyproject.toml
	@echo 'installing rtrl-lstm and its dependencies into $(VENV) (a minute or so the first time)'
	@$(PIP) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@echo 'installing the test tools into $(VENV)'
	@$(PIP) --editable '.[dev]'
	@touch $@

$(VENV)/.bench: $(VENV)/.run
	@echo 'installing the peers of the benchmarks into $(VENV) (PyTorch is large)'
	@$(PIP) --editable '.[bench]'
	@touch $@
