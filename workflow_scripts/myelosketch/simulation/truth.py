"""Ground truth of a simulated participant, for tests and ceilings only."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from myelosketch.io.provenance import write_json
from myelosketch.io.tables import write_table
from myelosketch.io.volumes import save_volume
from myelosketch.simulation.anatomy import FRACTIONS, VELOCITY_STEP_MM, box_grid
from myelosketch.simulation.cohort import LATENTS, TRUTH_MAPS, field_file, truth_files
from myelosketch.simulation.latents import LESION_COLUMNS, lesion_table

TISSUE_CODES = {"csf": 1, "cortex": 2, "deep": 3, "white": 4, "lesion": 5}
LATENT_SCALE = 1000  # latents are stored in whole thousandths
TRUTH_OF_DVR = {
    "rescan": "a second scan with independent noise",
    "noisefree": "blurred, with gain and unseen part, without noise",
    "visible": "blurred, without the part that leaves no trace in MRI",
}
DEMYELINATED_BELOW = 0.5  # myelin below which a lesion voxel is demyelinated; 1 is healthy (assumed)


def tissue_labels(body: Mapping[str, Any]) -> np.ndarray:
    """Return the most abundant tissue of each anatomy voxel as TISSUE_CODES (uint8), 0 outside the brain."""
    fractions = body["anatomy"].fractions
    shares = np.stack([fractions[name] for name in FRACTIONS])
    codes = np.array([TISSUE_CODES[name] for name in FRACTIONS], np.uint8)
    labels = np.where(shares.sum(axis=0) > 0.5, codes[shares.argmax(axis=0)], 0).astype(np.uint8)
    if body["lesions"]:
        labels[body["lesions"].member > 0.5] = TISSUE_CODES["lesion"]
    return labels


def demyelinated_voxels(body: Mapping[str, Any]) -> np.ndarray:
    """Return the lesion voxels of the anatomy grid with true myelin below DEMYELINATED_BELOW, as booleans."""
    return (lesion_labels(body) > 0) & (body["latents"]["myelin"] < DEMYELINATED_BELOW)


def lesion_labels(body: Mapping[str, Any]) -> np.ndarray:
    """Return the number of the lesion in each anatomy voxel, int16 array (x, y, z), 0 outside lesions."""
    if body["lesions"]:
        return body["lesions"].labels
    return np.zeros(body["anatomy"].fractions[FRACTIONS[0]].shape, np.int16)


def lesion_rows(body: Mapping[str, Any]) -> pd.DataFrame:
    """Return the lesion table with the demyelinated share of each lesion's voxels; it has no row for a control.

    In a second session, ``changed`` is 1 for lesions that were chosen to change and 0 for the others.
    """
    lesions = body["lesions"]
    if not lesions:
        return pd.DataFrame(columns=[*LESION_COLUMNS, "demyelinated_share"])
    table = pd.DataFrame(lesion_table(lesions, body["latents"]))
    labels = lesions.labels[lesions.labels > 0]
    lost = demyelinated_voxels(body)[lesions.labels > 0]
    n = len(table) + 1
    share = np.bincount(labels, lost, n)[1:] / np.maximum(np.bincount(labels, minlength=n)[1:], 1)
    table = table.assign(demyelinated_share=share)
    return table.assign(changed=body["changed"].astype(int)) if "changed" in body else table


def write_truth(
    root: str | Path,
    subject: str,
    body: Mapping[str, Any],
    images: Mapping[str, Any],
    session: str | None = None,
) -> None:
    """Write poses, the warp, motion, ideal DVR maps, latents, tissues and lesions.

    The files are the same at both levels, except for the field of a distorted diffusion series. The DVR maps are
    ideal at both levels: blurred DVR, with noise of ``pet.noise_sd`` in the second scan, and never the result of a
    kinetic fit.

    Parameters
    ----------
    root : folder of the simulated dataset
    subject : str
    body : dict of :func:`simulate_body`
    images : dict of :func:`simulate_scans`
    session : str, or None where the participant has one scan
    """
    truth, grids = truth_files(root, subject, session), images["grids"]
    write_json(truth["poses"], {name: grid.pose for name, grid in grids.items()})
    sidecar = {
        "Units": "mm",
        "Description": "shift (RAS) from each position in the anatomy to its position in MNI152",
    }
    field = np.moveaxis(body["anatomy"].displacement, 0, -1)
    save_volume(truth["warp"], field, box_grid(VELOCITY_STEP_MM)[1], sidecar=sidecar)
    series = images.get("dwi", {})
    write_json(
        truth["motion"],
        {
            "Description": "motion of the head in each volume of dwi, relative to its pose, in the world "
            "coordinates of dwi",
            "Columns": ["rotation_x_deg", "rotation_y_deg", "rotation_z_deg", "x_mm", "y_mm", "z_mm"],
            "dwi": series.get("motion", []),
        },
    )
    if series.get("field") is not None:
        sidecar = {"Units": "Hz", "Description": "off-resonance at the true positions"}
        save_volume(field_file(root, subject, session), series["field"], grids["dwi"].affine, sidecar=sidecar)
    for name in TRUTH_MAPS:
        sidecar = {"Units": "1", "Description": f"DVR of [11C]PIB, {TRUTH_OF_DVR[name]}"}
        save_volume(truth[name], images[name], grids["pet"].affine, sidecar=sidecar)
    affine = body["anatomy"].affine
    labels = tissue_labels(body)
    for name in LATENTS:
        stored = np.round(LATENT_SCALE * np.where(labels > 0, body["latents"][name], 0)).astype(np.int16)
        sidecar = {"Units": "0.001", "Description": f"{name}, in thousandths"}
        save_volume(truth[name], stored, affine, sidecar=sidecar)
    save_volume(truth["tissue"], labels, affine, sidecar={"Units": "1", "Levels": TISSUE_CODES})
    sidecar = {"Units": "1", "Description": "number of the lesion in the table of lesions, 0 outside"}
    save_volume(truth["lesions"], lesion_labels(body), affine, sidecar=sidecar)
    sidecar = {"Units": "1", "Description": f"lesion voxels with myelin below {DEMYELINATED_BELOW}"}
    save_volume(truth["demyelinated"], demyelinated_voxels(body), affine, sidecar=sidecar)
    write_table(lesion_rows(body), truth["lesion_table"])
