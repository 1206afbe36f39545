"""Entry of the rule fit_template."""

from pathlib import Path

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.registration.verdicts import refuse_registrations
    from myelosketch.learning.template import fit_template

    registration = snakemake.config["registration"]  # not a parameter, for the reason given in pack_fold.py
    refuse_registrations(snakemake.input.checks, registration["quality"], registration["accept"])
    fit_template(
        snakemake.params.controls,
        dict(snakemake.input.items()),
        Path(snakemake.output.weights).parent,
        smoothing_mm=snakemake.params.smoothing_mm,
        fold=int(snakemake.wildcards.fold),
    )
