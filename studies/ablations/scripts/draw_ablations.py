"""Entry of the rule draw_ablations."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.saving import draw_figure

    draw_figure(
        "ablation_figure.build_ablations",
        [snakemake.input.ablations],
        title="Ablations",
        simulated=snakemake.params.simulated,
        settings={"k": snakemake.params.k, "alpha": snakemake.params.alpha},
        dpi=snakemake.params.dpi,
        **dict(snakemake.output.items()),
    )
