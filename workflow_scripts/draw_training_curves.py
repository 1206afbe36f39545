"""Entry of the rule draw_training_curves."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.quality_figures import draw_training_curves

    draw_training_curves(
        snakemake.input.histories,
        png=snakemake.output.png,
        svg=snakemake.output.svg,
        tsv=snakemake.output.tsv,
        dpi=snakemake.params.dpi,
        simulated=snakemake.params.simulated,
    )
