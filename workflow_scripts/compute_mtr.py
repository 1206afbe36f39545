"""Entry of the rule compute_mtr."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.mtr import compute_mtr

    compute_mtr(
        snakemake.input.mt_on, snakemake.input.mt_off, snakemake.output.map, **snakemake.params.options
    )
