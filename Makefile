# Everything runs in .venv, which is made once: `make demo` and `make test` each need nothing but python3, pip and make.
PYTHON ?= python3
VENV   := .venv
STAMP  := $(VENV)/.installed
RUN    := $(VENV)/bin/python
JOBS   ?= auto

.DEFAULT_GOAL := help
.PHONY: help demo test fuzz mutants lint bench clean

help:  ## show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(STAMP)  ## train the hand-written CNN beside its PyTorch twin; writes report/index.html
	$(RUN) -m benchmarks.demo

test: $(STAMP)  ## all tests, side by side on all cores
	HYPOTHESIS_PROFILE=ci $(RUN) -m pytest -n $(JOBS)

fuzz: $(STAMP)  ## the same tests with many more, fresh random cases
	HYPOTHESIS_PROFILE=thorough $(RUN) -m pytest -n $(JOBS) parity_tests

mutants: $(STAMP)  ## break every backward on purpose and list what the checks do not notice
	$(RUN) -m parity_tests.mutants

lint: $(STAMP)  ## ruff and pyright
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m pyright

bench: $(STAMP)  ## time scratch against PyTorch; writes report/speed.html and report/speed.json
	$(RUN) -m benchmarks --json report/speed.json --html report/speed.html

clean:  ## remove .venv, caches and generated reports
	rm -rf $(VENV) report .pytest_cache .ruff_cache .hypothesis
