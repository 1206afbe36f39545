"""Entry of the rule draw_sites."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.comparison_figures import draw_sites

    draw_sites(
        snakemake.input.summary,
        snakemake.input.external,
        k=snakemake.params.k,
        alpha=snakemake.params.alpha,
        png=snakemake.output.png,
        svg=snakemake.output.svg,
        tsv=snakemake.output.tsv,
        dpi=snakemake.params.dpi,
        simulated=snakemake.params.simulated,
    )
