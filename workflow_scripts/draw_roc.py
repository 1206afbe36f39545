"""Entry of the rule draw_roc."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.roc_figure import draw_roc

    draw_roc(
        snakemake.input.roc,
        snakemake.input.summary,
        method=snakemake.params.method,
        k=snakemake.params.k,
        png=snakemake.output.png,
        svg=snakemake.output.svg,
        tsv=snakemake.output.tsv,
        dpi=snakemake.params.dpi,
        simulated=snakemake.params.simulated,
    )
