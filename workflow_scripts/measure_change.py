"""Entry of the rule measure_change."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.evaluation.demyelination import read_threshold
    from myelosketch.imaging.registration.verdicts import refuse_registrations
    from myelosketch.io.provenance import read_json
    from myelosketch.prediction.follow_up import measure_change
    from myelosketch.prediction.verdict import WITHHELD

    files, params = dict(snakemake.input.items()), snakemake.params
    withheld = []
    if files["numbers"]:  # new scans only: their verdict takes failed registrations into account
        verdicts = [read_json(path)["verdict"] for path in files["numbers"]]
        withheld = [scan for scan, verdict in zip(params.scans, verdicts, strict=True) if verdict == WITHHELD]
    else:
        # not a parameter, for the reason given in pack_fold.py
        registration = snakemake.config["registration"]
        refuse_registrations(files["checks"], registration["quality"], registration["accept"])
    measure_change(
        files,
        params.scans,
        snakemake.output[0],
        subject=snakemake.wildcards.subject,
        healthy=read_threshold(files["threshold"]),
        withheld=withheld,
        **{key: params[key] for key in ("group", "method", "with_pet", "settings")},
    )
