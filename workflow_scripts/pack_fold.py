"""Entry of the rule pack_fold."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.registration.verdicts import refuse_registrations
    from myelosketch.learning.packs import pack_scans

    # not parameters, so that another limit does not repeat a training whose scans still pass
    registration = snakemake.config["registration"]
    refuse_registrations(snakemake.input.checks, registration["quality"], registration["accept"])
    pack_scans(snakemake.params.scans, dict(snakemake.input.items()), snakemake.output[0])
