"""Entry of the rule inspect_scan."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.cohort.inspection import inspect_scan
    from myelosketch.provenance import write_json

    params = snakemake.params
    settings = {key: params[key] for key in ("units", "maps", "root")}
    write_json(snakemake.output[0], inspect_scan(params.row, **settings))
