"""Entry of the rule draw_lesion_means."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.lesion_figures import draw_lesion_means

    draw_lesion_means(
        snakemake.input.lesions,
        method=snakemake.params.method,
        png=snakemake.output.png,
        svg=snakemake.output.svg,
        tsv=snakemake.output.tsv,
        dpi=snakemake.params.dpi,
        simulated=snakemake.params.simulated,
    )
