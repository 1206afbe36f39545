"""Entry of the rule pack_scans."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.learning.packs import pack_scans

    pack_scans(snakemake.params.scans, snakemake.output[0], root="results")
