"""Entry of the rule draw_calibration_curves."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.calibration_figure import draw_calibration_curves

    draw_calibration_curves(
        snakemake.input.calibration,
        snakemake.input.voxelwise,
        method=snakemake.params.method,
        png=snakemake.output.png,
        svg=snakemake.output.svg,
        tsv=snakemake.output.tsv,
        dpi=snakemake.params.dpi,
        simulated=snakemake.params.simulated,
    )
