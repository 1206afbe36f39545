"""Open, describe and check every file of one scan before anything expensive starts."""

import base64
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from myelosketch.cohort.bids_index import leaves
from myelosketch.cohort.table import TRANSFORMS, companions, lesion_space, used_inputs
from myelosketch.errors import InputError
from myelosketch.intake import air, between, duplicates, header, masks, mirror, plausible, series, voxels
from myelosketch.intake.checks import REFUSED, Finding
from myelosketch.intake.thumbnails import strip
from myelosketch.io.inheritance import metadata_files
from myelosketch.io.provenance import file_hash, sidecar_path
from myelosketch.io.sidecars import read_metadata
from myelosketch.io.transform_files import TransformFileError, read_linear
from myelosketch.io.units import CONVERSIONS, Conversion, conversion, default_units, pet_quantity, stated_unit
from myelosketch.io.user_files import file_problem
from myelosketch.io.volumes import Volume, canonical

# defaults of the section lesions, for an inspection without a configuration
LESIONS = {"threshold": masks.THRESHOLD, "label": None}
# images whose content must have the size of a head
WHOLE_HEAD = ("T1w", "FA", "MTR", "DVR")
# images whose JSON is read: units, gradient axes, frames, names of tissues
READ_SIDECARS = (*CONVERSIONS, "dwi", "pet", "segmentation")


def inspect_scan(
    row: Mapping[str, Any],
    *,
    units: Mapping[str, str] | None = None,
    maps: Mapping[str, Any] | None = None,
    lesions: Mapping[str, Any] | None = None,
    root: str | Path | None = None,
) -> dict[str, Any]:
    """Inspect the files of one scan. A bad file never raises an error.

    Parameters
    ----------
    row : dict, a row of the cohort table (``scan``, ``group`` and a path or None in each of FILE_COLUMNS)
    units : dict, section ``units`` of the configuration; ``names.UNITS`` if not given
    maps : dict, section ``maps`` of the configuration; needed if the scan has raw series
    lesions : dict, ``threshold`` and ``label`` of the section ``lesions``: how lesion masks are read
    root : folder of the dataset, which no link may leave; None to check no links

    Returns
    -------
    dict : plain values: ``scan``, ``group``, ``files`` and ``findings`` (lists of dict), and a strip of
        pictures as PNG in base64 (``picture``), one column for each name in ``columns``
    """
    units, maps = units or default_units(), maps or {}
    files, findings, volumes = inspect_files(row, units=units, maps=maps, lesions=lesions, root=root)
    return {
        "scan": row["scan"],
        "group": row["group"],
        "files": files,
        "findings": [{**finding._asdict(), "verdict": finding.verdict} for finding in findings],
        "picture": base64.b64encode(strip(volumes)).decode("ascii"),
        "columns": list(volumes),
    }


def inspect_files(
    row: Mapping[str, Any],
    *,
    units: Mapping[str, str],
    maps: Mapping[str, Any],
    lesions: Mapping[str, Any] | None = None,
    root: str | Path | None = None,
) -> tuple[list[dict[str, Any]], list[Finding], dict[str, Volume | None]]:
    """Return the facts about each file of a scan, and what is wrong.

    Returns
    -------
    files : list of dict, one per image and companion
    findings : list of Finding
    volumes : dict, name of an image to its Volume, or to None if the file cannot be used. Values are in the declared
        unit, a series is represented by one volume, and a mask is 0 and 1
    """
    files: list[dict[str, Any]] = []
    findings: list[Finding] = []
    volumes: dict[str, Volume | None] = {}
    for name in used_inputs(row, reference=maps.get("reference", "mask")):
        if name in TRANSFORMS:
            facts, found = inspect_transform(name, row[name])
        else:
            facts, found, volumes[name] = inspect_image(
                name, row[name], unit=units.get(name), maps=maps, lesions=lesions, t1w=volumes.get("T1w")
            )
        files.append(facts)
        for kind, path in companions(name, row[name]).items():
            files.append(_file_facts(f"{kind} of {name}", path))
        findings += found + ([] if root is None else _link_findings(name, row[name], root))
    usable = {name: volume for name, volume in volumes.items() if volume is not None}
    digests = {file["input"]: file["voxels_sha256"] for file in files if file.get("share_zero", 1) < 1}
    findings += duplicates.repeated_findings(usable, digests, _sound(usable, findings))
    sound = _sound(usable, findings)
    findings += between.scan_findings(_in_our_units(usable, units), sound, lesion_space(row))
    findings += mirror.mirror_findings(sound)
    return files, findings, volumes


