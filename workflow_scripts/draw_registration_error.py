"""Entry of the rule draw_registration_error."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.quality_figures import draw_registration_error

    draw_registration_error(
        snakemake.input.registration_error,
        png=snakemake.output.png,
        svg=snakemake.output.svg,
        tsv=snakemake.output.tsv,
        dpi=snakemake.params.dpi,
        simulated=snakemake.params.simulated,
    )
