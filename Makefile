# `make demo` runs the pipeline on the shipped demo, `make test` the tests; both set up .venv first.

PYTHON ?= python3
BIN := .venv/bin
# The tests of a file stay together, since they share what took long to make.
PARALLEL := -n auto --maxprocesses 4 --dist loadfile

.PHONY: demo test test-all overnight torture lint docs lock clean

demo: .venv/installed
	$(BIN)/snakemake --cores all --quiet rules
	@$(BIN)/python -m ainu results

test: .venv/installed
	$(BIN)/pytest $(PARALLEL) -m "not slow and not slurm and not browser"

test-all: test
	$(BIN)/pytest -m "(slurm or browser) and not overnight"
	$(BIN)/pytest $(PARALLEL) -m "slow and not overnight and not slurm and not browser"

overnight: .venv/installed
	$(BIN)/pytest -m overnight

# A small run killed at 50 random moments, each time completed and compared (test-all: five).
torture: .venv/installed
	AINU_KILLS=50 $(BIN)/pytest tests/workflow/test_crash.py -k killed_at_random -m slow

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/codespell src workflow config docs tests results/README.md README.md CONTRIBUTING.md CHANGELOG.md
	$(BIN)/snakemake --lint

# The documentation site in site/; a broken link or a page that nothing leads to is an error, here and in CI.
docs: .venv/installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# New pins from pyproject.toml, for Python 3.11 to 3.13 and every platform; those of the jobs' environments are among them.
COMPILE := $(BIN)/uv pip compile --quiet --universal --fork-strategy fewest --no-header --no-annotate
lock: .venv/installed
	$(BIN)/pip install uv
	printf 'torch==2.13.0\n' | $(COMPILE) --python-version 3.11 --extra dev --constraint - pyproject.toml -o requirements.txt
	$(COMPILE) --python-version 3.12 --constraint requirements.txt pyproject.toml | $(BIN)/python envs/write.py

.venv/installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "ainu needs Python 3.11 or newer; this is $$($(PYTHON) --version). Try: make PYTHON=python3.12" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --requirement requirements.txt
	$(BIN)/pip install --quiet --no-deps --editable .
	touch $@

# All that a run made; the README of results/ stays.
clean:
	find results -mindepth 1 -maxdepth 1 ! -name README.md -exec rm -rf {} +
	rm -rf .snakemake
