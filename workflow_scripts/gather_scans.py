"""Entry of the rule gather_scans."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.evaluation.scans import write_scans

    write_scans(dict(snakemake.input.items()), *snakemake.output, **snakemake.params.settings)
