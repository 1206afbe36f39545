"""Entry of the rule draw_agreement."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.agreement_figure import draw_agreement

    draw_agreement(
        "results",
        scans=snakemake.params.scans,
        method=snakemake.params.method,
        demyelination=snakemake.input.demyelination,
        k=snakemake.params.k,
        colours=snakemake.params.agreement_colours,
        png=snakemake.output.png,
        svg=snakemake.output.svg,
        tsv=snakemake.output.tsv,
        dpi=snakemake.params.dpi,
        simulated=snakemake.params.simulated,
    )
