"""Entry of the rule draw_calibration."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.calibration.steps import FIGURES, draw_calibration

    draw_calibration(
        snakemake.input.participants,
        snakemake.input.surveyed,
        snakemake.input.ladder,
        {
            name: {suffix: snakemake.output[f"{name}_{suffix}"] for suffix in ("png", "svg", "tsv")}
            for name in FIGURES
        },
        k=snakemake.params.k,
        alpha=snakemake.params.alpha,
        dpi=snakemake.params.dpi,
    )
