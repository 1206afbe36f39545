"""Entry of the rule check_model."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.prediction.model_check import check_model

    check_model(
        snakemake.input[0],
        snakemake.output.facts,
        snakemake.output.readme,
        settings=snakemake.params.settings,
    )
