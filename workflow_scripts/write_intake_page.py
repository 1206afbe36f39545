"""Entry of the rule write_intake_page."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.pages.intake import write_intake_page

    keys = ("intake", "excluded", "inspections")
    write_intake_page(snakemake.output[0], **{key: snakemake.input[key] for key in keys})
