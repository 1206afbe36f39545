"""Entry of the rule write_latex_tables."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.io.run_files import RunFiles
    from myelosketch.reporting.tables.latex import write_latex_tables

    write_latex_tables(
        dict(snakemake.output.items()), RunFiles(snakemake.input), facts=snakemake.params.facts
    )
