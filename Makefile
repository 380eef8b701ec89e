# make run, make test: all a newcomer needs. The rest is for those who work on the project.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Services and commands are started hundreds of times: each would compile every module anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help run test lint locales lock bench measure sbom clean browser install install-dev

help: ## show these lines
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

run: install ## install, migrate and serve: web chat at /chat, console at /console
	$(BIN)/hotline migrate
	exec $(BIN)/hotline serve

test: install-dev browser ## install all that the tests need and run them
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@# Three processes on two cores, since many tests wait for clocks. What fails is asked once more, alone:
	@# services, browsers and databases share the cores with the other tests.
	$(BIN)/pytest -n 3 --dist worksteal -q || $(BIN)/pytest -q --last-failed --last-failed-no-failures none

install: $(VENV)/.installed ## the environment with the pinned packages

install-dev: $(VENV)/.installed-dev

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed."; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); bash bin/need.sh python3-venv && $(PYTHON) -m venv $(VENV); }

$(VENV)/.installed: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install -q --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	$(BIN)/hotline train
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	$(BIN)/python -m pip install -q --require-hashes -r requirements-dev.lock
	@touch $@

browser:
	@bash bin/need.sh chromium postgresql

lint: install-dev ## style, types and layers
	$(BIN)/ruff format --check . ; $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports

locales: install ## extract the phrases, update the catalogues, write Uzbek Cyrillic
	$(BIN)/hotline locales

lock: ## pin all packages anew, with hashes and without any index host
	$(PYTHON) -m pip install -q uv
	$(PYTHON) -m uv pip compile -q --universal --generate-hashes --no-annotate --no-header --python-version 3.11 pyproject.toml bin/build.in -o requirements.lock
	$(PYTHON) -m uv pip compile -q --universal --generate-hashes --no-annotate --no-header --python-version 3.11 --group dev -c requirements.lock pyproject.toml bin/build.in -o requirements-dev.lock

bench: install-dev ## the small benchmarks, a few minutes
	$(BIN)/python -m bench.load --small
	$(BIN)/python -m bench.understanding --speed

measure: install-dev browser ## every figure of delivery in docs/operate.md, half an hour on a quiet machine
	$(BIN)/python -m bench.load
	$(BIN)/python -m bench.faults

sbom: install ## write build/sbom.json (CycloneDX) and docs/licences.md from the lock
	$(BIN)/python -m bench.sbom build/sbom.json docs/licences.md

clean: ## remove the environment and caches, never data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
