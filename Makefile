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

bench: $(STAMP)  ## Ratios against peers, side by side. Takes some minutes.
	$(BIN)/python -m bench

docs: $(STAMP)  ## Run the README's commands and write what they print into it.
	$(BIN)/python docs/readme.py --write

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
