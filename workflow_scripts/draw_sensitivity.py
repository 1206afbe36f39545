"""Entry of the rule draw_sensitivity."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.sensitivity_figure import draw_sensitivity

    for axis, name in snakemake.params.axes.items():
        draw_sensitivity(
            snakemake.input.sensitivity,
            axis=axis,
            in_force=snakemake.params.in_force[axis],
            alpha=snakemake.params.alpha,
            png=snakemake.output[f"{name}_png"],
            svg=snakemake.output[f"{name}_svg"],
            tsv=snakemake.output[f"{name}_tsv"],
            dpi=snakemake.params.dpi,
            simulated=snakemake.params.simulated,
        )
