"""The DVR map of every scan, predicted by the models of the fold that held it out."""

from myelosketch.learning.ladder import base_of
from myelosketch.learning.predict import PREDICTION_FILES

MODELS_READ = needed_models(METHODS)
# a recalibrated method corrects the level of a region
READS_REGIONS = any(map(base_of, METHODS))


rule predict_scan:
    """The DVR map of a scan by every method; its PET is never an input, its regions only for a recalibrated one."""
    input:
        **derivatives(*PREDICTION_FILES, *(["regions"] if READS_REGIONS else [])),
        weights=models_of("safetensors", MODELS_READ),
        cards=models_of("json", MODELS_READ),
    output:
        **PREDICTED,
        written_beside=beside(PREDICTED.values()),
    log:
        "<results>/logs/predict_scan/{folder}/{scan}.log",
    benchmark:
        "<results>/benchmarks/predict_scan/{folder}/{scan}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=20,
    params:
        models=MODELS_READ,
        methods=METHODS,
        options={"flips": config["prediction"]["flips"]},
        # read if models were trained on harmonised maps
        site=lambda wildcards: (
            None if config["training"]["harmonise"] == "none" else COHORT.site[wildcards.scan]
        ),
        # a model that replaced the trained one is refused
        settings={
            method: network_settings(config["training"], method)
            for method in MODELS_READ
            if method in NETWORK_METHODS
        },
        seed=config["seed"],
        library=library("learning.predict"),
    script:
        "../workflow_scripts/predict_scan.py"
