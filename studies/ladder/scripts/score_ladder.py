"""Entry of the rule score_ladder."""

from pathlib import Path

from myelosketch.job import job

with job(snakemake):
    from myelosketch.evaluation.ladder_study import score_patients
    from myelosketch.imaging.registration.verdicts import refuse_registrations

    params, files = snakemake.params, dict(snakemake.input.items())
    registration = snakemake.config["registration"]  # no parameter, as for pack_fold
    refuse_registrations(files.pop("checks"), registration["quality"], registration["accept"])
    folders = [Path(path).parent for path in files.pop("models")]
    attainable = [folder for folder in folders if str(folder) == params.attainable]
    score_patients(
        params.scans,
        {key: paths for key, paths in files.items() if not isinstance(paths, str)},
        {key: path for key, path in files.items() if isinstance(path, str)},
        {folder.name: folder for folder in folders if folder not in attainable},
        snakemake.output[0],
        **{
            key: params[key]
            for key in ("methods", "ceilings", "seed", "settings", "min_voxels", "prediction")
        },
        attainable=attainable[0] if attainable else None,
    )
