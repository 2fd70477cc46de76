# What a user needs is `make run` and `make test`; `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Any of 3.11 to 3.13; 3.12 first, as in the images.
PYTHON ?= $(shell for name in python3.12 python3.11 python3.13 python3; do \
	$$name -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && { command -v $$name; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
SERVICES := feeder fetcher extractor classifier sink gateway
# Everything that is installed: what users deploy, the command line, and the site it is shown on.
PACKAGES := $(SERVICES) cli samplesite
DIST := dist
LOCAL := ./shared $(PACKAGES:%=./services/%)
# Seed pages, labelled corpora and training texts. They are not part of this repository, and only the slow tests, the benchmarks
# of accuracy and `make models` use them; it has nothing to do with the folder shared/ in here.
CORANTO_MATERIAL ?= $(abspath ..)/shared

.PHONY: help setup run test test-slow test-servers check lint types imports format reference reference-check screenshots lock dist models chaos soak bench clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# --- environments: plain venv and pip, from hash-locked files -----------------------------------------------------

$(VENV)/run.stamp: VERSION requirements/run.txt requirements/build.txt shared/pyproject.toml $(PACKAGES:%=services/%/pyproject.toml)
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

run: $(VENV)/run.stamp ## the bundled sample site through all services; SOURCE=… takes a feed, URL, file or directory of yours; KEEP=1 goes on serving the page
	@$(BIN)/coranto run $(if $(KEEP),--keep) $(SOURCE) || { code=$$?; test $$code = 130 || echo "coranto run ended with exit code $$code" \
		"(1 failed, 2 wrong usage or settings, 3 refused or not found); make reports that as:" >&2; exit $$code; }

# --- proving it ---------------------------------------------------------------------------------------------------

test: $(VENV)/dev.stamp ## everything that must pass, on a real Redis
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

test-slow: $(VENV)/dev.stamp ## quality gates on the labelled corpora, and long proofs
	$(BIN)/python -m pytest -m slow
	$(MAKE) test-servers

test-servers: $(VENV)/dev.stamp ## the contract of the streams on the system's Redis, on Redis 6.2 and on Valkey 8
	$(BIN)/python tests/harness/servers.py --into $(VENV)/servers

chaos: $(VENV)/dev.stamp ## every kind of harm under load, then a count: N=20000 SECONDS=300 STORE=postgresql ONLY=redis_emptied
	$(BIN)/python tests/harness/chaos.py --articles $(or $(N),20000) --seconds $(or $(SECONDS),300) \
		--store $(or $(STORE),sqlite) \
		$(if $(ONLY),--only $(ONLY),--result tests/benchmarks/results/chaos$(if $(filter postgresql,$(STORE)),_postgresql).json)

soak: $(VENV)/dev.stamp ## the services for a long while: what must stay flat stays flat: MINUTES=20
	$(BIN)/python tests/harness/soak.py --minutes $(or $(MINUTES),20)

bench: $(VENV)/dev.stamp ## measurements, kept in tests/benchmarks/results/
	for program in tests/benchmarks/*.py; do $(BIN)/python $$program; done

check: $(VENV)/dev.stamp lint types imports reference-check ## formatting, lint, types, import contracts, generated files

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy shared/coranto docs/generate $(foreach package,$(PACKAGES),services/$(package)/coranto_$(package)) services/classifier/training services/extractor/training/page_structure.py

imports:
	$(BIN)/lint-imports

reference-check:
	PYTHONPATH=docs $(BIN)/python -m generate --check

# --- making what is committed -------------------------------------------------------------------------------------

format: $(VENV)/dev.stamp ## format, and fix what ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

reference: $(VENV)/dev.stamp ## schemas, AsyncAPI, reference pages, month names, and the made parts of README.md
	PYTHONPATH=docs $(BIN)/python -m generate
	PYTHONPATH=docs $(BIN)/python -m generate.readme
	PYTHONPATH=docs $(BIN)/python -m generate.month_names

screenshots: $(VENV)/dev.stamp ## the pictures of the page in docs/images, of the sample site; needs Chromium
	PYTHONPATH=docs $(BIN)/python -m generate.screenshots

dist: $(VENV)/run.stamp ## wheels of every distribution, into dist/
	rm -rf $(DIST)
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir $(DIST) $(LOCAL)

models: $(VENV)/dev.stamp ## train the classifier's models, and the extractor's of page structure: DATA=FOLDER CORPORA=FOLDER
	PYTHONPATH=services/classifier $(BIN)/python -m training --data $(or $(DATA),$(CORANTO_MATERIAL)/data)
	$(BIN)/python services/extractor/training/page_structure.py --corpora $(or $(CORPORA),$(CORANTO_MATERIAL)/corpus)

RUN_EXTRAS := --extra worker --extra http --extra store --extra postgresql
UV_COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links $(foreach package,coranto coranto-cli coranto-samplesite,--no-emit-package $(package))
lock: $(VENV)/dev.stamp ## hash-locked requirements, for every Python and platform we serve
	$(UV_COMPILE) requirements/build.in -o requirements/build.txt
	$(UV_COMPILE) $(RUN_EXTRAS) --extra local shared/pyproject.toml $(PACKAGES:%=services/%/pyproject.toml) -c requirements/build.txt -o requirements/run.txt
	$(UV_COMPILE) --extra training requirements/dev.in services/classifier/pyproject.toml -c requirements/run.txt -c requirements/build.txt -o requirements/dev.txt
	for service in $(SERVICES); do \
		$(UV_COMPILE) $(RUN_EXTRAS) shared/pyproject.toml services/cli/pyproject.toml services/$$service/pyproject.toml \
			-c requirements/run.txt -o services/$$service/requirements.txt; \
	done

clean: ## remove what was built, keep coranto-data
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
