"""Entry of the rule write_predictions_page."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.pages.predictions import without_prediction, write_predictions_page

    files, params = snakemake.input, snakemake.params
    write_predictions_page(
        snakemake.output[0],
        files.numbers,
        pages=dict(zip(params.scans, files.pages, strict=True)),
        failed=without_prediction(files.table),
        scores=files.scores,
        method=params.method,
        k=params.k,
    )
