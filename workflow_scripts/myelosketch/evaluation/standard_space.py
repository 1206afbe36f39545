"""Maps of a scan in MNI152 space, in one interpolation, with the nonlinear warp where it was kept."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from myelosketch.evaluation.mni import point_matrix
from myelosketch.io.provenance import provenance
from myelosketch.io.volumes import Volume, load_volume, open_image, save_volume

# shape and origin of the template's grid (MNI152 2009a, symmetric, 1 mm)
MNI_SHAPE = (197, 233, 189)
MNI_AFFINE = np.array([[1.0, 0, 0, -98], [0, 1.0, 0, -134], [0, 0, 1.0, -72], [0, 0, 0, 1]])
# every second voxel of it
MNI2_SHAPE = (99, 117, 95)
MNI2_AFFINE = MNI_AFFINE @ np.diag([2.0, 2.0, 2.0, 1.0])
TEMPLATE = "MNI152NLin2009aSym"
# a voxel belongs to a mask that fills at least this share of it
OWNS = 0.5
# the axes of ITK's fields are left, posterior, superior
_LPS = np.array([-1.0, -1.0, 1.0])


class Place:
    """Position of each voxel of a grid in the world of an image: a displacement, then an affine.

    Parameters
    ----------
    shape, affine : of the grid
    matrix : array (4, 4), points of the grid's world, displaced, to points of the image's world, mm
    warp : path of a displacement field in the grid's world as ANTs reads it, or None
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        affine: np.ndarray,
        matrix: np.ndarray,
        warp: str | Path | None = None,
    ) -> None:
        self.shape, self.affine, self._matrix = shape, affine, matrix
        self._displacement = displacement_on(warp, shape, affine) if warp else None

    @property
    def voxel_size(self) -> np.ndarray:
        """Voxel sides of the grid in mm, (3,)."""
        return np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0))

    def resample(self, volume: Volume) -> np.ndarray:
        """Resample an image to the grid, linearly, with 0 beyond the image; float32 array of ``shape``."""
        data = np.asarray(volume.data, np.float32)
        to_voxels = np.linalg.inv(volume.affine) @ self._matrix
        voxels = to_voxels @ self.affine
        if self._displacement is None:
            return ndimage.affine_transform(data, voxels[:3, :3], voxels[:3, 3], self.shape, order=1)
        result = np.empty(self.shape, np.float32)
        turn = to_voxels[:3, :3].astype(np.float32)
        for x in range(
            self.shape[0]
        ):  # slab by slab, because the coordinates of a whole grid take half a gigabyte
            index = np.indices((1, *self.shape[1:]), np.float32).reshape(3, -1)
            index[0] = x
            points = (voxels[:3, :3] @ index + voxels[:3, 3:]).astype(np.float32)
            points += turn @ self._displacement[x].reshape(-1, 3).T
            result[x] = ndimage.map_coordinates(data, points, order=1).reshape(self.shape[1:])
        return result

    def map(self, volume: Volume) -> np.ndarray:
        """Resample a map to the grid. Zeros outside its support do not dilute its edge."""
        inside = Volume((volume.data != 0).astype(np.float32), volume.affine)
        weight, values = self.resample(inside), self.resample(volume)
        return np.divide(values, weight, out=np.zeros_like(values), where=weight >= OWNS)

    def share(self, volume: Volume) -> np.ndarray:
        """Resample a fraction to the grid, averaged within voxels that are larger than those of the volume."""
        size = np.maximum(np.round(self.voxel_size / volume.voxel_size), 1).astype(int)
        mean = ndimage.uniform_filter(np.asarray(volume.data, np.float32), size.tolist(), mode="constant")
        return self.resample(Volume(mean, volume.affine))

    def mask(self, volume: Volume) -> np.ndarray:
        """Resample a mask to the grid: uint8, 1 in voxels that it fills at least to half."""
        return (self.resample(volume) >= OWNS).astype(np.uint8)


