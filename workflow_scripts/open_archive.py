"""Entry of the rule open_archive."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.io.provenance import read_json, write_json
    from myelosketch.reporting.run_provenance import config_hash, software

    run = config_hash(read_json(snakemake.input.config))
    write_json(snakemake.output[0], {"config_sha256": run, "software": software()})
