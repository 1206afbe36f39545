"""Entry of the rule gather_intake."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.intake.gate import gather_intake

    gather_intake(snakemake.input.inspections, snakemake.output[0], snakemake.params.accept)
