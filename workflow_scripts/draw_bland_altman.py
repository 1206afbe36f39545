"""Entry of the rule draw_bland_altman."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.bland_altman_figure import draw_bland_altman

    draw_bland_altman(
        snakemake.input.demyelination,
        snakemake.input.regions,
        snakemake.input.patient_agreement,
        method=snakemake.params.method,
        k=snakemake.params.k,
        alpha=snakemake.params.alpha,
        png=snakemake.output.png,
        svg=snakemake.output.svg,
        tsv=snakemake.output.tsv,
        dpi=snakemake.params.dpi,
        simulated=snakemake.params.simulated,
    )
