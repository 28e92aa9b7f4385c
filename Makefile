# Every target creates .venv with pinned development dependencies, and again when these change.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-slow test-live test-all lint types bench docs clean

# One process per core. ORDER=N runs the tests in random order with this seed.
PYTEST := -n auto --dist worksteal $(if $(ORDER),--random-order-seed=$(ORDER))

demo: .venv/ready
	$(BIN)/genesis demo

test: .venv/ready
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest tests --ignore=tests/live -m "not slow" $(PYTEST)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

# Tests that create environments of their own.
test-slow: .venv/ready
	$(BIN)/python -m pytest tests --ignore=tests/live -m slow

test-live: .venv/ready
	$(BIN)/python -m pytest tests/live

test-all: test test-slow test-live

lint: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: .venv/ready
	$(BIN)/mypy

bench: .venv/ready
	$(BIN)/python -m benchmarks.run
	$(BIN)/python -m benchmarks.streaming

docs: .venv/ready
	$(BIN)/python docs/generate.py

.venv/ready: requirements-dev.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Genesis needs Python 3.11 or newer, but this is " + sys.version.split()[0])'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

clean:
	rm -rf .venv build dist .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
