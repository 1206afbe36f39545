"""Entry of the rule make_regions."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.regions import make_regions

    make_regions(snakemake.input.fractions, dict(snakemake.output.items()), **snakemake.params.regions)
