"""Entry of the rule make_regions."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.regions import make_regions

    keys = ("tissue", "brain", "lesion_mask", "petref", "xfm_t1w_to_petref")
    make_regions(
        {key: snakemake.input[key] or None for key in keys},
        dict(snakemake.output.items()),
        threshold=snakemake.params.threshold,
        perilesional_mm=snakemake.params.perilesional_mm,
    )
