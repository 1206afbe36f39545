"""Entry of the rule write_registration_page."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.pages.registration import write_registration_page

    write_registration_page(
        snakemake.output[0],
        table=snakemake.input.table,
        jsons=snakemake.input.json,
        pictures=snakemake.input.png,
    )
