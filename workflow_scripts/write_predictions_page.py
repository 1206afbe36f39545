"""Entry of the rule write_predictions_page."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.pages.predictions import write_predictions_page

    params = snakemake.params
    write_predictions_page(
        snakemake.output[0],
        snakemake.input.numbers,
        pages=dict(zip(params.scans, snakemake.input.pages, strict=True)),
        failed=params.excluded,
        scores=snakemake.input.scores,
        method=params.method,
        k=params.k,
    )
