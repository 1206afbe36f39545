"""Entry of the rule predict_scans."""

from pathlib import Path

from myelosketch.job import job

with job(snakemake):
    from myelosketch.learning.predict import predict_scans
    from myelosketch.learning.training import configuration_hash

    params = snakemake.params
    folders = [Path(path).parent for path in snakemake.input.weights]
    predict_scans(
        params.scans,
        dict(zip(params.models, folders, strict=True)),
        snakemake.output[0],
        root="results",
        methods=params.methods,
        **params.options,
        device=snakemake.config["training"]["device"],
        threads=snakemake.threads,
        configurations={
            method: configuration_hash(method, settings, params.seed)
            for method, settings in params.settings.items()
        },
    )
