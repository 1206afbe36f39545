"""Entry of the rule draw_lesion_agreement."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.lesion_figures import draw_lesion_agreement

    draw_lesion_agreement(
        snakemake.input.lesions,
        snakemake.input.lesion_agreement,
        method=snakemake.params.method,
        alpha=snakemake.params.alpha,
        png=snakemake.output.png,
        svg=snakemake.output.svg,
        tsv=snakemake.output.tsv,
        dpi=snakemake.params.dpi,
        simulated=snakemake.params.simulated,
    )
