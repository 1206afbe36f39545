"""Entry of the rule inspect_scans."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.cohort.inspection import inspect_scans

    params = snakemake.params
    inspect_scans(
        params.rows,
        params.states,
        snakemake.output[0],
        **{key: params[key] for key in ("units", "maps", "root")},
    )
