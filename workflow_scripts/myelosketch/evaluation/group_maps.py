"""Maps over a cohort in MNI152 space: mean DVR, and how often a voxel is a lesion or demyelinated."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from myelosketch.evaluation.standard_space import MNI2_AFFINE, MNI2_SHAPE, OWNS, TEMPLATE
from myelosketch.io.names import subject_of
from myelosketch.io.provenance import provenance
from myelosketch.io.volumes import load_volume, save_volume

# a mean is given where at least this share of the participants has a value
LEAST_KNOWN = 0.5
# what is averaged: output, map of a scan, group, and whether 0 means "no value"
_MEANS = (
    ("dvr_ms", "dvr_mni2", "MS", True),
    ("predicted_ms", "predicted_mni2", "MS", True),
    ("dvr_hc", "dvr_mni2", "HC", True),
    ("predicted_hc", "predicted_mni2", "HC", True),
    ("lesion_ms", "lesion_mni2", "MS", False),
    ("demyelinated_pet_ms", "demyelinated_pet_mni2", "MS", False),
    ("demyelinated_ms", "demyelinated_mni2", "MS", False),
)
_WITH_LESIONS = "patients with a lesion"


def average_scans(
    files: Mapping[str, Any],
    outputs: Mapping[str, str | Path],
    groups: Mapping[str, str],
    *,
    method: str,
) -> None:
    """Write means over the participants of a cohort. A participant with several scans counts once.

    Parameters
    ----------
    files : dict of lists of paths, one per scan in the order of ``groups``: ``dvr_mni2``, ``predicted_mni2``,
        ``lesion_mni2``, ``demyelinated_pet_mni2``, ``demyelinated_mni2``
    outputs : dict of paths: ``dvr_ms``, ``predicted_ms``, ``dvr_hc``, ``predicted_hc`` (mean DVR where at least
        LEAST_KNOWN of the participants have a value), ``lesion_ms`` (mean share of a voxel that lesions fill),
        ``demyelinated_pet_ms``, ``demyelinated_ms`` (share of the patients with a lesion whose voxel is demyelinated,
        as measured and as predicted)
    groups : dict, scan to MS or HC
    method : of the prediction, for the sidecars
    """
    has_lesion = {
        scan for scan, path in zip(groups, files["lesion_mni2"], strict=True) if _reaches(path, OWNS)
    }
    for output, key, group, sparse in _MEANS:
        of_group = {
            scan: path
            for scan, path in zip(groups, files[key], strict=True)
            if groups[scan] == group and (scan in has_lesion or not key.startswith("demyelinated"))
        }
        counted = sorted({subject_of(scan) for scan in of_group})
        mean = participant_mean(of_group, sparse=sparse)
        fields: dict[str, Any] = {
            "Units": "1",
            "Space": TEMPLATE,
            "Resolution": "2 mm, every second voxel of the template's grid",
            "Group": _WITH_LESIONS if key.startswith("demyelinated") else group,
            "NumberOfParticipants": len(counted),
        }
        if output.startswith(("predicted", "demyelinated_ms")):
            fields["Method"] = method
        parameters = {"least_known": LEAST_KNOWN} if sparse else {}
        save_volume(
            outputs[output],
            mean,
            MNI2_AFFINE,
            # there is one source per scan, and the names follow those of the scans
            sidecar=provenance(parameters=parameters, Participants=counted, **fields),
        )


def participant_mean(paths: Mapping[str, str | Path], *, sparse: bool) -> np.ndarray:
    """Average the scans of each participant, then the participants.

    Parameters
    ----------
    paths : dict, scan to path of its map on the 2 mm grid
    sparse : whether 0 means "no value". If so, such voxels do not count, and the mean is 0 where fewer than
        LEAST_KNOWN of the participants have a value

    Returns
    -------
    float32 array (x, y, z), 0 without a scan
    """
    scans: dict[str, list[str | Path]] = {}
    for scan, path in paths.items():
        scans.setdefault(subject_of(scan), []).append(path)
    total, known = np.zeros(MNI2_SHAPE), np.zeros(MNI2_SHAPE)
    for own in scans.values():
        value, count = _sum(own, sparse)
        inside = count > 0
        total[inside] += value[inside] / count[inside]
        known += inside
    least = max(LEAST_KNOWN * len(scans), 1) if sparse else 1
    return np.divide(total, known, out=np.zeros(MNI2_SHAPE), where=known >= least).astype(np.float32)


def _sum(paths: Iterable[str | Path], sparse: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the sum of some maps and, per voxel, how many have a value."""
    total, count = np.zeros(MNI2_SHAPE), np.zeros(MNI2_SHAPE)
    for path in paths:
        data = load_volume(path).data
        inside = (data != 0) if sparse else np.ones(MNI2_SHAPE, bool)
        total[inside] += data[inside]
        count += inside
    return total, count


def _reaches(path: str | Path, least: float) -> bool:
    return bool((load_volume(path).data >= least).any())
