# Two commands on a fresh machine: `make reproduce` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
CARD ?= quickstart
JOBS ?= 2

.PHONY: help reproduce test check lint types imports format corpus docs constraints clean

help:  ## List what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

reproduce: .venv/.installed  ## Reproduce the quickstart card (CARD=… for another)
	$(BIN)/replicard reproduce $(CARD)

test: .venv/.installed-test  ## Run the test suite (JOBS=… processes)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS)

check: lint types imports  ## Lint, types and import rules

lint: .venv/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.installed-test
	$(BIN)/mypy

imports: .venv/.installed-test
	$(BIN)/lint-imports

format: .venv/.installed-test  ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

corpus: .venv/.installed  ## Write the embedded corpora anew
	$(BIN)/python cards/data/generate.py

docs: .venv/.installed  ## Write docs/card.md, docs/checks.md and cards/schema.json anew from the code
	$(BIN)/replicard schema --output cards/schema.json
	$(BIN)/replicard schema --format markdown --output docs/card.md
	$(BIN)/python -m runner.checks_reference docs/checks.md

constraints: .venv/.installed-test  ## Write constraints.txt from what is installed
	{ sed -n '/^#/p' constraints.txt; $(BIN)/pip freeze --exclude-editable | sed 's/+.*//' | LC_ALL=C sort -f; } > constraints.new
	mv constraints.new constraints.txt

clean:  ## Remove the virtual environment; runs stay
	rm -rf .venv

.venv/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[run]'
	touch $@

.venv/.installed-test: .venv/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	touch $@
