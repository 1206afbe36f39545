"""Entry of the rule write_patient_pages."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.patient_page import write_patient_pages

    write_patient_pages(
        dict(zip(snakemake.params.scans, snakemake.output, strict=True)),
        root="results",
        methods=snakemake.params.methods,
        method=snakemake.params.method,
        k=snakemake.params.k,
        colours=snakemake.params.colours,
        simulated=snakemake.params.simulated,
        external=snakemake.params.external,
    )
