"""Entry of the rule fit_threshold."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.evaluation.demyelination import fit_threshold

    keys = ("dvr", "regions", "xfm_t1w_to_petref", "xfm_t1w_to_mni")
    fit_threshold(
        {key: list(snakemake.input[key]) for key in keys},
        snakemake.params.controls,
        dict(snakemake.output.items()),
        fold=int(snakemake.wildcards.fold),
        fwhm_mm=snakemake.params.fwhm_mm,
    )
