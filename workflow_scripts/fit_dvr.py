"""Entry of the rule fit_dvr."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.kinetics import fit_dvr

    fit_dvr(
        dict(snakemake.input.items()) | snakemake.params.anatomy,
        snakemake.output[0],
        **snakemake.params.options,
    )