def inspect_transform(name: str, path: str | Path) -> tuple[dict[str, Any], list[Finding]]:
    """Describe and check a given transform: dict of plain values, list of Finding."""
    facts = _file_facts(name, path)
    try:
        read_linear(path)
    except TransformFileError as error:
        return facts, [Finding("transform", name, error.reason, error.way_out)]
    return facts | {"readable": True}, []


def inspect_image(
    name: str,
    path: str | Path,
    *,
    unit: str | None = None,
    maps: Mapping[str, Any] | None = None,
    lesions: Mapping[str, Any] | None = None,
    t1w: Volume | None = None,
) -> tuple[dict[str, Any], list[Finding], Volume | None]:
    """Describe and check one image.

    Parameters
    ----------
    name : input, such as T1w or FA
    path : path
    unit : declared unit, for the maps of units.CONVERSIONS
    maps, lesions : see ``inspect_scan``
    t1w : Volume of the scan's T1w image, which shows where the head is in an unmasked map

    Returns
    -------
    facts : dict of plain values
    findings : list of Finding
    volume : Volume, or None if the voxels cannot be used
    """
    facts = _file_facts(name, path)
    if unit:
        facts["unit"] = unit
    try:
        findings, volume = _judge(name, path, unit, maps or {}, lesions or LESIONS, facts, t1w)
    except header.UnusableError as error:
        return facts, [error.finding], None
    except OSError as error:  # a disk error while reading
        found = f"cannot be read ({error.strerror or error})"
        return facts, [Finding("unreadable", name, found, "correct its permissions, or copy it again")], None
    return facts, findings + _closed_sidecars(name, path), volume


def _closed_sidecars(name: str, path: str | Path) -> list[Finding]:
    """Return the finding about an unreadable JSON of an image, whose content would be ignored."""
    beside = sidecar_path(path)
    sidecars = dict.fromkeys([*([beside] if os.path.lexists(beside) else []), *metadata_files(path)])
    closed = [(sidecar, problem) for sidecar in sidecars if (problem := file_problem(sidecar))]
    if not closed:
        return []
    sidecar, problem = closed[0]
    found = f"has a JSON beside it that cannot be read ({sidecar.name}: {problem})"
    return [Finding("unreadable", name, found, "correct its permissions, or copy it again")]


def _judge(
    name: str,
    path: str | Path,
    unit: str | None,
    maps: Mapping[str, Any],
    lesions: Mapping[str, Any],
    facts: dict[str, Any],
    t1w: Volume | None,
) -> tuple[list[Finding], Volume]:
    image = header.open_nifti(name, path)
    is_series = name in series.SERIES or (name == "segmentation" and len(image.shape) == 4)
    facts |= header.header_facts(image)
    for finding in (
        header.dimension_finding(name, image.shape, series=is_series),
        header.type_finding(name, image),
    ):
        if finding:
            raise header.UnusableError(finding)
    findings = header.geometry_findings(name, image, facts)
    if is_series:
        data, summary = series.read_series(name, image)
    else:
        data = voxels.read_volume(name, image)
        summary = voxels.Summary().add(data)
    facts |= summary.facts() | {"readable": True, "voxels_sha256": summary.digest}
    volume = canonical(Volume(data, np.asarray(image.affine, float), str(path)))
    if name in READ_SIDECARS:
        findings += _sidecar_findings(name, path, unit)
    values = voxels.value_findings(name, summary)
    if name in masks.MASKS and not summary.n_bad:  # a mask may be constant: it has its own checks
        found, mask = masks.judge_mask(name, volume.data, lesions)
        if mask:
            facts["mask_values"] = mask.values
            volume = Volume(mask.inside.astype(np.float32), volume.affine, volume.path)
        return findings + found, volume
    if is_series and name == "segmentation":
        findings += values or plausible.probability_findings(name, image.shape, summary)
    else:
        findings += values or _content_findings(name, volume, summary, unit, t1w)
    if name in series.SERIES and not any(finding.check == "sidecar" for finding in findings):
        findings += series.series_findings(name, path, summary, maps, facts)
    return findings, volume


