"""Entry of the rule draw_ladder."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.ladder_figure import draw_ladder

    draw_ladder(
        snakemake.input.summary,
        k=snakemake.params.k,
        alpha=snakemake.params.alpha,
        png=snakemake.output.png,
        svg=snakemake.output.svg,
        tsv=snakemake.output.tsv,
        dpi=snakemake.params.dpi,
        simulated=snakemake.params.simulated,
    )
