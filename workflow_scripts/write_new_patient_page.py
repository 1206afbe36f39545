"""Entry of the rule write_new_patient_page."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.pages.new_patient import write_new_patient_page

    keys = ("method", "colours")
    write_new_patient_page(
        snakemake.output[0], dict(snakemake.input.items()), **{key: snakemake.params[key] for key in keys}
    )
