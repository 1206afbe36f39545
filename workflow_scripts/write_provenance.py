"""Entry of the rule write_provenance."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.run_provenance import write_provenance

    write_provenance(snakemake.output[0], config=snakemake.config)
