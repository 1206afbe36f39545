"""Entry of the rule draw_individuals."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.regional_figures import draw_individuals

    draw_individuals(
        snakemake.input.regions,
        method=snakemake.params.method,
        png=snakemake.output.png,
        svg=snakemake.output.svg,
        tsv=snakemake.output.tsv,
        dpi=snakemake.params.dpi,
        simulated=snakemake.params.simulated,
    )
