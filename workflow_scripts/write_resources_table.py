"""Entry of the rule write_resources_table."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.resources import write_resources

    write_resources(
        snakemake.output.table,
        snakemake.output.profile,
        snakemake.output.page,
        root="results",
        rules=snakemake.params.rules,
    )
