"""Entry of the rule write_new_patient_page."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.io.provenance import read_json
    from myelosketch.reporting.pages.new_patient import write_new_patient_page
    from myelosketch.reporting.tables.change import HEADING, change_tables

    files = dict(snakemake.input.items())
    change = files.get("change")
    write_new_patient_page(
        snakemake.output[0],
        files,
        method=snakemake.params.method,
        colours=snakemake.params.colours,
        extra={HEADING: change_tables(read_json(change))} if change else None,
    )
