"""Change of a participant: resample the maps of all sessions to the common grid, and write the tables."""

import itertools
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from myelosketch.evaluation.demyelination import threshold_dvr
from myelosketch.imaging.registration.resampling import resample_fraction, resample_sharp
from myelosketch.imaging.registration.transforms import save_matrix
from myelosketch.io.names import REGION_CODES, session_of
from myelosketch.io.provenance import provenance, read_json, write_json
from myelosketch.io.tables import write_table
from myelosketch.io.volumes import Volume, has_value, load_volume
from myelosketch.prediction.change import OF_LESIONS, measure_pair, shared_lesions

SOURCES = ("predicted", "measured")
PER_SCAN = ("xfm_t1w_to_common", "xfm_t1w_to_petref", "lesion", "regions", "predicted", "visible", "poses")
# columns of both tables
PAIR = ("subject", "group", "session_before", "session_after", "source", "method")
TABLES = {
    "changes": (
        *(*PAIR, "n_lesions", "n_lesion_voxels", "lesion_volume_ml", "n_white_voxels", "white_matter_before"),
        *("offset", *OF_LESIONS, "change_true"),
    ),
    "lesions": (
        *(
            *PAIR,
            "lesion",
            "volume_mm3",
            "size",
            "mean_dvr_before",
            "mean_dvr_after",
            "change",
            "limit",
            "claimed",
        ),
        *("pct_demyelinated_before", "pct_demyelinated_after", "change_true"),
    ),
}


@dataclass(frozen=True)
class OnCommonGrid:
    """A session on the common grid: arrays (x, y, z).

    Parameters
    ----------
    scan : name
    lesion, white : share of each voxel that is lesion, and share that is normal-appearing white matter
    dvr : DVR by source: ``predicted``, with PET ``measured``, and in simulation ``visible``, the truth
    """

    scan: str
    lesion: np.ndarray
    white: np.ndarray
    dvr: dict[str, np.ndarray]


def measure_change(
    files: Mapping[str, Any],
    scans: Sequence[str],
    output: str | Path,
    *,
    subject: str,
    group: str | None,
    method: str,
    healthy: Mapping[str, Any],
    with_pet: Sequence[str],
    settings: Mapping[str, Any],
    withheld: Sequence[str] = (),
) -> None:
    """Measure the change of a participant from each session to the next, and write it to one JSON file.

    Parameters
    ----------
    files : dict of ``common``, path of the image of ``align_sessions``, and of lists of paths, one per scan:
        ``xfm_t1w_to_common``, ``xfm_t1w_to_petref``, ``lesion``, ``regions``, ``predicted`` and, for simulated scans,
        ``visible`` and ``poses`` of the truth; ``measured``, one per scan with PET
    scans : names, in the order of time
    output : path
    subject, group, method : of the participant, and of the predicted maps
    healthy : dict, ``mean`` and ``sd`` of healthy white matter
    with_pet : names of the scans with PET, in the order of their files
    settings : dict, ``k``, ``alpha``, ``min_lesion_mm3``, ``lesion_sizes_mm3``; ``threshold``, share of a voxel that
        lesion or white matter must fill; ``seed``
    withheld : names of scans without numbers; no change to or from them is measured

    Raises
    ------
    InputError : two sessions share too little white matter
    """
    grid = load_volume(files["common"])
    measured = dict(zip(with_pet, files["measured"], strict=True))
    sessions = []
    for number, scan in enumerate(scans):
        images = {key: files[key][number] for key in PER_SCAN if files.get(key)}
        if scan in measured:
            images["measured"] = measured[scan]
        if scan in withheld:
            images = {key: path for key, path in images.items() if key not in SOURCES}
        sessions.append(bring_to_common(grid, scan, images, control=group == "HC"))
    limit = float(threshold_dvr(healthy, settings["k"]))
    found = change_of(sessions, grid.voxel_volume, limit, settings)
    person = {"subject": subject, "group": group}
    methods = {"predicted": method, "measured": "pet"}
    content: dict[str, Any] = {
        **person,
        "sessions": [session_of(scan) for scan in scans],
        "voxel_mm": grid.voxel_size,
        "healthy": {"mean": healthy["mean"], "sd": healthy["sd"], "threshold": limit},
        **{
            name: [{**person, **row, "method": methods[row["source"]]} for row in rows]
            for name, rows in found.items()
        },
    }
    sources = [files["common"], *(path for key in (*PER_SCAN, "measured") for path in files.get(key, ()))]
    write_json(output, provenance(sources=sources, parameters=settings, **content))


