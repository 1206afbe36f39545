"""Entry of the rule admit_scans."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.intake.gate import admit_scans

    admit_scans(snakemake.input.intake, snakemake.output[0])
