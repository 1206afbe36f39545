"""Entry of the rule write_methods_text."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.io.provenance import read_json, write_text
    from myelosketch.reporting.methods.text import cited_references, methods_text, read_tables

    files = snakemake.input
    tables = read_tables({name: files[name] for name in ("cohort", "excluded", "folds")})
    text = methods_text(snakemake.config, read_json(files.provenance), **tables)
    write_text(snakemake.output.text, text)
    write_text(snakemake.output.references, cited_references(text))
