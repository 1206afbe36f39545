"""Entry of the rule fit_threshold."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.evaluation.demyelination import fit_threshold

    fit_threshold(
        snakemake.input.dvr,
        snakemake.input.regions,
        snakemake.params.controls,
        snakemake.output[0],
        fold=int(snakemake.wildcards.fold),
        reference=snakemake.params.reference,
    )
