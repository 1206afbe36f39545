"""Entry of the rule place_scan."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.evaluation.standard_space import place_scan

    place_scan(dict(snakemake.input.items()), dict(snakemake.output.items()))
