"""Entry of the rule write_report."""

from pathlib import Path

from myelosketch.job import job

with job(snakemake):
    from myelosketch.provenance import read_json
    from myelosketch.reporting.report import write_report

    write_report(
        snakemake.output[0],
        root="results",
        captions=Path(snakemake.input.captions[0]).parent,
        provenance=read_json(snakemake.input.provenance),
        facts=snakemake.params.facts,
    )
