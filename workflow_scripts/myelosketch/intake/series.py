"""Check a raw series (diffusion, dynamic PET): every volume, read once, and its companion files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from myelosketch.cohort.table import COMPANIONS, companions
from myelosketch.errors import InputError
from myelosketch.intake.checks import Finding
from myelosketch.intake.decay import course_finding, unstated_finding
from myelosketch.intake.frames import frame_problems, read_frames, said_of_frames
from myelosketch.intake.raw import each_volume, gradient_problems, read_gradients
from myelosketch.intake.shells import said_of_shells
from myelosketch.intake.voxels import Summary, content_percentiles, truncated

if TYPE_CHECKING:
    import nibabel as nib

SERIES = tuple(COMPANIONS)


def read_series(name: str, image: nib.Nifti1Image) -> tuple[np.ndarray, Summary]:
    """Read a series once, one volume in memory at a time.

    Parameters
    ----------
    name : dwi or pet
    image : open nibabel image, 4D

    Returns
    -------
    data : array (x, y, z), float32, that represents the series: its first volume (dwi) or its mean (pet)
    summary : Summary

    Raises
    ------
    UnusableError : truncated or damaged
    """
    summary = Summary()
    shown: np.ndarray | None = None
    try:
        for data in each_volume(image):
            summary.add(data)
            if shown is None:
                shown = data.copy()
            elif name == "pet":
                shown += data
    except InputError as error:
        raise truncated(name) from error
    assert shown is not None, name  # a series has volumes
    if name == "pet":
        shown /= summary.volumes
        summary.flat.clear()  # a frame before the tracer arrives may be empty
    summary.percentiles = content_percentiles(shown)
    return shown, summary


def series_findings(
    name: str, path: str | Path, summary: Summary, maps: Mapping[str, Any], facts: dict[str, Any]
) -> list[Finding]:
    """Return findings about the companions of a series: gradients of dwi, the JSON of PET.

    Parameters
    ----------
    name : dwi or pet
    path : path of the series
    summary : Summary of its volumes
    maps : dict, section ``maps`` of the configuration: ``b_max``, ``b0_threshold``, ``t_star_min``, ``dvr_model``
    facts : dict; ``used``, a text about the data that the fit uses, is added to it
    """
    beside = companions(name, path)
    absent = [Path(file).name for file in beside.values() if not Path(file).is_file()]
    if absent:
        reason = f"has no {' and no '.join(absent)} beside it"
        return [Finding("missing_file", name, reason, "put the files there, with the name of the series")]
    check = "gradients" if name == "dwi" else "frames"
    findings: list[Finding] = []
    try:
        if name == "dwi":
            problems = _gradient_problems(beside, summary.volumes, maps, facts)
        else:
            problems, findings = _frame_problems(path, summary, maps, facts)
    except InputError as error:
        text = str(error).removeprefix(f"{path} ")
        for file in beside.values():  # the message already names the series with its folder
            text = text.replace(f"{file} ", f"has a file beside it, {Path(file).name}, that ", 1)
        problems = [text]
    return [Finding(check, name, *_reason_and_way_out(text)) for text in problems] + findings


def _gradient_problems(
    beside: Mapping[str, str], n_volumes: int, maps: Mapping[str, Any], facts: dict[str, Any]
) -> list[str]:
    bvals, bvecs = read_gradients(beside["bval"], beside["bvec"])
    limits = {key: maps[key] for key in ("b_max", "b0_threshold")}
    problems = gradient_problems(bvals, bvecs, n_volumes, **limits)
    if not problems:
        facts["used"] = said_of_shells(bvals, **limits)
    return problems


def _frame_problems(
    path: str | Path, summary: Summary, maps: Mapping[str, Any], facts: dict[str, Any]
) -> tuple[list[str], list[Finding]]:
    frames, t_star = read_frames(path), maps["t_star_min"]
    problems = frame_problems(
        frames, summary.volumes, t_star_min=t_star, model=maps.get("dvr_model", "logan")
    )
    if problems:
        return problems, []
    facts["used"] = said_of_frames(frames)
    late = frames.starts >= 60 * t_star
    found = [unstated_finding("pet", frames.unstated)]
    if len(summary.means) == len(late):
        found.append(course_finding("pet", summary.means, frames.starts, late, frames.decay))
    return [], [finding for finding in found if finding]


def _reason_and_way_out(text: str) -> tuple[str, str]:
    reason, _, way_out = text.rstrip(".").rpartition(": ")
    return (reason, way_out) if reason else (way_out, "correct it")
