"""Entry of the rule predict_scan."""

from pathlib import Path

from myelosketch.job import job

with job(snakemake):
    from myelosketch.learning.predict import predict_scan

    folders = [Path(path).parent for path in snakemake.input.weights]
    predict_scan(
        dict(snakemake.input.items()),
        dict(zip(snakemake.params.models, folders, strict=True)),
        {method: snakemake.output[method] for method in snakemake.params.methods},
        **snakemake.params.options,
        device=snakemake.config["training"]["device"],
        threads=snakemake.threads,
    )
