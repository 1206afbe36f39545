"""Entry of the rule draw_registration_quality."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.registration_figure import draw_registration_quality

    draw_registration_quality(
        snakemake.input.qc[0],
        limits=snakemake.params.limits,
        png=snakemake.output.png,
        svg=snakemake.output.svg,
        tsv=snakemake.output.tsv,
        dpi=snakemake.params.dpi,
        simulated=snakemake.params.simulated,
    )
