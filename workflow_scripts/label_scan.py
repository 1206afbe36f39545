"""Entry of the rule label_scan."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.regions import make_regions

    outputs = dict(snakemake.output.items())
    dvr = snakemake.input.dvr or None
    make_regions(snakemake.input.fractions, outputs, dvr=dvr, **snakemake.params.regions)
