"""Entry of the rule register_scan."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.files import Anatomy, OnPetGrid, RawImages, given_transforms
    from myelosketch.imaging.registration.quality import check_registration
    from myelosketch.imaging.registration.to_petref import register_scan
    from myelosketch.io.provenance import read_json

    files, made = dict(snakemake.input.items()), dict(snakemake.output.items())
    images = RawImages.of(files | {"given": given_transforms(files, snakemake.params.aligned)})
    anatomy, moved = Anatomy.of(files), OnPetGrid.of(made)
    settings = {key: snakemake.params[key] for key in ("registration", "units", "seed")}
    # a scan without PET is on a grid with the voxels of the model
    model = files.get("model")
    voxel_mm = read_json(model)["voxel_mm"] if model else None
    register_scan(images, anatomy, moved, voxel_mm=voxel_mm, **settings)
    check_registration(
        images,
        anatomy,
        moved.xfm_t1w_to_petref,
        numbers=made["json"],
        picture=made["png"],
        scan=snakemake.wildcards.scan,
        group=snakemake.params.group,
        **settings,
    )
