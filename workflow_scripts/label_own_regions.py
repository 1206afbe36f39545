"""Entry of the rule label_own_regions."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.evaluation.own_regions import label_scan

    label_scan(
        dict(snakemake.input.items()),
        dict(snakemake.output.items()),
        space=snakemake.params.space,
        threshold=snakemake.params.threshold,
    )
