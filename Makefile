# make demo    an image from the embedded model, with the trajectories that were cut and why
# make test    lint, types and tests
# Both build .venv with pinned versions when it is not there.

PYTHON ?= python3
PROMPT ?= a photo of two bananas
BIN := .venv/bin

.PHONY: demo test lint train art tokenizer transformer export benchmark clean

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[test,train]"
	touch $@

demo: .venv/ready
	$(BIN)/scalingar generate "$(PROMPT)" --strategy scaling-ar -n 8 --seed 7 -o out/demo

test: lint
	$(BIN)/pytest

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# How the embedded model was made; each stage resumes where it stopped.
art tokenizer transformer export: .venv/ready
	$(BIN)/python -m training.$@

train:
	$(MAKE) art
	$(MAKE) tokenizer
	$(MAKE) transformer
	$(MAKE) export

benchmark: .venv/ready
	$(BIN)/python -m benchmarks.generate
	$(BIN)/python -m benchmarks.memory

clean:
	rm -rf .venv out build dist
