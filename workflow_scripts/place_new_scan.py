"""Entry of the rule place_new_scan."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.prediction.spaces import place_new_scan

    place_new_scan(dict(snakemake.input.items()), dict(snakemake.output.items()))
