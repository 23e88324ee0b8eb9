# make repro   build everything on the demo music and print the scores
# make test    run all tests
# make lint    ruff and mypy
# make results score every model: docs/results.md

PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: repro test lint results

repro: .venv/ready
	dvc repro
	soundstage show

test: .venv/ready
	pytest

results: .venv/ready
	python benchmarks/results.py

lint: .venv/ready
	ruff check .
	ruff format --check .
	mypy

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	$(BIN)/python -m soundstage.report.offline .soundstage/vega.js
	touch $@
