"""Entry of the rule admit_registrations."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.registration.verdicts import admit_registrations

    admit_registrations(snakemake.input.table, snakemake.output[0])