def _content_findings(
    name: str, volume: Volume, summary: voxels.Summary, unit: str | None, t1w: Volume | None
) -> list[Finding]:
    if name in series.SERIES:
        negative = plausible.negative_finding(name, volume.data)
        return [negative] if negative else []
    data, near = volume.data, None
    if name in CONVERSIONS and t1w is not None:
        near = air.judged_voxels(volume, air.head_centre(between.content_box_mm(t1w)))
        data = data if near is None else data[near]
    most = plausible.NEGATIVE_SHARE if near is None else plausible.NEGATIVE_IN_HEAD
    findings = plausible.image_findings(name, data, summary, most_negative=most)
    if not findings and name in CONVERSIONS:
        assert unit is not None, name
        findings = plausible.range_findings(name, data, unit)
    if near is not None:
        where = "in the middle of the head (the map is not masked)"
        findings = [finding._replace(reason=f"{finding.reason}, {where}") for finding in findings]
    if not findings and name in WHOLE_HEAD:
        size = plausible.head_finding(name, between.content_sides_mm(volume))
        findings = [size] if size else []
    return findings


def _sound(volumes: Mapping[str, Volume], findings: Iterable[Finding]) -> dict[str, Volume]:
    """Return the images that are not refused so far."""
    refused = {finding.input for finding in findings if finding.verdict == REFUSED}
    return {name: volume for name, volume in volumes.items() if name not in refused}


def _in_our_units(volumes: dict[str, Volume], units: Mapping[str, str]) -> dict[str, Volume]:
    """Return the tensor maps in the workflow's units, for comparison, and BP_ND as DVR; others are unchanged."""
    found = {name: conversion(name, units[name]) for name in ("FA", "RD", "AD", "DVR") if name in volumes}
    return volumes | {
        name: Volume(convert.array(volumes[name].data), volumes[name].affine, volumes[name].path)
        for name, convert in found.items()
        if convert != Conversion()
    }


def _sidecar_findings(name: str, path: str | Path, unit: str | None) -> list[Finding]:
    """Return findings about the JSON of an image, as far as the workflow reads it."""
    if _closed_sidecars(name, path):
        return []
    try:
        metadata = read_metadata(path)
    except InputError as error:
        reason, _, way_out = str(error).rstrip(".").rpartition(": ")
        return [Finding("sidecar", name, f"has metadata that cannot be read ({reason})", way_out)]
    if name not in CONVERSIONS:
        return []
    found = plausible.quantity_finding(name, unit, pet_quantity(path, metadata))
    found = found or plausible.unit_finding(name, unit, stated_unit(path))
    return [found] if found else []


def _file_facts(name: str, path: str | Path) -> dict[str, Any]:
    path = Path(path)
    facts: dict[str, Any] = {"input": name, "file": str(path), "readable": False}
    if not file_problem(path):
        facts |= {"size": path.stat().st_size, "sha256": file_hash(path)}
        # true for the text files of a series; for images it is set when they are read
        facts["readable"] = name.split(" of ")[-1] != name
    return facts


def _link_findings(name: str, path: str | Path, root: str | Path) -> list[Finding]:
    """Return the finding about a path that leaves the dataset through a link."""
    root, path = Path(root).absolute(), Path(path).absolute()
    inside = path.is_relative_to(root) and ".." not in path.relative_to(root).parts
    if not inside or not leaves(str(path), str(root)):
        return []
    return [
        Finding(
            "link_outside", name, "is reached by a link that leaves the dataset's folder",
            "name the file by its own path, or accept it",
        )
    ]  # fmt: skip
