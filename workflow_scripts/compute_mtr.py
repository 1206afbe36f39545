"""Entry of the rule compute_mtr."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.maps.mtr import compute_mtr
    from myelosketch.intake.gate import refuse_scan

    # not a parameter, so that accepting a scan does not repeat finished steps
    refuse_scan(snakemake.input.inspection, snakemake.config["cohort"]["accept"])
    compute_mtr(
        snakemake.input.mt_on, snakemake.input.mt_off, snakemake.output.map, **snakemake.params.options
    )
