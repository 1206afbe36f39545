"""Entry of the rule pack_fold."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.learning.packs import pack_scans

    pack_scans(snakemake.params.scans, dict(snakemake.input.items()), snakemake.output[0])
