"""Entry of the rule check_inputs."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.cohort.checks import check_inputs
    from myelosketch.tables import read_table

    cohort = read_table(snakemake.input.cohort).astype(object)
    check_inputs(cohort.where(cohort.notna(), None), snakemake.output[0])
