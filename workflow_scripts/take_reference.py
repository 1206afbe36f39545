"""Entry of the rule take_reference."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.prediction.healthy import take_reference

    take_reference(snakemake.input[0], dict(snakemake.output.items()))
