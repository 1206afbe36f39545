"""Entry of the rule predict_scan."""

from pathlib import Path

from myelosketch.job import job

with job(snakemake):
    from myelosketch.learning.gpu_lock import device_of_a_prediction
    from myelosketch.learning.predict import PREDICTION_FILES, predict_scan
    from myelosketch.learning.training import configuration_hash

    params = snakemake.params
    folders = [Path(path).parent for path in snakemake.input.weights]
    predict_scan(
        {key: path for key, path in snakemake.input.items() if key in (*PREDICTION_FILES, "regions")},
        dict(zip(params.models, folders, strict=True)),
        {method: snakemake.output[method] for method in params.methods},
        **params.options,
        site=params.site,
        device=device_of_a_prediction(snakemake.config["training"]["device"]),
        threads=snakemake.threads,
        configurations={
            method: configuration_hash(method, settings, params.seed)
            for method, settings in params.settings.items()
        },
    )
