"""Entry of the rule label_scan."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.regions import make_regions

    outputs = dict(snakemake.output.items())
    make_regions(
        snakemake.input.fractions,
        outputs,
        dvr=snakemake.input.dvr or None,
        control=snakemake.params.control,
        **snakemake.params.regions,
    )
