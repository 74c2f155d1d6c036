# Everything runs in .venv, which the first target that needs it creates.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
SUPALOCAL := tests/supalocal/node_modules/.package-lock.json

.PHONY: setup demo test lint type bench docs clean

setup: $(STAMP) $(SUPALOCAL)  ## Create the environment and install the package with its development tools.

$(STAMP): pyproject.toml constraints.txt
	@PYTHON="$(PYTHON)" sh bin/setup '.[dev]'
	@touch $@

$(SUPALOCAL): tests/supalocal/package-lock.json | $(STAMP)  # the tests' own Supabase; Node is the machine's, else .venv's
	PATH="$$PATH:$(CURDIR)/$(BIN)" npm ci --prefix tests/supalocal --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

demo:  ## A tour on loopback: needs Python 3.11+ and nothing else.
	@[ -x $(BIN)/mkt ] || PYTHON="$(PYTHON)" sh bin/setup .
	@$(BIN)/mkt demo

test: lint type $(SUPALOCAL)  ## What CI runs.
	$(BIN)/python -m pytest -n auto --dist worksteal

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo

type: $(STAMP)
	$(BIN)/mypy

bench: $(STAMP) .venv-bench/.installed  ## Ratios against peers, side by side. Takes some minutes.
	$(BIN)/python -m bench

.venv-bench/.installed: bench/requirements.txt
	$(BIN)/python -m venv .venv-bench
	.venv-bench/bin/pip install --quiet --requirement bench/requirements.txt
	@touch $@

docs: $(STAMP)  ## Write the page of lint rules, and what the README's commands print into it.
	$(BIN)/python -m docs.rules --write
	$(BIN)/python -m docs.readme --write

clean:
	rm -rf .venv .venv-bench tests/supalocal/node_modules build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
