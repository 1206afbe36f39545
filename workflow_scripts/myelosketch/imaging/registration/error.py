"""How far each registration is from the truth, where the truth is known (the simulated cohort)."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from myelosketch.imaging.registration.itk import world_matrix
from myelosketch.io.provenance import read_json
from myelosketch.io.tables import write_table
from myelosketch.io.volumes import load_volume


def measure_registration(scans: Iterable[Mapping[str, str | Path]], output: str | Path) -> None:
    """Write the target registration error of every transform over the brain.

    Only the linear transforms are measured. If the diffusion maps are also displaced (registration.dwi "deformable"),
    the displacement is left out, and so is the distortion that it corrects, which the poses do not contain.

    Parameters
    ----------
    scans : list of dict of paths or text: ``scan``, ``poses`` (true matrices), ``regions`` (label map on petref,
        any positive label), ``xfm_t1w_to_petref``, ``xfm_dwi_to_t1w``, ``xfm_mtr_to_t1w``
    output : path of the TSV: scan, modality, median_mm, p95_mm, max_mm, rotation_deg, translation_mm; the last two
        are the residual rotation and the mean residual shift
    """
    rows = []
    for scan in scans:
        poses = {name: np.asarray(matrix) for name, matrix in read_json(scan["poses"]).items()}
        brain = load_volume(scan["regions"])
        points = np.argwhere(brain.data > 0)[::7] @ brain.affine[:3, :3].T + brain.affine[:3, 3]
        to_petref = [scan["xfm_t1w_to_petref"]]
        chains = {
            "T1w": to_petref,
            "dwi": [*to_petref, scan["xfm_dwi_to_t1w"]],
            "MTR": [*to_petref, scan["xfm_mtr_to_t1w"]],
        }
        for modality, chain in chains.items():
            found = world_matrix(chain)
            true = poses[modality] @ np.linalg.inv(poses["pet"])
            rows.append({"scan": scan["scan"], "modality": modality, **target_error(found, true, points)})
        for modality, key in (("dwi-to-T1w", "xfm_dwi_to_t1w"), ("MTR-to-T1w", "xfm_mtr_to_t1w")):
            source = poses[modality.split("-")[0]]
            true = source @ np.linalg.inv(poses["T1w"])
            to_t1w = poses["T1w"] @ np.linalg.inv(poses["pet"])
            moved = points @ to_t1w[:3, :3].T + to_t1w[:3, 3]
            rows.append(
                {
                    "scan": scan["scan"],
                    "modality": modality,
                    **target_error(world_matrix([scan[key]]), true, moved),
                }
            )
    write_table(pd.DataFrame(rows), output)


def target_error(found: np.ndarray, true: np.ndarray, points: np.ndarray) -> dict[str, float]:
    """Return the distance between the places to which two transforms move the same points.

    Parameters
    ----------
    found, true : arrays (4, 4), world to world, mm
    points : array (n, 3), mm

    Returns
    -------
    dict : ``median_mm``, ``p95_mm``, ``max_mm``, ``rotation_deg``, ``translation_mm``
    """
    difference = (points @ found[:3, :3].T + found[:3, 3]) - (points @ true[:3, :3].T + true[:3, 3])
    distance = np.linalg.norm(difference, axis=1)
    rotation = found[:3, :3] @ np.linalg.inv(true[:3, :3])
    cosine = np.clip((np.trace(rotation) - 1) / 2, -1, 1)
    return {
        "median_mm": float(np.median(distance)),
        "p95_mm": float(np.percentile(distance, 95)),
        "max_mm": float(distance.max()),
        "rotation_deg": float(np.degrees(np.arccos(cosine))),
        "translation_mm": float(np.linalg.norm(difference.mean(axis=0))),
    }
