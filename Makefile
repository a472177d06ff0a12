# The two commands of the README. `.venv` is made once and whenever the exact versions change.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
# Where the CPU build of torch comes from; https://download.pytorch.org/whl/cu130 for a CUDA build.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test check docs clean

demo: $(VENV)/.ready
	$(BIN)/codegen-hpo fit $$($(BIN)/codegen-hpo datasets path simulated-taxi-fares) --target fare \
		--cookbook --candidates 2 --trials 8 --time 100s --seed 0 \
		--about "Simulated New York taxi rides: predict the metered fare in USD."

test: $(VENV)/.ready
	$(BIN)/python -m pytest -n auto --dist loadscope --durations 25 -m "not live and not gpu"

check: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.ready
	$(BIN)/python docs/reference.py docs/api

# A mirror that cannot be reached must not stop the install: pip then takes torch from its usual index.
$(VENV)/.ready: constraints.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --retries 0 --timeout 20 -c constraints.txt --extra-index-url $(TORCH_INDEX) torch
	$(PIP) -c constraints.txt -e ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) docs/api .pytest_cache .mypy_cache .ruff_cache
