# make repro   build everything on the demo music and print the scores
# make test    run all tests
# make lint    ruff and mypy
# make bench   every target of speed beside its reference: docs/benchmarks.md
# make results score every model: docs/results.md

PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: repro test lint results bench

repro: .venv/ready
	dvc repro
	soundstage show

test: .venv/ready
	OMP_NUM_THREADS=1 pytest -n auto --maxprocesses 4

results: .venv/ready
	python benchmarks/results.py

bench: .venv/ready
	OMP_NUM_THREADS=1 python benchmarks/bench.py

lint: .venv/ready
	ruff check .
	ruff format --check .
	mypy

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	$(BIN)/python -m soundstage.report.offline .soundstage/vega.js
	touch $@
