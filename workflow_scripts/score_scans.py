"""Entry of the rule score_scans."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.evaluation.parts import score_scans

    params, shared = snakemake.params, ("threshold", "reference_mean", "reference_sd", "places")
    of_fold = {key: snakemake.input[key] for key in shared}
    score_scans(
        [
            scan | {"fold": int(snakemake.wildcards.fold), "files": scan["files"] | of_fold}
            for scan in params.scans
        ],
        {name: path for name, path in snakemake.output.items() if name != "masks"},
        settings=params.settings | {"regions": params.regions},
        record=snakemake.output.masks,
    )
