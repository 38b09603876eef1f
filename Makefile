# Two commands on a fresh machine: `make reproduce` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
CARD ?= quickstart
JOBS ?= 2
# Namespaces of their own for network and processes: Ray's daemons listen on every interface, and outlive who starts them.
ALONE := unshare $(if $(filter-out 0,$(shell id -u)),--map-root-user) --net --pid --fork --kill-child --mount-proc

SEEDS := jamander-project-blockbuster llm-project-distilbert a790227-distilbert yash3056-llama-3.2-1b-imdb gq-llama-2-7b-imdb

.PHONY: help reproduce test ray check lint types imports format corpus docs table recording pages constraints clean

help:  ## List what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

reproduce: .venv/.installed  ## Reproduce the quickstart card (CARD=… for another)
	$(BIN)/replicard reproduce $(CARD)

test: .venv/.installed-test  ## Run the test suite (JOBS=… processes)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS)

ray: .venv/.installed-test  ## Run the tests of Ray, where nothing but they hears it
	OMP_NUM_THREADS=1 $(ALONE) $(BIN)/python -m pytest --no-header -m ray

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

docs: .venv/.installed  ## Write the generated pages of docs/ and cards/schema.json anew from the code
	$(BIN)/replicard schema --output cards/schema.json
	$(BIN)/replicard schema --format markdown --output docs/card.md
	$(BIN)/python -m runner.checks_reference docs/checks.md
	$(BIN)/python -m runner.reference cli docs/cli.md
	$(BIN)/python -m runner.reference api docs/api.md
	$(BIN)/python -m runner.reference decisions docs/decisions/index.md

table: .venv/.installed  ## Rehearse the seed cards, and write their table in README.md anew
	$(BIN)/replicard rehearse $(SEEDS) --quiet > /dev/null
	$(BIN)/python bench/seed_table.py README.md

recording: .venv/.installed-test  ## Record the pictures of README.md anew
	$(BIN)/python bench/recording.py docs/images

pages: .venv/.installed-test  ## Build docs/ into build/pages; a link that leads nowhere is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

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
