"""What every stage asks: the checked configuration, the cohort, the methods."""

import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

# of this file, not of the one that Snakemake was started with: the workflow may be used as a module
RULES = Path(workflow.current_basedir)
LIBRARY = RULES.parent / "workflow_scripts"
sys.path.insert(0, str(LIBRARY))

from myelosketch.io import names
from myelosketch.cohort.config import check_config
from myelosketch.cohort.plan import plan_cohort
from myelosketch.errors import MyelosketchError
from myelosketch.interpreter import without_spaces
from myelosketch.learning.checks import (
    check_controls_of_sites,
    check_settings,
    gpus_of_a_training,
)
from myelosketch.learning.ladder import NETWORK_METHODS, network_settings
from myelosketch.io.run_files import check_results_folder, bundle_path
from myelosketch.simulation.dataset import SimulatedDataset

sys.executable = without_spaces(sys.executable)
# <results> in the rules; here for the paths that functions make
RESULTS = workflow.pathvars.get("results")

try:
    check_results_folder(RESULTS)
    check_config(config, RULES / "schemas/config.schema.yaml")
    validate(config, str(RULES / "schemas/config.schema.yaml"))  # fills in the defaults
    # a trained model predicts new scans; without one the run trains and cross-validates models
    PREDICTS = bool(config["prediction"]["model"])
    MODEL_FILE = bundle_path(config["prediction"]["model"]) if PREDICTS else []
    for method in config["training"]["methods"]:
        if method in NETWORK_METHODS:
            check_settings(method, config["training"])
    IS_SIMULATED = config["cohort"]["source"] == "simulate"
    DATASET = SimulatedDataset(f"{RESULTS}/simulated", config["simulation"])
    COHORT = plan_cohort(
        config,
        simulated=DATASET.rows() if IS_SIMULATED else [],
        external_sites=DATASET.external_sites if IS_SIMULATED else [],
        warn=logger.warning,
        found_path=f"{RESULTS}/cohort/found.tsv",
    )
    if config["training"]["harmonise"] == "controls":
        for fold in COHORT.fold_ids:
            check_controls_of_sites(
                COHORT.train_scans(fold), COHORT.train_controls(fold), COHORT.site, fold=fold
            )
except MyelosketchError as error:
    raise WorkflowError(str(error)) from None

METHODS = [name for name in names.METHODS if name in config["training"]["methods"]]
if PREDICTS:
    METHODS = [config["reporting"]["method"]]
CEILINGS = list(names.CEILINGS) if IS_SIMULATED else []
# the method of the figures that show one; a run without it shows the last of its methods
SHOWN_METHOD = config["reporting"]["method"]
if SHOWN_METHOD not in METHODS:
    SHOWN_METHOD = METHODS[-1]


wildcard_constraints:
    scan=names.SCAN_PATTERN,
    folder=names.FOLDER_PATTERN,
    subject="[A-Za-z0-9]+",
    fold="[0-9]+",
    figure="[A-Za-z0-9_]+",
    method="|".join(names.METHODS + names.CEILINGS + ("pet",)),
