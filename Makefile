# make demo    an image from the embedded model, with the trajectories that were cut and why
# make test    lint, types and tests
# make test-browser   the tests of tests/browser, in Chromium
# make test-device    the tests of tests/device, on a GPU
# make results   tables and figures of docs/results, from docs/data; RUNS=folder first packs new runs
# make chaos   benchmarks that are killed again and again (half an hour)
# All build .venv with pinned versions when it is not there.

PYTHON ?= python3
PROMPT ?= a photo of two bananas
BIN := .venv/bin

STAGES := world.art generators.tokenizer generators.transformer generators.export generators.scale_tokenizer \
	generators.scale_transformer generators.export_scale judges.detector judges.reward judges.export_judges

.PHONY: demo test test-browser test-device lint train $(STAGES) speed speed-device results chaos clean

.venv/package: pyproject.toml constraints.txt
	@echo "1/3 an environment in .venv"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --upgrade pip
	@echo "2/3 torch, the largest part"
	@$(BIN)/pip install --quiet --constraint constraints.txt torch
	@echo "3/3 scalingar and what it is built on"
	@$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	@touch $@

.venv/ready: .venv/package
	@echo "the tools of tests and training"
	@$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[test,train]"
	@touch $@

demo: .venv/package
	$(BIN)/scalingar generate "$(PROMPT)" --strategy scaling-ar -n 8 --seed 7 -o out/demo --overwrite

# Two processes with one thread each: tests are small, and two threads in each of two would wait for one another.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2 --dist loadfile

test-browser: .venv/ready
	$(BIN)/pytest -m browser tests/browser

test-device: .venv/ready
	$(BIN)/pytest -m device tests/device --device cuda

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# How the embedded models were made; each stage resumes where it stopped.
$(STAGES): .venv/ready
	$(BIN)/python -m training.$@

train:
	for stage in $(STAGES); do $(MAKE) $$stage || exit 1; done

speed: .venv/ready
	$(BIN)/python -m speed.generate
	$(BIN)/python -m speed.memory
	$(BIN)/python -m speed.decode --reference
	$(BIN)/python -m speed.next_scale --model embedded-next-scale
	$(BIN)/python -m speed.next_scale
	$(BIN)/python -m speed.serve

speed-device: .venv/ready
	$(BIN)/python -m speed.device --out out/speed-device

results: .venv/ready
	$(if $(RUNS),$(BIN)/python -m results.collect $(RUNS))
	$(BIN)/python -m results

chaos: .venv/ready
	$(BIN)/python -m tests.chaos.operations --kills 60 --workers 2
	$(BIN)/python -m tests.chaos.kills --kills 50 --seed 0
	$(BIN)/python -m tests.chaos.faults --rounds 10 --seed 0
	$(BIN)/python -m tests.chaos.ray_kills --workers 6 --drivers 3 --seed 0
	$(BIN)/python -m tests.chaos.ray_nodes --leaves 2 --limit 3

clean:
	rm -rf .venv out build dist
