"""Entry of the rule prepare_anatomy."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.anatomy import prepare_anatomy

    prepare_anatomy(
        {key: path or None for key, path in snakemake.input.items()}
        | {"lesion_space": snakemake.params.lesion_space},
        dict(snakemake.output.items()),
        tissue=snakemake.params.tissue,
        lesions=snakemake.params.lesions,
        registration=snakemake.params.registration,
        units=snakemake.params.units,
        seed=snakemake.params.seed,
    )
