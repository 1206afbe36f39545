"""Entry of the rule write_patient_pages."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.io.run_files import RunFiles
    from myelosketch.reporting.pages.patient import write_patient_pages

    keys = ("methods", "method", "k", "colours", "simulated", "world", "external")
    write_patient_pages(
        dict(zip(snakemake.params.scans, snakemake.output, strict=True)),
        RunFiles(snakemake.input),
        **{key: snakemake.params[key] for key in keys},
    )
