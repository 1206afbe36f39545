"""Entry of the rule fit_dvr."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.maps.kinetics import fit_dvr
    from myelosketch.intake.gate import refuse_scan

    # not a parameter, so that accepting a scan does not repeat finished steps
    refuse_scan(snakemake.input.inspection, snakemake.config["cohort"]["accept"])
    fit_dvr(
        dict(snakemake.input.items()),
        snakemake.output.map,
        **snakemake.params.options,
    )
