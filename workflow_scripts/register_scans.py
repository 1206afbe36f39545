"""Entry of the rule register_scans."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.parts import register_scans

    settings = {key: snakemake.params[key] for key in ("registration", "seed")}
    register_scans(snakemake.params.scans, snakemake.output[0], **settings)
