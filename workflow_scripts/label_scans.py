"""Entry of the rule label_scans."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.regions import label_scans

    label_scans(snakemake.params.scans, snakemake.output[0], root="results", **snakemake.params.regions)
