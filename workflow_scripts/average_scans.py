"""Entry of the rule average_scans."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.evaluation.group_maps import average_scans

    params = snakemake.params
    files = dict(snakemake.input.items())
    average_scans(files, snakemake.output, params.scans, method=params.method)
