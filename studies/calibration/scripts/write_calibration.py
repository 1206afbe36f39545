"""Entry of the rule write_calibration."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.calibration.page import write_page

    write_page(
        snakemake.output.page,
        snakemake.output.criteria,
        dict(snakemake.input.items()),
        config=snakemake.input.config,
        benchmarks=snakemake.params.benchmarks,
        facts=snakemake.params.facts,
    )
