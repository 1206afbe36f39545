"""The derivatives as a BIDS dataset: the files that describe it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from myelosketch.io.provenance import software_versions, write_json, write_text

BIDS_VERSION = "1.10.0"
# names without a rule in BIDS, as patterns of .gitignore: transforms, diffusion and PET maps, masks on a PET grid,
# means of a series (BIDS expects a series), group maps
_FILES = ("*_xfm.*", "*_dwimap.*", "*_mimap.*", "**/pet/*_mask.*", "*_desc-b0_dwi.*", "*_desc-early_pet.*")
# the validator matches a folder itself only without a slash at the end
IGNORED = (*_FILES, "/group")
README = """Derivatives of myelosketch
==========================

Myelin content (DVR of [11C]PIB), measured and predicted from MRI, with the images that it was computed from.
File names follow BIDS derivatives. The JSON sidecar of an image names its sources and parameters.

sub-*/anat    T1w after bias correction, brain, tissue, lesions, MTR, regions; transforms
sub-*/dwi     FA, RD, AD; transforms
sub-*/pet     DVR, measured and predicted (desc-<method>); demyelinated lesion voxels
group         means over the scans in MNI152 space, if the run computes them

space-petref  grid of the scan's PET; without PET, a grid with voxels of the same size around its T1w image
space-T1w     grid of the T1w image
space-MNI152NLin2009aSym  grid of the template, 1 mm; res-2 has every second voxel of it
.bidsignore   names for which BIDS has no rule yet
"""


def dataset_files(results: str | Path) -> dict[str, str]:
    """Return the paths of the files that describe the derivatives of a run, by name.

    Parameters
    ----------
    results : results folder
    """
    names = {"description": "dataset_description.json", "ignore": ".bidsignore", "readme": "README"}
    return {name: f"{results}/derivatives/{file}" for name, file in names.items()}


def describe_derivatives(
    files: Mapping[str, str | Path], *, commit: str | None, source: str | Path | None = None
) -> None:
    """Write the description of the derivatives, the list of draft names and the README.

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
    """Return the DOI of a dataset, or its path if it is relative to the derivatives. No absolute path is written."""
    try:
        doi = json.loads(description.read_text(encoding="utf-8-sig")).get("DatasetDOI")
    except (OSError, ValueError, AttributeError):  # a description that cannot be read names no DOI
        doi = None
    if doi:
        return {"DOI": str(doi)}
    beside = description.parent.parent.resolve() == derivatives.parent.resolve()
    return {"URL": f"../{description.parent.name}"} if beside else {}
