"""Every file of one scan opened, described and judged before anything expensive starts."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from myelosketch.cohort.bids_index import leaves
from myelosketch.cohort.table import companions, lesion_space, used_inputs
from myelosketch.intake import air, between, header, mirror, plausible, series, voxels
from myelosketch.intake.checks import REFUSED, Finding
from myelosketch.intake.thumbnails import strip
from myelosketch.io.provenance import file_hash
from myelosketch.io.units import FACTORS, default_units, stated_unit, unit_factor
from myelosketch.io.volumes import Volume, canonical

# images whose content must have the size of a head
WHOLE_HEAD = ("T1w", "FA", "MTR", "DVR")


def inspect_scan(
    row: Mapping[str, Any],
    *,
    units: Mapping[str, str] | None = None,
    maps: Mapping[str, Any] | None = None,
    root: str | Path | None = None,
) -> dict[str, Any]:
    """Inspect the files of one scan. Never fails for a bad file.

    Parameters
    ----------
    row : dict, a row of the cohort table (``scan``, ``group`` and a path or None in each of FILE_COLUMNS)
    units : dict, section ``units`` of the configuration; ``names.UNITS`` if not given
    maps : dict, section ``maps`` of the configuration; needed where the scan brings raw series
    root : folder of the dataset, out of which no link may lead; None to look at no links

    Returns
    -------
    dict : plain values: ``scan``, ``group``, ``files`` and ``findings`` (lists of dict), and a strip of
        pictures as PNG in base64 (``picture``), one column for each name in ``columns``
    """
    units, maps = units or default_units(), maps or {}
    files, findings, volumes = inspect_files(row, units=units, maps=maps, root=root)
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
    root: str | Path | None = None,
) -> tuple[list[dict[str, Any]], list[Finding], dict[str, Volume | None]]:
    """What is known about each file of a scan, and what is wrong.

    Returns
    -------
    files : list of dict, one per image and companion
    findings : list of Finding
    volumes : dict of Volume (in the declared unit; a series by one volume) or None where a file is unusable
    """
    files: list[dict[str, Any]] = []
    findings: list[Finding] = []
    volumes: dict[str, Volume | None] = {}
    for name in used_inputs(row, reference=maps.get("reference", "mask")):
        facts, found, volumes[name] = inspect_image(
            name, row[name], row["group"], unit=units.get(name), maps=maps, t1w=volumes.get("T1w")
        )
        files.append(facts)
        for kind, path in companions(name, row[name]).items():
            files.append(_file_facts(f"{kind} of {name}", path))
        findings += found + ([] if root is None else _link_findings(name, row[name], root))
    usable = {name: volume for name, volume in volumes.items() if volume is not None}
    refused = {finding.input for finding in findings if finding.verdict == REFUSED}
    sound = [name for name in usable if name not in refused]
    findings += between.scan_findings(_in_our_units(usable, units), sound, lesion_space(row))
    findings += mirror.mirror_findings({name: usable[name] for name in sound})
    return files, findings, volumes


def inspect_image(
    name: str,
    path: str | Path,
    group: str | None,
    *,
    unit: str | None = None,
    maps: Mapping[str, Any] | None = None,
    t1w: Volume | None = None,
) -> tuple[dict[str, Any], list[Finding], Volume | None]:
    """Describe and judge one image.

    Parameters
    ----------
    name : input, such as T1w or FA
    path : path
    group : MS, HC, or None where it is not known
    unit : declared unit, for the maps of units.FACTORS
    maps : see ``inspect_scan``
    t1w : Volume of the scan's T1w image, which says where the head is in a map that was never masked

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
        findings, volume = _judge(name, path, group, unit, maps or {}, facts, t1w)
    except header.UnusableError as error:
        return facts, [error.finding], None
    return facts, findings, volume


def _judge(
    name: str,
    path: str | Path,
    group: str | None,
    unit: str | None,
    maps: Mapping[str, Any],
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
    if name in FACTORS:
        stated = plausible.unit_finding(name, unit, stated_unit(path))
        findings += [stated] if stated else []
    values = voxels.value_findings(name, summary)
    if name in plausible.MASKS and not summary.n_bad:
        values = []  # a mask may be constant; what it may not be is said by its own checks
    if is_series and name == "segmentation":
        findings += values or plausible.probability_findings(name, image.shape, summary)
    else:
        findings += values or _content_findings(name, volume, summary, group, unit, t1w)
    if name in series.SERIES:
        findings += series.series_findings(name, path, image.shape[3], maps)
    return findings, volume


def _content_findings(
    name: str,
    volume: Volume,
    summary: voxels.Summary,
    group: str | None,
    unit: str | None,
    t1w: Volume | None,
) -> list[Finding]:
    if name in series.SERIES:
        negative = plausible.negative_finding(name, volume.data)
        return [negative] if negative else []
    data, near = volume.data, None
    if name in FACTORS and t1w is not None:
        near = air.judged_voxels(volume, air.head_centre(between.content_box_mm(t1w)))
        data = data if near is None else data[near]
    most = plausible.NEGATIVE_SHARE if near is None else plausible.NEGATIVE_IN_HEAD
    findings = plausible.image_findings(name, data, summary, group, most_negative=most)
    if not findings and name in FACTORS:
        assert unit is not None, name
        findings = plausible.range_findings(name, data, unit, unit_factor(name, unit))
    if near is not None:
        where = "in the middle of the head (the map is not masked)"
        findings = [finding._replace(reason=f"{finding.reason}, {where}") for finding in findings]
    if not findings and name in WHOLE_HEAD:
        size = plausible.head_finding(name, between.content_sides_mm(volume))
        findings = [size] if size else []
    return findings


def _in_our_units(volumes: dict[str, Volume], units: Mapping[str, str]) -> dict[str, Volume]:
    """The diffusivities in one unit, so that they can be compared; everything else as it is."""
    factors = {name: unit_factor(name, units[name]) for name in ("RD", "AD") if name in volumes}
    if len(set(factors.values())) < 2:
        return volumes
    return volumes | {
        name: Volume(volumes[name].data * factor, volumes[name].affine, volumes[name].path)
        for name, factor in factors.items()
    }


def _file_facts(name: str, path: str | Path) -> dict[str, Any]:
    path = Path(path)
    facts: dict[str, Any] = {"input": name, "file": str(path), "readable": False}
    if path.is_file():
        facts |= {"size": path.stat().st_size, "sha256": file_hash(path)}
        facts["readable"] = name.split(" of ")[-1] != name  # text beside a series; images say so once read
    return facts


def _link_findings(name: str, path: str | Path, root: str | Path) -> list[Finding]:
    """A path that looks as if it lay in the dataset, but leads out of it by a link."""
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
