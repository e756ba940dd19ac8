# `make` lists the targets. `make run` and `make test` do all the set-up on a fresh machine.
#   PYTHON=/path/to/python   use this interpreter instead of the newest python3.11 to 3.13 found
#   PYTEST_ARGS="-k words"   more arguments for pytest

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=
# The suite starts hundreds of processes: each would compile our modules anew.
unexport PYTHONDONTWRITEBYTECODE
# One process per core, at most four; a file's tests stay together, for they share its fixtures.
SIDE_BY_SIDE := --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
BENCHMARKS := words_and_minhash against_datatrove dedup_stage heuristics rules_and_edits bad_words_by_language shard_reading \
	extraction_warc fasttext_predict languages review privacy contamination perplexity service verification completions learning extraction
LOCK := pyproject.toml constraints.txt infra/setup.sh

.PHONY: help run test ready quick check bench experiment soak gpu format docs clean

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

run: $(VENV)/.run-stamp ## curate the quickstart sample: set up, run the job (compiles the kernels it needs), print where the report is
	@$(BIN)/gristmill run pipelines/jobs/quickstart.yaml

test: ready ## every test but the soak tests
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not soak" $(PYTEST_ARGS)

ready: $(VENV)/.dev-stamp ## what the tests need besides: compiled kernels, Chromium, PyTorch
	@$(BIN)/gristmill warm & warming=$$!; bash infra/setup.sh browser; bash infra/setup.sh trainer; wait $$warming

quick: $(VENV)/.dev-stamp ## the tests that need no browser, no other tool and little time
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not slow and not soak and not browser and not peer" $(PYTEST_ARGS)

check: $(VENV)/.dev-stamp ## format, lint, types, layers, and whether the generated docs are current
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/lint-imports
	@$(BIN)/python infra/generated.py --check

bench: $(VENV)/.dev-stamp ## CPU time against other tools, each in a venv of its own under .cache/; every script, then what missed
	@missed=""; \
	for name in $(BENCHMARKS); do PYTHONPATH="$(CURDIR)" $(BIN)/python infra/benchmarks/$$name.py || missed="$$missed $$name"; done; \
	if [ -n "$$missed" ]; then echo "missed or failed:$$missed" >&2; exit 1; fi

experiment: $(VENV)/.dev-stamp ## equal models on equal tokens of raw and curated text; goes on where it stopped
	@bash infra/setup.sh trainer
	@$(BIN)/python -m infra.experiment

soak: $(VENV)/.dev-stamp ## the tests that take minutes: peak memory at growing inputs, compiled models
	@bash infra/setup.sh trainer
	@$(BIN)/python -m pytest -m soak $(PYTEST_ARGS)

gpu: $(VENV)/.dev-stamp ## the tests that need a CUDA device; writes what they measure to infra/benchmarks/results/gpu.json
	@bash infra/setup.sh trainer
	@$(BIN)/python -m pytest -m gpu $(PYTEST_ARGS)

format: $(VENV)/.dev-stamp ## rewrite the sources as `make check` wants them
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: $(VENV)/.dev-stamp ## write the generated pages of docs/ again
	@$(BIN)/python infra/generated.py

clean: ## remove the venv and caches; runs/ stays
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/.run-stamp: $(LOCK)
	@bash infra/setup.sh run

$(VENV)/.dev-stamp: $(LOCK)
	@bash infra/setup.sh dev
