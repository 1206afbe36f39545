"""Entry of the rule write_bundle."""

from pathlib import Path

from myelosketch.job import job

with job(snakemake):
    from myelosketch.prediction.bundle_plan import IMAGES
    from myelosketch.prediction.bundling import write_bundle

    files, params = snakemake.input, snakemake.params
    folders = [Path(path).parent for path in files.weights]
    write_bundle(
        snakemake.output[0],
        models=dict(zip(map(tuple, params.models), folders, strict=True)),
        tables={Path(path).stem: path for path in files.tables},
        images={key: files[key] for key in IMAGES},
        inspections=files.inspections,
        groups=params.groups,
        facts={**params.facts, "pet_fwhm_mm": params.pet_fwhm_mm, "settings": params.settings},
    )
