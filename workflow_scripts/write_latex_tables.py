"""Entry of the rule write_latex_tables."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.latex_tables import write_latex_tables
    from myelosketch.run_files import RunFiles

    write_latex_tables(
        dict(snakemake.output.items()), RunFiles(snakemake.input), facts=snakemake.params.facts
    )
