"""Entry of the rule gather_change."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.prediction.follow_up import gather_change

    gather_change(snakemake.input, dict(snakemake.output.items()))
