"""Floor 4: the DVR map of every scan, predicted by the models of the fold that held it out."""

from myelosketch.learning.ladder import needed_models

MODELS_READ = needed_models(METHODS)


rule predict_scans:
    """The DVR maps of some scans by every method, listed; neither their PET nor their regions are inputs."""
    input:
        registered=registered_part,
        weights=expand(
            f"{MODEL_FOLDER}/{{method}}/model.safetensors", method=MODELS_READ, allow_missing=True
        ),
    output:
        PREDICTED,
    log:
        f"results/logs/predict_scans/{PART}.log",
    benchmark:
        f"results/benchmarks/predict_scans/{PART}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        scans=part_scans,
        models=MODELS_READ,
        methods=METHODS,
        options=config["prediction"],
        # a model that was put in the place of the trained one is refused
        settings={
            method: network_settings(method) for method in MODELS_READ if method in NETWORK_METHODS
        },
        seed=config["seed"],
        library=library("learning.predict"),
    script:
        "../workflow_scripts/predict_scans.py"
