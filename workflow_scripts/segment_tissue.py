"""Entry of the rule segment_tissue."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.tissue import segment_tissue

    segment_tissue(
        snakemake.input.t1w,
        snakemake.input.lesion_mask or None,
        dict(snakemake.output.items()),
        sampling=snakemake.params.sampling,
        seed=snakemake.params.seed,
        **snakemake.params.tissue,
    )
