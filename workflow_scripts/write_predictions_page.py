"""Entry of the rule write_predictions_page."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.io.tables import read_table
    from myelosketch.reporting.pages.predictions import write_predictions_page

    write_predictions_page(
        snakemake.output[0],
        snakemake.input.numbers,
        pages=dict(zip(snakemake.params.scans, snakemake.input.pages, strict=True)),
        failed=read_table(snakemake.input.failed).to_dict("records"),
    )
