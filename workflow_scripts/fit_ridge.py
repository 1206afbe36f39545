"""Entry of the rule fit_ridge."""

from pathlib import Path

from myelosketch.job import job

with job(snakemake):
    from myelosketch.learning.data import TRAINING_FILES
    from myelosketch.learning.ridge import fit_ridge

    fit_ridge(
        snakemake.params.scans,
        {key: list(snakemake.input[key]) for key in TRAINING_FILES},
        Path(snakemake.output.weights).parent,
        alphas=snakemake.params.alphas,
        splits=snakemake.params.splits,
        inputs=snakemake.params.inputs,
        fold=int(snakemake.wildcards.fold),
    )