def displacement_on(warp: str | Path, shape: tuple[int, ...], affine: np.ndarray) -> np.ndarray:
    """Resample a displacement field to another grid. Beyond its own grid, the value at the nearest edge is used.

    Parameters
    ----------
    warp : path ``.nii.gz``, components LPS
    shape, affine : of the target grid

    Returns
    -------
    float32 array (x, y, z, 3), RAS, mm
    """
    image = open_image(warp)
    field = np.asarray(image.dataobj, np.float32).reshape(*image.shape[:3], 3)
    voxels = np.linalg.inv(np.asarray(image.affine, float)) @ affine
    result = np.empty((*shape, 3), np.float32)
    for axis, sign in enumerate(_LPS):
        result[..., axis] = sign * ndimage.affine_transform(
            field[..., axis], voxels[:3, :3], voxels[:3, 3], tuple(shape), order=1, mode="nearest"
        )
    return result


# key of the derivative -> how it is resampled, and the fields of its sidecar
_KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "dvr": ("map", {"Units": "1"}),
    "predicted": ("map", {"Units": "1"}),
    "demyelinated": ("mask", {}),
    "demyelinated_pet": ("mask", {}),
    "lesion": ("share", {"Units": "1"}),
}


def place_scan(files: Mapping[str, Any], outputs: Mapping[str, str | Path]) -> None:
    """Resample maps, masks and lesions of a scan, once each, to its T1w image and to MNI152 space.

    Parameters
    ----------
    files : dict of paths: ``xfm_t1w_to_petref``, ``xfm_t1w_to_mni``; optionally ``warp_mni``, without which the
        affine transform alone is used; ``t1w`` if an output is on its grid; the images ``dvr``, ``predicted``,
        ``demyelinated``, ``demyelinated_pet`` on petref, ``lesion`` on the T1w image
    outputs : dict of paths by image and space, such as ``predicted_t1w`` and ``lesion_mni2``
    """
    places: dict[tuple[str, bool], Place] = {}
    for key, output in outputs.items():
        kind, _, space = key.rpartition("_")
        if kind not in _KINDS:
            continue
        on_t1w = kind == "lesion"
        if (space, on_t1w) not in places:
            places[space, on_t1w] = _place(files, space, on_t1w)
        place = places[space, on_t1w]
        how, fields = _KINDS[kind]
        data = getattr(place, how)(load_volume(files[kind]))
        save_volume(output, data, place.affine, sidecar=_note(files, kind, space) | fields)


def _place(files: Mapping[str, Any], space: str, on_t1w: bool) -> Place:
    """Map voxels of T1w (``t1w``) or MNI152 (``mni``, 1 mm; ``mni2``, 2 mm) to petref, or to the T1w image."""
    from_t1w = np.eye(4) if on_t1w else np.linalg.inv(point_matrix(files["xfm_t1w_to_petref"]))
    if space == "t1w":
        t1w = open_image(files["t1w"])
        return Place(t1w.shape[:3], np.asarray(t1w.affine, float), from_t1w)
    matrix = from_t1w @ point_matrix(files["xfm_t1w_to_mni"])
    shape, affine = (MNI_SHAPE, MNI_AFFINE) if space == "mni" else (MNI2_SHAPE, MNI2_AFFINE)
    return Place(shape, affine, matrix, files.get("warp_mni") or None)


def _note(files: Mapping[str, Any], kind: str, space: str) -> dict[str, Any]:
    names = [] if kind == "lesion" else ["xfm_t1w_to_petref"]
    fields: dict[str, Any] = {"Space": "T1w" if space == "t1w" else TEMPLATE}
    if space != "t1w":
        bent = ["warp_mni"] if files.get("warp_mni") else []
        names += ["xfm_t1w_to_mni", *bent]
        fields["parameters"] = {
            "Transform": "affine and nonlinear warp of the template" if bent else "affine"
        }
    if space == "mni2":
        fields["Resolution"] = "2 mm, every second voxel of the template's grid"
    return provenance(sources=[files[kind], *(files[name] for name in names)], **fields)
