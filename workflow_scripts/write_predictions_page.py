"""Entry of the rule write_predictions_page."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.pages.predictions import without_prediction, write_predictions_page

    write_predictions_page(
        snakemake.output[0],
        snakemake.input.numbers,
        pages=dict(zip(snakemake.params.scans, snakemake.input.pages, strict=True)),
        failed=without_prediction(snakemake.input.table),
    )
