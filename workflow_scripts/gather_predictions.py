"""Entry of the rule gather_predictions."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.prediction.gather import write_predictions

    write_predictions(snakemake.input.numbers, snakemake.output[0], excluded=snakemake.params.excluded)
