# What a user needs is `make run` and `make test`; `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Any of 3.11 to 3.13; 3.12 first, as in the images.
PYTHON ?= $(shell for name in python3.12 python3.11 python3.13 python3; do \
	$$name -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && { command -v $$name; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
SERVICES := feeder fetcher extractor classifier sink
LOCAL := ./shared $(SERVICES:%=./services/%)
MATERIAL ?= ../shared

.PHONY: help setup run test test-slow check lint types imports format reference reference-check lock models chaos bench clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# --- environments: plain venv and pip, from hash-locked files -----------------------------------------------------

$(VENV)/run.stamp: requirements/run.txt requirements/build.txt shared/pyproject.toml $(SERVICES:%=services/%/pyproject.toml)
	@test -n "$(PYTHON)" || { echo "Coranto needs Python 3.11, 3.12 or 3.13: none was found on PATH. Install one, or say where it is: make PYTHON=/path/to/python3.12 run"; exit 1; }
	test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt -r requirements/run.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation $(LOCAL:%=-e %)
	touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	touch $@

setup: $(VENV)/dev.stamp ## .venv with everything to run, test and check

# --- using it -----------------------------------------------------------------------------------------------------

run: $(VENV)/run.stamp ## the bundled sample site through all services; SOURCE=… takes a feed, URL, file or directory of yours
	$(BIN)/coranto run $(SOURCE)

# --- proving it ---------------------------------------------------------------------------------------------------

test: $(VENV)/dev.stamp ## everything that must pass, on a real Redis
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-slow: $(VENV)/dev.stamp ## quality gates on the labelled corpora, and long proofs
	$(BIN)/python -m pytest -m slow

chaos: $(VENV)/dev.stamp ## kills workers and restarts Redis under load, then counts: N=20000 SECONDS=300
	$(BIN)/python tests/system/chaos.py --articles $(or $(N),20000) --seconds $(or $(SECONDS),300)

bench: $(VENV)/dev.stamp ## measurements, kept in tests/benchmarks/results/
	for program in tests/benchmarks/*.py; do $(BIN)/python $$program; done

check: $(VENV)/dev.stamp lint types imports reference-check ## formatting, lint, types, import contracts, generated files

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy shared/coranto $(foreach service,$(SERVICES),services/$(service)/coranto_$(service)) services/classifier/training

imports:
	$(BIN)/lint-imports

reference-check:
	$(BIN)/python -m coranto.reference --check

# --- making what is committed -------------------------------------------------------------------------------------

format: $(VENV)/dev.stamp ## format and mend what ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

reference: $(VENV)/dev.stamp ## schemas, AsyncAPI and reference pages
	$(BIN)/python -m coranto.reference

models: $(VENV)/dev.stamp ## train the classifier's models: DATA=../shared/data
	PYTHONPATH=services/classifier $(BIN)/python -m training --data $(or $(DATA),$(MATERIAL)/data)

RUN_EXTRAS := --extra worker --extra web --extra cli
UV_COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links --no-emit-package coranto
lock: $(VENV)/dev.stamp ## hash-locked requirements, for every Python and platform we serve
	$(UV_COMPILE) requirements/build.in -o requirements/build.txt
	$(UV_COMPILE) $(RUN_EXTRAS) --extra embedded shared/pyproject.toml $(SERVICES:%=services/%/pyproject.toml) -c requirements/build.txt -o requirements/run.txt
	$(UV_COMPILE) --extra training requirements/dev.in services/classifier/pyproject.toml -c requirements/run.txt -c requirements/build.txt -o requirements/dev.txt
	for service in $(SERVICES); do \
		$(UV_COMPILE) $(RUN_EXTRAS) shared/pyproject.toml services/$$service/pyproject.toml \
			-c requirements/run.txt -o services/$$service/requirements.txt; \
	done

clean: ## what was built, but for coranto-data
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
