# make run: the whole protocol on the default cohort, and its report. make test: lint and all tests.
# make calibration: the simulated cohort measured, and docs/simulation.md written anew.
# All create what they need; nothing but Python >= 3.11 and make has to be there.

PYTHON ?= $(firstword $(foreach name,python3.14 python3.13 python3.12 python3.11 python3,$(shell $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))
CORES ?= all
VENV := .venv
READY := $(VENV)/.installed
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export PYTHONNOUSERSITE := 1

.PHONY: run test lint calibration environment clean

run: $(READY)
	@python workflow_scripts/run_default.py --cores $(CORES)

test: $(READY) lint
	python -m pytest --numprocesses auto --maxprocesses 8 tests/unit
	python -m pytest tests/workflow tests/cluster

lint: $(READY)
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile rules
	snakemake --lint

calibration: $(READY)
	snakemake --cores $(CORES) calibration
	mkdir -p docs/simulation
	cp results/calibration/simulation/*.png docs/simulation/
	cp results/calibration/simulation.md docs/simulation.md

environment: $(READY)

$(READY): requirements.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer was not found: install it, or name it with make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	python -m pip install --quiet --upgrade pip
	python -m pip install --quiet --requirement requirements.txt
	@touch $(READY)

clean:
	rm -rf $(VENV) .snakemake
