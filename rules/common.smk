"""What every stage needs: the checked configuration, the cohort, the methods."""

import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

# folder of this file, not of the Snakefile that was started: the workflow may be used as a module
RULES = Path(workflow.current_basedir)
LIBRARY = RULES.parent / "workflow_scripts"
sys.path.insert(0, str(LIBRARY))

from myelosketch.io import names
from myelosketch.cohort.archive import (
    archive_sentences,
    changed_settings,
    plan_or_archive,
    read_archive,
    settings_of_archive,
)
from myelosketch.cohort.config import SCORE_SETTINGS, check_config
from myelosketch.cohort.config_text import check_config_files
from myelosketch.cohort.input_files import BRACES, check_signs, check_times
from myelosketch.cohort.table import near_files
from myelosketch.errors import MyelosketchError, disk_error, say_killed
from myelosketch.interpreter import library_first, without_signs
from myelosketch.learning.checks import (
    PRETRAINED,
    check_controls_of_sites,
    check_pretrained,
    check_settings,
    gpus_of_a_training,
)
from myelosketch.learning.ladder import (
    NETWORK_METHODS,
    TRANSFER,
    needed_models,
    network_settings,
)
from myelosketch.io.run_files import bundle_path, check_origin, check_results_folder
from myelosketch.modules import hash_of_all
from myelosketch.reporting.run_provenance import config_hash
from myelosketch.simulation.dataset import SimulatedDataset

library_first(LIBRARY)
sys.executable = without_signs(sys.executable)
# <results> in the rules; here for paths that functions build
RESULTS = workflow.pathvars.get("results")

try:
    if workflow.is_main_process:  # its jobs read the same files
        check_config_files([*workflow.configfiles, RULES.parent / "config.yaml"])
    check_signs([RULES.parent], "The folder of the workflow")
    check_signs([RESULTS], "pathvars.results", signs=BRACES)
    check_results_folder(RESULTS)
    check_config(config, RULES / "schemas/config.schema.yaml")
    validate(config, str(RULES / "schemas/config.schema.yaml"))  # fills in the defaults
    # a copy of results without its images; what is not redone keeps the settings of the run
    ARCHIVE = config["reporting"]["archive"]
    if ARCHIVE:
        archive = read_archive(RESULTS)
        check_config(archive.config, RULES / "schemas/config.schema.yaml")
        validate(archive.config, str(RULES / "schemas/config.schema.yaml"))
        settings = settings_of_archive(config, archive.config)
        changes = archive_sentences(*changed_settings(config, settings, archive.config))
        for sentence in changes if workflow.is_main_process else []:
            logger.warning(sentence)
        config.update(settings)
    elif workflow.is_main_process:
        older = check_origin(RESULTS, library=hash_of_all(), config_sha256=config_hash(config))
        if older:
            logger.warning(older)
    # a trained model predicts new scans; without one the run trains and cross-validates models
    PREDICTS = bool(config["prediction"]["model"])
    MODEL_FILE = bundle_path(config["prediction"]["model"]) if PREDICTS else []
    for method in needed_models(config["training"]["methods"]):
        if method in NETWORK_METHODS:
            check_settings(method, config["training"])
    # files of the user's own pretrained network; the one that comes with the software is not an input
    pretrained = config["training"]["transfer"]["pretrained"]
    PRETRAINED_FILES = [
        f"{pretrained}/{name}" for name in ("model.safetensors", "model.json") if pretrained
    ]
    PRETRAINED_SHA256 = None
    if TRANSFER in config["training"]["methods"] and not (PREDICTS or ARCHIVE):
        PRETRAINED_SHA256 = check_pretrained(pretrained or PRETRAINED, config["training"]["inputs"])
    IS_SIMULATED = config["cohort"]["source"] == "simulate"
    DATASET = SimulatedDataset(f"{RESULTS}/simulated", config["simulation"])
    COHORT = plan_or_archive(
        config,
        archive.cohort if ARCHIVE else None,
        results=RESULTS,
        simulated=DATASET.rows() if IS_SIMULATED else [],
        external_sites=DATASET.external_sites if IS_SIMULATED else [],
        warn=logger.warning,
    )
    if workflow.is_main_process:
        user_files = [MODEL_FILE] if PREDICTS else []
        for row in COHORT.rows.values() if not (IS_SIMULATED or ARCHIVE) else ():
            user_files += near_files(row, reference=config["maps"]["reference"])
        check_signs(user_files, "The path")
        check_times(user_files, RESULTS)
    if config["training"]["harmonise"] == "controls":
        for fold in COHORT.fold_ids:
            check_controls_of_sites(
                COHORT.train_scans(fold), COHORT.train_controls(fold), COHORT.site, fold=fold
            )
except MyelosketchError as error:
    raise WorkflowError(str(error)) from None
except OSError as error:  # an unreadable folder or table
    if not disk_error(error):
        raise
    raise WorkflowError(f"The workflow {disk_error(error)}") from None

METHODS = [name for name in names.METHODS if name in config["training"]["methods"]]
if PREDICTS:
    METHODS = [config["reporting"]["method"]]
# a copy of a simulated run may lack the truth
HAS_TRUTH = IS_SIMULATED and not (
    ARCHIVE and not Path(DATASET.folder, "derivatives/truth").is_dir()
)
CEILINGS = list(names.CEILINGS) if HAS_TRUTH else []
# the method of figures that show one; a run without it shows the last of its methods
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


onerror:
    say_killed(log, logger.error)
