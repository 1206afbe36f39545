"""Entry of the rule calibrate_prediction."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.calibration.steps import calibrate_prediction

    calibrate_prediction(
        snakemake.input.participants,
        snakemake.params.folds,
        dict(snakemake.output.items()),
        settings=snakemake.params.settings,
        bootstrap=snakemake.params.bootstrap,
        seed=snakemake.params.seed,
        alpha=snakemake.params.alpha,
    )
