# `make demo` and `make test` need nothing but this file and Python 3.11 or newer: they make .venv,
# install what is pinned in constraints.txt, and run. Only a change of pyproject.toml or
# constraints.txt installs again.
#
#   make demo              the whole story on real digits, ending in an HTML report
#   make test              all checks: format, lint, types, layers, tests
#   make lint              all of these but the tests
#   make clean             remove .venv and caches
#
# PYTHON=python3.12 chooses the interpreter. PIP_ARGS adds options to pip, e.g. the index of CPU
# builds of torch, where pip would fetch a large CUDA build for a machine without a GPU.

SHELL := /bin/bash
VENV ?= .venv
PYTHON ?= $(shell for p in python3.11 python3; do $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PIP_ARGS ?=
# One thread a test process: the networks are small, and two processes then share two cores well.
TEST_WORKERS ?= 2
RUN := $(VENV)/bin

.PHONY: demo test lint install constraints clean

demo: $(VENV)/installed
	$(RUN)/mho demo

test: lint
	OMP_NUM_THREADS=1 $(RUN)/python -m pytest -q -n $(TEST_WORKERS)

lint: $(VENV)/installed
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/lint-imports

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or newer found; install one, or name it: make $(or $(MAKECMDGOALS),demo) PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(RUN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt -e '.[dev]'
	@touch $@

constraints: $(VENV)/installed
	$(RUN)/python scripts/constraints.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
