"""Entry of the rule write_report."""

from pathlib import Path

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.report import write_report

    write_report(
        snakemake.output[0],
        root="results",
        captions=Path(snakemake.input.captions[0]).parent,
        config=snakemake.params.config,
        facts=snakemake.params.facts,
    )
