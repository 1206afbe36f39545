"""Entry of the rule prepare_anatomy."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.parts import prepare_scans

    settings = {key: snakemake.params[key] for key in ("tissue", "lesions", "registration", "seed")}
    prepare_scans(snakemake.params.scans, snakemake.output[0], **settings)
