# Everything runs in .venv, which the first target that needs it creates.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: setup demo test lint type bench docs clean

setup: $(STAMP)  ## Create the environment and install the package with its development tools.

$(STAMP): pyproject.toml constraints.txt
	@PYTHON="$(PYTHON)" sh bin/setup '.[dev]'
	@touch $@

demo:  ## A tour on loopback: needs Python 3.11+ and nothing else.
	@[ -x $(BIN)/mkt ] || PYTHON="$(PYTHON)" sh bin/setup .
	@$(BIN)/mkt demo

test: lint type  ## What CI runs.
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

docs: $(STAMP)  ## Run the README's commands and write what they print into it.
	$(BIN)/python -m docs.readme --write

clean:
	rm -rf .venv .venv-bench build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
