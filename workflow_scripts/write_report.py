"""Entry of the rule write_report."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.provenance import read_json
    from myelosketch.reporting.report import write_report
    from myelosketch.run_files import RunFiles

    write_report(
        snakemake.output[0],
        RunFiles(snakemake.input),
        captions=snakemake.input.captions,
        provenance=read_json(snakemake.input.provenance),
        facts=snakemake.params.facts,
    )
