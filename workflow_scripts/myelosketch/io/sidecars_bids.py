"""Fields that BIDS requires in the sidecar of every derivative, from its name and its voxels."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from myelosketch.io.names import SCAN_PATTERN, folder_of, pattern

# an image on the grid of each space; on petref it is the MTR map, which every scan has, with or without PET
_REFERENCES = {"petref": "mtr", "T1w": "t1w", "common": "common"}
_SEGMENTATIONS = ("dseg", "probseg", "mask")
_IMAGES = ("T1w", "MTRmap", "pet", "dwi")
# an image with signal in a larger share of voxels than this shows a head, not only a brain
LARGEST_BRAIN_ML = 2300.0


def sidecar_fields(path: str | Path, data: np.ndarray, voxel_volume: float) -> dict[str, Any]:
    """What BIDS asks of the sidecar of a derivative, from its name and its voxels.

    Parameters
    ----------
    path : path of the image; outside ``derivatives/sub-*`` folders there are no such fields
    data : array (x, y, z, ...)
    voxel_volume : mm³

    Returns
    -------
    dict : ``SpatialReference`` (BIDS URI of an image on the same grid), ``SkullStripped`` of an image, ``Type`` of
        the brain mask; each only where BIDS requires it
    """
    path = Path(path)
    found = re.match(rf"({SCAN_PATTERN})_(.+)\.nii\.gz$", path.name)
    if not found or not path.parent.parent.as_posix().endswith(f"derivatives/{folder_of(found[1])}"):
        return {}
    fields: dict[str, Any] = {}
    suffix = found[3].rpartition("_")[2]
    space = re.search(r"(?:^|_)space-([A-Za-z0-9]+)_", found[3])
    # a segmentation whose name has no space is on the T1w grid
    default = "t1w" if suffix in _SEGMENTATIONS else None
    key = _REFERENCES.get(space[1]) if space else default
    if key:
        inside = pattern(key).format(folder=folder_of(found[1]), scan=found[1])
        fields["SpatialReference"] = "bids::" + inside.removeprefix("derivatives/")
    if suffix in _IMAGES:
        signal = np.count_nonzero(np.nan_to_num(data)) * voxel_volume / 1000
        fields["SkullStripped"] = bool(signal <= LARGEST_BRAIN_ML)
    if "desc-brain" in found[3] and suffix == "mask":
        fields["Type"] = "Brain"
    return fields
