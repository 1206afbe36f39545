"""Floor 4: the DVR map of every scan, predicted by the models of the fold that held it out."""

from myelosketch.learning.predict import needed_models

MODELS_READ = needed_models(METHODS)
PREDICTED = pat("predicted")
PREDICTIONS = [out("predicted", scan=scan, method=method) for scan in SCANS for method in METHODS]


def held_out_models(file):
    """Input function: a file of every model that was trained without the scan of the wildcards."""
    return lambda wildcards: [
        f"results/training/fold-{FOLD[wildcards.scan]}/{method}/{file}" for method in MODELS_READ
    ]


rule predict_scan:
    """The DVR map of one scan by every method; neither its PET nor its regions are inputs."""
    input:
        mtr=pat("mtr"),
        fa=pat("fa"),
        rd=pat("rd"),
        ad=pat("ad"),
        xfm_t1w_to_petref=pat("xfm_t1w_to_petref"),
        xfm_t1w_to_mni=pat("xfm_t1w_to_mni"),
        weights=held_out_models("model.safetensors"),
        cards=held_out_models("model.json"),
        library=library("learning.predict"),
    output:
        **{m: PREDICTED.replace("{method}", m) for m in METHODS},
    log:
        "results/logs/predict_scan/{folder}/{scan}.log",
    conda:
        "../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=20,
    params:
        models=MODELS_READ,
        window=config["prediction"]["window"],
        overlap=config["prediction"]["overlap"],
    script:
        "../workflow_scripts/predict_scan.py"
