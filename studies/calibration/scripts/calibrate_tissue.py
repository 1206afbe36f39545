"""Entry of the rule calibrate_tissue."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.calibration.steps import calibrate_tissue

    calibrate_tissue(
        snakemake.input.participants,
        dict(zip(snakemake.params.patients, snakemake.input.lesion_tables, strict=True)),
        dict(snakemake.output.items()),
    )
