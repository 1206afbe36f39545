"""Entry of the rule draw_demyelinated_percentage."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.demyelination_figure import draw_demyelinated_percentage

    draw_demyelinated_percentage(
        snakemake.input.demyelination,
        method=snakemake.params.method,
        k=snakemake.params.k,
        png=snakemake.output.png,
        svg=snakemake.output.svg,
        tsv=snakemake.output.tsv,
        dpi=snakemake.params.dpi,
        simulated=snakemake.params.simulated,
    )
