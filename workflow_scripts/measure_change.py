"""Entry of the rule measure_change."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.evaluation.demyelination import read_threshold
    from myelosketch.imaging.registration.verdicts import refuse_registrations
    from myelosketch.prediction.follow_up import measure_change

    registration = snakemake.config["registration"]  # no parameter, as for pack_fold
    refuse_registrations(snakemake.input.checks, registration["quality"], registration["accept"])
    params = snakemake.params
    measure_change(
        dict(snakemake.input.items()),
        params.scans,
        snakemake.output[0],
        subject=snakemake.wildcards.subject,
        healthy=read_threshold(snakemake.input.threshold),
        **{key: params[key] for key in ("group", "method", "with_pet", "settings")},
    )