def bring_to_common(
    grid: Volume, scan: str, files: Mapping[str, str | Path], *, control: bool = False
) -> OnCommonGrid:
    """Resample every image of a session once, from its grid to the common one.

    Parameters
    ----------
    grid : Volume that gives the common grid
    scan : name
    files : dict of paths: those of PER_SCAN and ``measured`` that the session has. ``lesion`` is on the T1w grid,
        ``visible`` on that of the PET, all others on petref
    control : bool; hyperintensities of a control are not lesions

    Returns
    -------
    OnCommonGrid
    """
    to_t1w = files["xfm_t1w_to_common"]
    from_petref: dict[str, Any] = {
        "transforms": [to_t1w, files["xfm_t1w_to_petref"]],
        "inverted": [False, True],
    }
    regions = load_volume(files["regions"], dtype=np.int16)
    white = Volume((regions.data == REGION_CODES["nawm"]).astype(np.float32), regions.affine)
    dvr = {
        source: resample_sharp(load_volume(files[source]), grid, **from_petref).data
        for source in SOURCES
        if source in files
    }
    if "visible" in files:
        poses = {name: np.array(pose) for name, pose in read_json(files["poses"]).items()}
        with tempfile.TemporaryDirectory() as folder:
            save_matrix(f"{folder}/true.mat", poses["pet"] @ np.linalg.inv(poses["T1w"]))
            truth = load_volume(files["visible"])
            dvr["visible"] = resample_sharp(truth, grid, [to_t1w, f"{folder}/true.mat"]).data
    lesion = np.zeros(grid.shape, np.float32)
    if not control:
        lesion = resample_fraction(load_volume(files["lesion"]), grid, [to_t1w]).data
    return OnCommonGrid(
        scan,
        lesion,
        resample_fraction(white, grid, **from_petref).data,
        dvr,
    )


def change_of(
    sessions: Sequence[OnCommonGrid], voxel_volume: float, threshold: float, settings: Mapping[str, Any]
) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of both tables, without the participant.

    Parameters
    ----------
    sessions : list of OnCommonGrid, in the order of time
    voxel_volume : mm³
    threshold : DVR below which a lesion voxel is demyelinated
    settings : see `measure_change`

    Returns
    -------
    dict : ``changes``, one row per pair of consecutive sessions and source, and ``lesions``
    """
    share = settings["threshold"]
    lesions = shared_lesions([session.lesion for session in sessions], share, voxel_volume)
    changes, each = [], []
    for before, after in itertools.pairwise(sessions):
        pair = {"session_before": session_of(before.scan), "session_after": session_of(after.scan)}
        white = (before.white >= share) & (after.white >= share)
        truth = None
        if "visible" in before.dvr and "visible" in after.dvr:
            truth = after.dvr["visible"] - before.dvr["visible"]
        for source in SOURCES:
            if source not in before.dvr or source not in after.dvr:
                continue
            row, rows = measure_pair(
                before.dvr[source],
                after.dvr[source],
                lesions,
                white,
                threshold,
                alpha=settings["alpha"],
                min_lesion_mm3=settings["min_lesion_mm3"],
                sizes_mm3=settings["lesion_sizes_mm3"],
                seed=settings["seed"],
                name=f"{before.scan} and {after.scan}",
            )
            row["lesion_volume_ml"] = row["n_lesion_voxels"] * voxel_volume / 1000
            # of the voxels whose change was measured
            known = has_value(before.dvr[source]) & has_value(after.dvr[source])
            _add_truth(truth, lesions.cut(known).labels, row, rows)
            changes.append(pair | {"source": source} | row)
            each += [pair | {"source": source} | lesion for lesion in rows]
    return {"changes": changes, "lesions": each}


def _add_truth(
    truth: np.ndarray | None, labels: np.ndarray, row: dict[str, Any], rows: Sequence[dict[str, Any]]
) -> None:
    """Add the true change of all lesions together and of each lesion, where it is known."""
    row["change_true"] = None if truth is None or not labels.any() else float(truth[labels > 0].mean())
    for lesion in rows:
        inside = labels == lesion["lesion"]
        lesion["change_true"] = None if truth is None else float(truth[inside].mean())


def gather_change(files: Iterable[str | Path], outputs: Mapping[str, str | Path]) -> None:
    """Write the changes of all participants to two tables.

    Parameters
    ----------
    files : paths that `measure_change` wrote
    outputs : dict of paths, with the names of TABLES as keys
    """
    participants = [read_json(path) for path in files]
    for name, columns in TABLES.items():
        rows = [row for participant in participants for row in participant[name]]
        write_table(pd.DataFrame(rows, columns=list(columns)), outputs[name])
