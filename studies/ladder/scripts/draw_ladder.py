"""Entry of the rule draw_ladder."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.figures.saving import draw_figure

    draw_figure(
        "ladder_study.build_ladder_study",
        [snakemake.input.ladder],
        title="Ladder",
        simulated=True,
        settings=snakemake.params.facts,
        dpi=snakemake.params.dpi,
        **dict(snakemake.output.items()),
    )
