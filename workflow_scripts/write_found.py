"""Entry of the rule write_found."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.cohort.found import write_found

    write_found(snakemake.params.rows, snakemake.output[0])
