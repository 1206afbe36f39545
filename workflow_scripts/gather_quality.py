"""Entry of the rule gather_quality."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.registration.verdicts import gather_quality

    gather_quality(snakemake.input, snakemake.output[0], snakemake.params.limits, snakemake.params.accept)
