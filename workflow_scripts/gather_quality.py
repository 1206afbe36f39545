"""Entry of the rule gather_quality."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.quality_verdicts import gather_quality

    params = snakemake.params
    jsons = [f"{check}.json" for check in params.checks]
    gather_quality(jsons, snakemake.output[0], params.limits, params.accept)
