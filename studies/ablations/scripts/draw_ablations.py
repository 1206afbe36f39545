"""Entry of the rule draw_ablations."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.ablation_figure import draw_ablations

    draw_ablations(
        snakemake.input.ablations,
        k=snakemake.params.k,
        alpha=snakemake.params.alpha,
        png=snakemake.output.png,
        svg=snakemake.output.svg,
        tsv=snakemake.output.tsv,
        dpi=snakemake.params.dpi,
        simulated=snakemake.params.simulated,
    )
