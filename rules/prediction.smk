"""Floor 4: the DVR map of every scan, predicted by the models of the fold that held it out."""

from myelosketch.learning.predict import needed_models, sd_path

MODELS_READ = needed_models(METHODS, STARTS)
PREDICTED = pat("predicted")
PREDICTED_BY = {method: PREDICTED.replace("{method}", method) for method in METHODS}
# networks only, and one draw has no deviation
DEVIATIONS = {
    f"{method}_sd": sd_path(path)
    for method, path in PREDICTED_BY.items()
    if method in STARTS and config["prediction"]["dropout_draws"] > 1
}
PREDICTIONS = [out("predicted", scan=scan, method=method) for scan in SCANS for method in METHODS]


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
        **PREDICTED_BY,
        **DEVIATIONS,
    log:
        "results/logs/predict_scan/{folder}/{scan}.log",
    benchmark:
        "results/benchmarks/predict_scan/{folder}/{scan}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=20,
    params:
        models=MODELS_READ,
        methods=METHODS,
        options=config["prediction"],
    script:
        "../workflow_scripts/predict_scan.py"
