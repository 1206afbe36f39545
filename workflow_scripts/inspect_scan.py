"""Entry of the rule inspect_scan."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.intake.inspection import inspect_scan
    from myelosketch.io.provenance import write_json

    params = snakemake.params
    images = {name: path for name, path in snakemake.input.items() if name != "beside"}
    settings = {key: params[key] for key in ("units", "maps", "lesions", "root")}
    write_json(snakemake.output[0], inspect_scan(params.scan | images, **settings))
