"""Reference region of the DVR: grey matter of the segmented T1w image, on the PET grid."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from myelosketch.imaging.anatomy.tissue import TISSUE_CODES
from myelosketch.imaging.registration.itk import register, to_ants
from myelosketch.imaging.registration.resampling import content_box, crop, resample_fraction
from myelosketch.imaging.registration.to_petref import linear_settings
from myelosketch.io.volumes import Volume, check_same_grid, load_volume

# share of a PET voxel that must be grey matter, so that the binding of white matter does not reach it (assumed)
LEAST_SHARE = 0.8


def reference_from_tissue(
    mean: Volume,
    t1w: str | Path,
    brain: str | Path,
    tissue: str | Path,
    *,
    registration: Mapping[str, Any],
    seed: int,
) -> np.ndarray:
    """Return the PET voxels of which grey matter fills at least LEAST_SHARE.

    Parameters
    ----------
    mean : Volume, mean of the late frames
    t1w, brain, tissue : paths on the T1w grid: bias-corrected image, its brain, its tissue (TISSUE_CODES)
    registration : dict, section ``registration`` of the configuration: how T1w is registered to the PET
    seed : int

    Returns
    -------
    array (x, y, z) of bool, on the grid of ``mean``

    Raises
    ------
    InputError : the registration fails
    GeometryError : the T1w images do not share a grid
    """
    image, inside, labels = (load_volume(path) for path in (t1w, brain, tissue))
    check_same_grid(image, inside)
    check_same_grid(image, labels)
    anatomy = Volume(image.data * (inside.data > 0), image.affine)
    with tempfile.TemporaryDirectory() as folder:
        to_pet = f"{folder}/from-T1w_to-pet.mat"
        register(
            to_ants(crop(mean, content_box(mean))),
            to_ants(crop(anatomy, content_box(anatomy))),
            to_pet,
            kind="Rigid",
            **linear_settings(registration, seed),
        )
        grey = (labels.data == TISSUE_CODES["grey matter"]).astype(np.float32)
        return resample_fraction(Volume(grey, labels.affine), mean, [to_pet]).data >= LEAST_SHARE
