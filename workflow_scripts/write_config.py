"""Entry of the rule write_config."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.io.provenance import write_json

    write_json(snakemake.output[0], snakemake.config)
