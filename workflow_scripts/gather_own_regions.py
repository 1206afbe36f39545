"""Entry of the rule gather_own_regions."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.evaluation.own_regions_summary import gather

    gather(
        snakemake.input,
        snakemake.output.table,
        snakemake.output.summary,
        **snakemake.params.settings,
    )
