"""Entry of the rule fit_dvr."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.cohort.intake import refuse_scan
    from myelosketch.imaging.kinetics import fit_dvr

    # read from the configuration, not a parameter: what was done with an accepted scan is not done again
    refuse_scan(snakemake.input.inspection, snakemake.config["cohort"]["accept"])
    fit_dvr(
        dict(snakemake.input.items()),
        snakemake.output.map,
        **snakemake.params.options,
    )
