"""Entry of the rule gather_scores."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.evaluation.gather import gather_scores

    gather_scores(snakemake.input, dict(snakemake.output.items()))
