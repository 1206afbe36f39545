"""Entry of the rule gather_scores."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.evaluation.gather import gather_all

    gather_all(snakemake.input.tables, snakemake.output)
