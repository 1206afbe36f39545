"""Entry of the rules analyse_scores and analyse_external_scores."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.evaluation.analyses import analyse_scores

    analyse_scores(dict(snakemake.input.items()), dict(snakemake.output.items()), **snakemake.params.settings)
