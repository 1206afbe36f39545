"""Entry of the rules prepare_anatomy and prepare_anatomy_with_flair."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.anatomy import prepare_anatomy

    params = snakemake.params
    images = {name: path or None for name, path in snakemake.input.items() if name != "admitted"}
    prepare_anatomy(
        images | {"lesion_space": params.lesion_space},
        dict(snakemake.output.items()),
        **{key: params[key] for key in ("tissue", "lesions", "registration", "units", "seed")},
    )
