"""Entry of the rule gather_volumes."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.regions import gather_volumes

    gather_volumes(snakemake.input, snakemake.params.groups, snakemake.output[0])
