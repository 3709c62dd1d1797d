# Every target sets up its own environment in .venv, once, and then does its work.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Types and shapes are checked on every call in tests; not in cli/, whose functions typer calls with
# contexts of its own.
PARTS := kernels sae recorder subjects datasets llm explainer selection simulator scoring study viewer
EMPTY :=
COMMA := ,
CHECKED := $(subst $(EMPTY) $(EMPTY),$(COMMA),$(addprefix neuroscribe.,$(PARTS)))

.PHONY: demo test lint format frontend bench clean

demo: $(STAMP)
	$(BIN)/neuroscribe demo --out runs/demo

test: $(STAMP)
	$(BIN)/python -m pytest --jaxtyping-packages=$(CHECKED),beartype.beartype

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports setup.cfg

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The site's script, built from TypeScript; needs Node. What it makes is committed, so only those who
# change it need this. Tests compare the hash of the sources with that of the build.
frontend:
	cd frontend && npm ci --no-audit --no-fund && npm run build

bench: $(STAMP)
	$(BIN)/python benchmarks/recorder.py
	$(BIN)/python benchmarks/llm.py
	$(BIN)/python benchmarks/local_simulation.py
	$(BIN)/python benchmarks/teaching.py
	$(BIN)/python benchmarks/sae_kernels.py
	$(BIN)/python benchmarks/dataset.py
	$(BIN)/python benchmarks/site.py

clean:
	rm -rf $(VENV) runs build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The pinned torch is the CPU build where it is offered; a looser install pulls gigabytes of CUDA.
$(STAMP): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt \
		--editable '.[demo,dev]' --config-settings editable_mode=compat
	touch $@
