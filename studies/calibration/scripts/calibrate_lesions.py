"""Entry of the rule calibrate_lesions."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.calibration.steps import calibrate_lesions

    calibrate_lesions(snakemake.input.surveyed, dict(snakemake.output.items()))
