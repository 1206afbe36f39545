"""Entry of the rule fit_threshold."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.evaluation.demyelination import fit_threshold
    from myelosketch.imaging.registration.verdicts import refuse_registrations

    registration = snakemake.config["registration"]  # not a parameter, for the reason given in pack_fold.py
    refuse_registrations(snakemake.input.checks, registration["quality"], registration["accept"])
    fit_threshold(
        dict(snakemake.input.items()),
        snakemake.params.controls,
        dict(snakemake.output.items()),
        fold=int(snakemake.wildcards.fold),
        fwhm_mm=snakemake.params.fwhm_mm,
    )
