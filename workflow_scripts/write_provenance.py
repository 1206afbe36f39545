"""Entry of the rule write_provenance."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.io.provenance import read_json
    from myelosketch.reporting.run_provenance import write_provenance

    run = snakemake.input.run
    write_provenance(snakemake.output[0], config=snakemake.config, run=read_json(run) if run else None)
