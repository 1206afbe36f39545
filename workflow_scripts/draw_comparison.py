"""Entry of the rule draw_comparison."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.comparison_figures import draw_comparison

    draw_comparison(
        snakemake.input.ranks,
        snakemake.input.comparisons,
        method=snakemake.params.method,
        alpha=snakemake.params.alpha,
        png=snakemake.output.png,
        svg=snakemake.output.svg,
        tsv=snakemake.output.tsv,
        dpi=snakemake.params.dpi,
        simulated=snakemake.params.simulated,
    )
