"""Entry of the rule draw_ablations."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.figures.saving import draw_figure

    facts = dict(snakemake.params.facts)
    draw_figure(
        "ablations.build_ablations",
        [snakemake.input.ablations],
        title="Ablations",
        simulated=facts.pop("simulated"),
        settings=facts,
        dpi=snakemake.params.dpi,
        **dict(snakemake.output.items()),
    )
