"""Every input file is opened and judged before anything expensive starts."""

import numpy as np
import pandas as pd

from myelosketch.cohort.table import FILE_COLUMNS
from myelosketch.errors import InputError, MyelosketchError
from myelosketch.tables import write_table
from myelosketch.volumes import check_same_grid, load_volume

# name: (lowest, highest) plausible 99th percentile inside the head, and what to do outside it
PLAUSIBLE = {
    "FA": (0.2, 1.0, "FA lies in 0-1"),
    "RD": (
        0.2,
        6.0,
        "RD is expected in 1e-3 mm²/s, e.g. 0.6 in white matter: convert mm²/s by 1e3, m²/s by 1e9",
    ),
    "AD": (
        0.4,
        6.0,
        "AD is expected in 1e-3 mm²/s, e.g. 1.1 in white matter: convert mm²/s by 1e3, m²/s by 1e9",
    ),
    "MTR": (5.0, 100.0, "MTR is expected in percent (0-100): multiply a fraction by 100"),
    "DVR": (0.5, 6.0, "DVR is unitless, about 1 in grey matter; an SUV image will not do"),
}
# interpolation may push single voxels beyond 1; a share above this means it is not FA
FA_SHARE_ABOVE_1 = 0.001


def check_inputs(cohort, out):
    """Open each file of each scan; write the table of what was found, or list all that is wrong.

    Parameters
    ----------
    cohort : DataFrame with ``scan``, ``group`` and a path or None in each of FILE_COLUMNS
    out : path of the TSV: scan, input, file, shape, voxel_mm, minimum, maximum

    Raises
    ------
    InputError : every problem of every scan, one line each, with the way out
    """
    rows, problems = [], []
    for scan in cohort.to_dict("records"):
        found, wrong = check_scan(scan)
        rows += found
        problems += wrong
    if problems:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        scans = sorted({problem.split(":")[0] for problem in problems})
        raise InputError(
            f"{len(problems)} input(s) cannot be used:\n{lines}\n"
            f"Correct the files, or leave the scans out with cohort.exclude: [{', '.join(scans)}]."
        )
    write_table(pd.DataFrame(rows), out)


def check_scan(scan):
    """Judge the files of one scan.

    Parameters
    ----------
    scan : dict, a row of the cohort table

    Returns
    -------
    rows : list of dict, one per file
    problems : list of sentences that begin with the scan's name
    """
    rows, problems, volumes = [], [], {}
    for name in FILE_COLUMNS:
        if not scan[name]:
            continue
        try:
            volume = load_volume(scan[name])
        except MyelosketchError as error:
            problems.append(f"{scan['scan']}: {error}")
            continue
        sentence = _judge(name, volume.data, scan["group"])
        if sentence:
            problems.append(f"{scan['scan']}: {name} ({scan[name]}) {sentence}")
        rows.append(_describe(scan["scan"], name, volume))
        volumes[name] = volume
    problems += [f"{scan['scan']}: {sentence}" for sentence in _grids(volumes)]
    return rows, problems


def _judge(name, data, group):
    """What is wrong with the voxels of one input, or an empty string."""
    if not np.isfinite(data).all():
        count = int((~np.isfinite(data)).sum())
        return f"holds {count} voxels that are NaN or infinite: set the background to 0 and repair the rest."
    if name == "lesion_mask":
        if group == "HC":
            return "is a lesion mask of a control: leave it blank, or correct the group."
        if not np.isin(data, (0, 1)).all():
            return "is not binary: give a mask of 0 and 1 (threshold a probability map)."
        return (
            "" if data.any() else "is empty: a patient without lesions cannot be scored; leave the scan out."
        )
    inside = data[data != 0]
    if inside.size == 0 or inside.min() == inside.max():
        return f"is constant ({float(data.flat[0]):g} everywhere): is this the right file?"
    if name not in PLAUSIBLE:
        return ""
    low, high, hint = PLAUSIBLE[name]
    top = float(np.percentile(inside, 99))
    if name == "FA" and ((inside > 1.0).mean() > FA_SHARE_ABOVE_1 or inside.min() < -0.001):
        return f"has values from {inside.min():.3g} to {inside.max():.3g}: {hint}."
    if not low <= top <= high:
        return f"has a 99th percentile of {top:.3g}, expected {low:g} to {high:g}: {hint}."
    return ""


def _grids(volumes):
    """Images that come from one acquisition must share its grid."""
    for first, second in (("FA", "RD"), ("FA", "AD"), ("T1w", "lesion_mask")):
        if first in volumes and second in volumes:
            try:
                check_same_grid(volumes[first], volumes[second])
            except MyelosketchError as error:
                yield str(error)


def _describe(scan, name, volume):
    return {
        "scan": scan,
        "input": name,
        "file": volume.path,
        "shape": "x".join(map(str, volume.shape)),
        "voxel_mm": "x".join(f"{side:.3g}" for side in volume.voxel_size),
        "minimum": float(volume.data.min()),
        "maximum": float(volume.data.max()),
    }
