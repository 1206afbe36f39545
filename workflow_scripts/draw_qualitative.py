"""Entry of the rule draw_qualitative."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.qualitative_figure import draw_qualitative

    draw_qualitative(
        "results",
        scans=snakemake.params.scans,
        methods=snakemake.params.methods,
        region_volumes=snakemake.input.region_volumes,
        patient=snakemake.params.example_patient,
        png=snakemake.output.png,
        svg=snakemake.output.svg,
        tsv=snakemake.output.tsv,
        dpi=snakemake.params.dpi,
        simulated=snakemake.params.simulated,
    )
