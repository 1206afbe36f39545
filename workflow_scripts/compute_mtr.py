"""Entry of the rule compute_mtr."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.maps.mtr import compute_mtr
    from myelosketch.intake.gate import refuse_scan

    # read from the configuration, not a parameter: what was done with an accepted scan is not done again
    refuse_scan(snakemake.input.inspection, snakemake.config["cohort"]["accept"])
    compute_mtr(
        snakemake.input.mt_on, snakemake.input.mt_off, snakemake.output.map, **snakemake.params.options
    )
