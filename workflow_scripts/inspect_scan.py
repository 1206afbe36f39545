"""Entry of the rule inspect_scan."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.cohort.inspection import inspect_scan

    params = snakemake.params
    inspect_scan(
        params.row,
        snakemake.output.json,
        snakemake.output.png,
        **{key: params[key] for key in ("units", "maps", "root", "state")},
    )
