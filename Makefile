# make run: the whole protocol on the default cohort, and its report. make test: lint and tests. make test-all: the long ones too.
# make demo: three simulated patients without PET, predicted by the network pretrained on simulation (configs/demo-model.zip).
# make calibration: the simulated cohort measured (studies/calibration), and docs/simulation-measured.md written again.
# make ladder: all methods on 100 simulated patients from five seeds (studies/ladder, hours), and docs/ladder.md with its table.
# make pretraining: the network of the method transfer from simulated participants (studies/pretraining), into models/pretrained.
# make faults: kills, injected faults, determinism, leakage, a large scan and fuzzing (tests/faults, hours), and
# docs/reliability.md with the counts.
# make configuration: config.yaml and docs/configuration.md written again from rules/schemas/config.schema.yaml.
# make docs: the pages as a site with a search, site/pages/index.html. make docs-figures: their pictures, from a finished run.
# All create what they need; nothing but Python 3.11, 3.12 or 3.13 (with venv) and make has to be there.

# the Python of the environment; envs/install.py chooses where none is named
PYTHON ?=
CORES ?= all
VENV := .venv
READY := $(VENV)/.installed
# Make the environment again if its Python is gone or its folder was moved.
$(shell test -x "$$(cat $(READY) 2>/dev/null)/bin/python" || rm -f $(READY))
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export PYTHONNOUSERSITE := 1
# they belong to another Python
unexport PYTHONPATH PYTHONHOME

.PHONY: run demo test test-all lint calibration ladder pretraining faults configuration docs docs-figures environment clean

run: $(READY)
	@python workflow_scripts/run_default.py --cores $(CORES)

demo: $(READY)
	@python workflow_scripts/run_demo.py --cores $(CORES)

test: $(READY) lint
	python -m pytest --numprocesses auto --maxprocesses 8 tests/unit -m "not slow"
	python -m pytest tests/workflow tests/cluster -m "not slow"

test-all: $(READY) lint
	python -m pytest --numprocesses auto --maxprocesses 8 tests/unit
	python -m pytest --durations 25 tests/workflow tests/cluster

# the checks of texts have a separate environment, because the workflow needs none of its packages
PROSE := $(VENV)/prose/bin
lint: $(READY)
	ruff check .
	ruff format --check .
	mypy
	snakefmt --check Snakefile rules studies
	snakemake --lint
	test -x $(PROSE)/typos || python -m venv $(VENV)/prose
	$(PROSE)/pip install --quiet --requirement tests/prose/requirements.txt
	$(PROSE)/python tests/prose/check_prose.py

calibration: $(READY)
	snakemake --cores $(CORES) simulated_cohort cohort
	snakemake --cores $(CORES) --snakefile studies/calibration/Snakefile
	mkdir -p docs/simulation
	cp results/calibration/simulation/*.png docs/simulation/
	cp results/calibration/simulation-measured.md docs/simulation-measured.md

# Snakemake looks at all waiting jobs once per ended job and span: longer spans leave its CPU time to the jobs
ladder: $(READY)
	snakemake --cores $(CORES) --snakefile studies/ladder/Snakefile --max-jobs-per-timespan 1000/30s
	cp results/ladder/figure.png docs/ladder.png
	python studies/ladder/scripts/show_ladder.py results/ladder/ladder.md docs/ladder.md

pretraining: $(READY)
	snakemake --cores $(CORES) --snakefile studies/pretraining/Snakefile --max-jobs-per-timespan 1000/30s
	mkdir -p models/pretrained
	cp results/pretraining/pretrained/model.safetensors results/pretraining/pretrained/model.json models/pretrained/

# Each program continues where it stopped; FAULTS/*.tsv are their counts.
FAULTS ?= results/faults
faults: export PYTHONPATH := workflow_scripts
faults: $(READY)
	python tests/faults/kills.py $(FAULTS)
	python tests/faults/inject.py $(FAULTS)
	python tests/faults/determinism.py $(FAULTS)
	python tests/faults/leakage.py $(FAULTS)
	python tests/faults/large.py $(FAULTS)
	python tests/faults/many.py $(FAULTS)
	python tests/faults/fuzz.py --executions 1000000 > $(FAULTS)/fuzz.md
	python tests/faults/write_page.py $(FAULTS)

configuration: $(READY)
	python workflow_scripts/write_configuration.py

# in a separate environment, because the workflow needs none of its packages
docs: $(READY)
	test -x site/.venv/bin/mkdocs || python -m venv site/.venv
	site/.venv/bin/pip install --quiet --requirement docs/requirements.txt
	NO_MKDOCS_2_WARNING=1 site/.venv/bin/mkdocs build --strict --quiet --site-dir site/pages
	@echo "The site: $(CURDIR)/site/pages/index.html"

docs-figures: $(READY)
	python workflow_scripts/draw_docs_figures.py

environment: $(READY)

# Any Python reads envs/install.py, which takes a suitable one or says what is missing.
$(READY): requirements.txt
	@for name in "$(PYTHON)" python3 python3.13 python3.12 python3.11 python3.14; do \
		if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 6))' 2>/dev/null; then \
			exec "$$name" envs/install.py $(VENV) "$(PYTHON)"; \
		fi; \
	done; \
	echo "Python 3.11, 3.12 or 3.13 is needed, and no Python was found:" \
		"install one of the three, or name one with make PYTHON=/path/to/python3.13." >&2; exit 1

clean:
	rm -rf $(VENV) .snakemake site
