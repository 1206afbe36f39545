"""The derivatives as a BIDS dataset: the files that describe it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from myelosketch.io.provenance import software_versions, write_json, write_text

BIDS_VERSION = "1.10.0"
# names that BIDS has no rule for, in the language of .gitignore: transforms, maps of diffusion and of PET, masks on a
# PET grid, means of a series (they would have to be series), maps over the group
_FILES = ("*_xfm.*", "*_dwimap.*", "*_mimap.*", "**/pet/*_mask.*", "*_desc-b0_dwi.*", "*_desc-early_pet.*")
# the validator takes a folder for itself only without a slash at its end
IGNORED = (*_FILES, "/group")
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
