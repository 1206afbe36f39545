"""Predicted maps in the spaces where people look at them: the T1w image and the MNI152 template."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from myelosketch.evaluation.mni import petref_to_mni, point_matrix, resample
from myelosketch.io.provenance import provenance
from myelosketch.io.volumes import Volume, load_volume, save_volume

# of the template's own grid (MNI152 2009a, symmetric, 1 mm), with its origin
MNI_SHAPE = (197, 233, 189)
MNI_AFFINE = np.array([[1.0, 0, 0, -98], [0, 1.0, 0, -134], [0, 0, 1.0, -72], [0, 0, 0, 1]])
TEMPLATE = "MNI152NLin2009aSym"
# share of a voxel that makes it part of a mask
OWNS = 0.5


def place_new_scan(files: Mapping[str, str | Path], outputs: Mapping[str, str | Path]) -> None:
    """Resample a predicted DVR map and its demyelinated voxels from petref, once each, to T1w and to MNI152 space.

    The place in MNI152 space is that of the affine transform of the registration: good for group maps, not for
    single voxels of the cortex.

    Parameters
    ----------
    files : dict of paths: ``predicted``, ``demyelinated``, ``t1w``, ``xfm_t1w_to_petref``, ``xfm_t1w_to_mni``
    outputs : dict of paths: ``predicted_t1w``, ``demyelinated_t1w``, ``predicted_mni``, ``demyelinated_mni``
    """
    t1w = load_volume(files["t1w"])
    # points of the target to points of petref
    spaces = {
        "t1w": (t1w.shape, t1w.affine, np.linalg.inv(point_matrix(files["xfm_t1w_to_petref"])), "T1w"),
        "mni": (MNI_SHAPE, MNI_AFFINE, np.linalg.inv(petref_to_mni(files)), TEMPLATE),
    }
    dvr = load_volume(files["predicted"])
    mask = load_volume(files["demyelinated"])
    for key, (shape, affine, matrix, space) in spaces.items():
        sources = [files[name] for name in ("xfm_t1w_to_petref", *(["xfm_t1w_to_mni"] * (key == "mni")))]
        note: dict[str, Any] = {"parameters": {}, "Space": space}
        save_volume(
            outputs[f"predicted_{key}"],
            map_on(dvr, shape, affine, matrix),
            affine,
            sidecar=provenance(sources=[files["predicted"], *sources], Units="1", **note),
        )
        there = resample(mask, shape, affine, matrix) >= OWNS
        save_volume(
            outputs[f"demyelinated_{key}"],
            there.astype(np.uint8),
            affine,
            sidecar=provenance(sources=[files["demyelinated"], *sources], **note),
        )


def map_on(volume: Volume, shape: tuple[int, ...], affine: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """A map on another grid; what lies outside its support (where it is not 0) does not dilute its edge.

    Parameters
    ----------
    volume : Volume, 0 outside the support
    shape, affine : of the target
    matrix : array (4, 4), points of the target to points of the volume, mm

    Returns
    -------
    float32 array of ``shape``
    """
    inside = Volume((volume.data != 0).astype(np.float32), volume.affine)
    weight = resample(inside, shape, affine, matrix)
    values = resample(volume, shape, affine, matrix)
    return np.divide(values, weight, out=np.zeros_like(values), where=weight >= OWNS)
