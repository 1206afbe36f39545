"""Entry of the rule score_ablation."""

from pathlib import Path

from myelosketch.job import job

with job(snakemake):
    from myelosketch.evaluation.ablations import score_variant
    from myelosketch.learning.gpu_lock import device_of_a_prediction

    device = device_of_a_prediction(snakemake.config["training"]["device"])
    params, shared = snakemake.params, ("threshold", "reference_mean", "reference_sd", "places")
    of_fold = {key: snakemake.input[key] for key in shared}
    score_variant(
        [
            scan | {"fold": int(snakemake.wildcards.fold), "files": scan["files"] | of_fold}
            for scan in params.scans
        ],
        {Path(path).parent.name: Path(path).parent for path in snakemake.input.models},
        dict(snakemake.output.items()),
        methods=params.methods,
        settings=params.settings | {"regions": params.regions},
        prediction=params.prediction | {"device": device, "threads": snakemake.threads},
    )
