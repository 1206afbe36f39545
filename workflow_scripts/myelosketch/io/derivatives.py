"""The derivatives as a BIDS dataset: the files that describe it, and what BIDS asks of every sidecar."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from myelosketch.io.names import SCAN_PATTERN, folder_of, pattern
from myelosketch.io.provenance import software_versions, write_json, write_text

BIDS_VERSION = "1.10.0"
# names that BIDS has no rule for, in the language of .gitignore: transforms, maps of diffusion and of PET, masks on a
# PET grid, means of a series (they would have to be series), maps over the group
IGNORED = (
    *(
        "*_xfm.*",
        "*_dwimap.*",
        "*_mimap.*",
        "**/pet/*_mask.*",
        "*_desc-b0_dwi.*",
        "*_desc-early_pet.*",
        "/group",
    ),
)
README = """Derivatives of myelosketch
==========================

Myelin content (DVR of [11C]PIB), measured and predicted from MRI, with all that it was made from.
The name of every file follows BIDS derivatives; the JSON beside an image names its sources and parameters.

sub-*/anat    T1w after bias correction, brain, tissue, lesions, MTR, regions; transforms
sub-*/dwi     FA, RD, AD; transforms
sub-*/pet     DVR, measured and predicted (desc-<method>); demyelinated lesion voxels
group         means over the scans in MNI152 space, where the run makes them

space-petref  grid of the scan's PET; of a scan without PET, a grid of the same voxels around its T1w image
space-T1w     grid of the T1w image
space-MNI152NLin2009aSym  grid of the template, 1 mm; with res-2 every second voxel of it
.bidsignore   names for which BIDS has no rule yet
"""

# an image on the grid of each space; the MTR map is the one that every scan has on petref, with PET or without
_REFERENCES = {"petref": "mtr", "T1w": "t1w", "common": "common"}
_SEGMENTATIONS = ("dseg", "probseg", "mask")
_IMAGES = ("T1w", "MTRmap", "pet", "dwi")
# an image with signal in more than this shows a head, not a brain
LARGEST_BRAIN_ML = 2300.0


def dataset_files(results: str | Path) -> dict[str, str]:
    """Files that describe the derivatives of a run, by name.

    Parameters
    ----------
    results : results folder
    """
    names = {"description": "dataset_description.json", "ignore": ".bidsignore", "readme": "README"}
    return {name: f"{results}/derivatives/{file}" for name, file in names.items()}


def describe_derivatives(
    files: Mapping[str, str | Path], *, commit: str | None, source: str | Path | None = None
) -> None:
    """Write the description of the derivatives, the list of names in draft and the README.

    Parameters
    ----------
    files : dict of paths, see :func:`dataset_files`
    commit : str of the workflow's repository, or None outside one
    source : path of the ``dataset_description.json`` of the dataset that the images come from, or None
    """
    maker = {"Name": "myelosketch", "Version": software_versions()["myelosketch"]}
    description: dict[str, Any] = {
        "Name": "Myelin content measured and predicted by myelosketch",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [maker | ({"Description": f"commit {commit}"} if commit else {})],
    }
    if source and (origin := _origin(Path(source), Path(files["description"]).parent)):
        description["SourceDatasets"] = [origin]
    write_json(files["description"], description)
    write_text(files["ignore"], "".join(f"{name}\n" for name in IGNORED))
    write_text(files["readme"], README)


def _origin(description: Path, derivatives: Path) -> dict[str, str]:
    """DOI of a dataset, or its place if that is beside the derivatives: no path of the machine is written."""
    try:
        doi = json.loads(description.read_text(encoding="utf-8-sig")).get("DatasetDOI")
    except (OSError, ValueError, AttributeError):  # a description that cannot be read names no DOI
        doi = None
    if doi:
        return {"DOI": str(doi)}
    beside = description.parent.parent.resolve() == derivatives.parent.resolve()
    return {"URL": f"../{description.parent.name}"} if beside else {}


def sidecar_fields(path: str | Path, data: np.ndarray, voxel_volume: float) -> dict[str, Any]:
    """What BIDS asks of the sidecar of a derivative, from its name and its voxels.

    Parameters
    ----------
    path : of the image; what lies in no ``derivatives/sub-*`` folder has no such fields
    data : array (x, y, z, ...)
    voxel_volume : mm³

    Returns
    -------
    dict : ``SpatialReference`` (BIDS URI of an image on the same grid), ``SkullStripped`` of an image, ``Type`` of
        the mask of the brain; each only where it is due
    """
    path = Path(path)
    found = re.match(rf"({SCAN_PATTERN})_(.+)\.nii\.gz$", path.name)
    if not found or not path.parent.parent.as_posix().endswith(f"derivatives/{folder_of(found[1])}"):
        return {}
    fields: dict[str, Any] = {}
    suffix = found[3].rpartition("_")[2]
    space = re.search(r"(?:^|_)space-([A-Za-z0-9]+)_", found[3])
    # what names no space and is a segmentation lies on the T1w image
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
