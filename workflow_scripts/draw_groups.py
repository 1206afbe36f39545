"""Entry of the rule draw_groups."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.regional_figures import draw_groups

    draw_groups(
        snakemake.input.regions,
        method=snakemake.params.method,
        methods=snakemake.params.methods,
        png=snakemake.output.png,
        svg=snakemake.output.svg,
        tsv=snakemake.output.tsv,
        dpi=snakemake.params.dpi,
        simulated=snakemake.params.simulated,
    )
