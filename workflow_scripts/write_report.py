"""Entry of the rule write_report."""

from myelosketch.job import job

with job(snakemake):
    from pathlib import Path

    from myelosketch.io.provenance import read_json
    from myelosketch.io.run_files import RunFiles
    from myelosketch.reporting.pages.report import write_report

    write_report(
        snakemake.output[0],
        RunFiles(snakemake.input),
        captions=snakemake.input.captions,
        glossary=snakemake.input.glossary,
        provenance=read_json(snakemake.input.provenance),
        facts=snakemake.params.facts,
        methods=Path(snakemake.input.methods).read_text(encoding="utf-8"),
    )
