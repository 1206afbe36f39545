"""Entry of the rule fit_dvr."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.kinetics import fit_dvr

    fit_dvr(
        dict(snakemake.input.items()),
        snakemake.output.map,
        **snakemake.params.options,
    )
