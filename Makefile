# make repro   build all features of the demo music, train the default model, print its scores
# make test    run all tests
# make lint    ruff and mypy
# make bench   every target of speed beside its reference: docs/benchmarks.md
# make models  score every model on the demo: docs/models.md
# make papers  run every system of the papers on demo30: docs/results.md and docs/papers.md

PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: repro test lint models papers bench

# Other models' views are made when they are asked for: `dvc exp run -S model=svm evaluate`.
repro: .venv/ready
	dvc repro evaluate audit describe
	soundstage show

test: .venv/ready
	OMP_NUM_THREADS=1 pytest -n auto --maxprocesses 4 --dist worksteal

models: .venv/ready
	python benchmarks/models.py

papers: .venv/ready
	python benchmarks/papers.py
	soundstage papers table > docs/papers.md

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
	-$(BIN)/python -m soundstage.warm_up
	touch $@
