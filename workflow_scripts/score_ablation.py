"""Entry of the rule score_ablation."""

from pathlib import Path

from myelosketch.job import job

with job(snakemake):
    from myelosketch.evaluation.ablations import score_variant

    files, params = dict(snakemake.input.items()), snakemake.params
    for key in ("models", "library"):
        files.pop(key)
    fold = int(snakemake.wildcards.fold)
    scans = []
    for number, known in enumerate(params.scans):
        # one path for all scans, or one per scan
        own = {key: path if isinstance(path, str) else path[number] for key, path in files.items()}
        scans.append(known | {"fold": fold, "files": own})
    score_variant(
        scans,
        {Path(path).parent.name: Path(path).parent for path in snakemake.input.models},
        dict(snakemake.output.items()),
        methods=params.methods,
        settings=params.settings | {"regions": params.regions},
        prediction=params.prediction
        | {"device": snakemake.config["training"]["device"], "threads": snakemake.threads},
    )
