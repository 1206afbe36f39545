"""Entry of the rule write_latex_tables."""

from pathlib import Path

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.latex_tables import write_latex_tables

    write_latex_tables(Path(snakemake.output[0]).parent, root="results", facts=snakemake.params.facts)
