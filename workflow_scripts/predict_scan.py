"""Entry of the rule predict_scan."""

from pathlib import Path

from myelosketch.job import job

with job(snakemake):
    from myelosketch.learning.predict import predict_scan

    folders = [Path(path).parent for path in snakemake.input.weights]
    predict_scan(
        dict(snakemake.input.items()),
        dict(zip(snakemake.params.models, folders, strict=True)),
        dict(snakemake.output.items()),
        window=snakemake.params.window,
        overlap=snakemake.params.overlap,
        device=snakemake.config["training"]["device"],
        threads=snakemake.threads,
    )
