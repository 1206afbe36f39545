"""Sentences that say why a map differs from those of the training scans: a known mistake or the difference found."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from myelosketch.io.names import INPUT_MAPS, UNITS

Row = dict[str, Any]

FACTORS = (10.0, 100.0, 1000.0, 1e6, 0.1, 0.01, 0.001, 1e-6)
# a known mistake explains a map if undoing it brings the map this close to the training scans
NEAR = 0.25
# features that one cause changes in several maps
_ALIKE = ("coverage", "noise", "voxel_mm")
_ANOTHER_SCALE = {"MTR": "the image may have another unit or pulse"}
_ANOTHER_PROTOCOL = "the image may have another unit or diffusion protocol"
# feature -> its name, possible causes of a lower value, and of a higher value
_SAID = {
    "level": ("in white matter is", "", ""),
    "other": ("in the rest of the brain is", "the image may be of another type, or misplaced", ""),
    "spread": (
        "varies in white matter by", "the image may be scaled or smoothed",
        "the image may be scaled or misplaced, or lack a field correction",
    ),
    "noise": (
        "differs from voxel to voxel of white matter by",
        "the image may be smoothed, or measured with larger voxels or less noise",
        "the image may be noisier than theirs",
    ),
    "voxel_mm": (
        "has voxels of", "the image is finer than theirs, or was interpolated", "the image is coarser than theirs",
    ),
}  # fmt: skip

# what may still differ from the training scans after a shift
_LEFT = {"level": "white matter", "other": "the rest of the brain", "noise": "its noise"}


def add_reasons(rows: Sequence[Row], training: Mapping[str, Any]) -> list[Row]:
    """Add the reasons to the rows.

    Parameters
    ----------
    rows : of `value_range.judge_range`
    training : dict of `value_range.training_range`

    Returns
    -------
    list of dict
    """
    of_map: dict[str, dict[str, Row]] = {}
    for row in rows:
        of_map.setdefault(row["map"], {})[row["feature"]] = dict(row)
    known = _known_mistakes(of_map)
    for name, features in of_map.items():
        counts = {feature: training["maps"][name][feature]["n"] for feature in features}
        if name in known:
            row = features["level"]
            row["reason"] = f"{_found(row, counts['level'])}: {known[name]}."
            row["verdict"] = "out_of_range"
            continue
        for feature, row in features.items():
            if row["verdict"] != "ok" and not _said_already(feature, features):
                row["reason"] = _sentence(feature, features, counts[feature])
    _merge_alike([features[name] for features in of_map.values() for name in _ALIKE if name in features])
    return [row for features in of_map.values() for row in features.values()]


def _merge_alike(rows: Sequence[Row]) -> None:
    """Keep one of the sentences that say the same about several maps."""
    said: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        if row["reason"]:
            key = (row["feature"], row["verdict"], row["z"] < 0, row["value"] == 0)
            said.setdefault(key, []).append(row)
    for first, *others in said.values():
        if others:
            names = [row["map"] for row in others]
            listed = " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)
            do = "do" if names[1:] else "does"
            first["reason"] = f"{first['reason'].removesuffix('.')}; so {do} {listed}."
        for row in others:
            row["reason"] = ""


def _known_mistakes(of_map: Mapping[str, Mapping[str, Row]]) -> dict[str, str]:
    """Return the known mistakes by map."""
    levels = {name: of_map[name]["level"] for name in INPUT_MAPS if "level" in of_map.get(name, {})}
    off = {name: row for name, row in levels.items() if row["verdict"] != "ok"}
    found: dict[str, str] = {}
    pairs = [(one, other) for one, other in combinations(levels, 2) if {one, other} <= set(off)]
    impossible = {"RD", "AD"} <= set(levels) and levels["RD"]["value"] > levels["AD"]["value"]
    for one, other in [*pairs, *([("RD", "AD")] if impossible else [])]:
        if _is_near(levels[one]["value"], levels[other]) and _is_near(levels[other]["value"], levels[one]):
            found |= dict.fromkeys((one, other), f"{one} and {other} look swapped")
    for name, row in off.items():
        factor = next((factor for factor in FACTORS if _is_near(row["value"] / factor, row)), None)
        if name not in found and factor:
            found[name] = (
                f"the values look multiplied by {factor:g}; declare units.{name}, or convert the file"
            )
    mtr = off.get("MTR")
    if mtr and "MTR" not in found and _is_near(100 - mtr["value"], mtr):
        found["MTR"] = "the image looks like 100 - MTR, the share of the signal that remains"
    if impossible and not {"RD", "AD"} & set(found):
        name = max(("RD", "AD"), key=lambda name: abs(levels[name]["z"]))
        of_both = f"RD ({levels['RD']['value']:.3g}) is above AD ({levels['AD']['value']:.3g}) there"
        found[name] = f"{of_both}, which is impossible{_shift(of_map[name])}"
    return found


def _is_near(value: float, row: Row) -> bool:
    return bool(abs(value - row["expected"]) <= NEAR * abs(row["expected"]))


def _said_already(feature: str, features: Mapping[str, Row]) -> bool:
    """Return whether another row of the map says the same: a shift of the level also shifts the rest of the brain."""
    off = {name: row["verdict"] for name, row in features.items() if row["verdict"] != "ok"}
    if "coverage" in off:
        return feature != "coverage"
    if feature == "level":
        return off.get("other") == "out_of_range" != off["level"] and _moved_together(features)
    return feature in ("other", "spread") and off.get("level") in (off[feature], "out_of_range")


def _moved_together(features: Mapping[str, Row]) -> bool:
    """Return whether white matter and the rest of the brain differ in one direction, as after a shift of the
    image."""
    return "level" in features and bool(features["level"]["z"] * features["other"]["z"] > 1)


def _sentence(feature: str, features: Mapping[str, Row], n: int) -> str:
    row = features[feature]
    name = row["map"]
    if feature == "coverage":
        if row["value"] == 0:
            return f"{name} has no value in white matter: give the whole map."
        return (
            f"{name} covers {row['value']:.0%} of the white matter ({row['low']:.0%} or more expected from {n} "
            "training scans): part of the head is missing."
        )
    _, low, high = _SAID[feature]
    why = low if row["z"] < 0 or not high else high
    if feature == "other" and _is_inverted(features):
        why = "white matter and the rest of the brain are swapped, as in an inverted image"
    elif feature == "level" or (feature == "other" and _moved_together(features)):
        why = _ANOTHER_SCALE.get(name, _ANOTHER_PROTOCOL) + _shift(features, feature)
    elif feature == "spread" and row["value"] > 0:
        why += _shift(features)
    return f"{_found(row, n)}: {why}."


def _found(row: Row, n: int) -> str:
    name, feature = row["map"], row["feature"]
    unit = " mm" if feature == "voxel_mm" else _unit(name)
    subject = "petref, the grid of the PET," if name == "petref" else name
    low, high = max(row["low"], 0.0), row["high"]
    return (
        f"{subject} {_SAID[feature][0]} {row['value']:.3g}{unit} ({low:.3g} to {high:.3g} expected from {n} training "
        "scans)"
    )


def _is_inverted(features: Mapping[str, Row]) -> bool:
    if not {"level", "other"} <= set(features):
        return False
    found, expected = (features["other"][key] - features["level"][key] for key in ("value", "expected"))
    return bool(found * expected < 0)


def _shift(features: Mapping[str, Row], feature: str = "level") -> str:
    """Return what would bring level (and spread) to those of the training scans, and what would still differ."""
    row, unit = features[feature], _unit(features[feature]["map"])
    spread = features.get("spread")
    scaled = spread is not None and spread["verdict"] != "ok" and spread["value"] > 0
    factor = spread["expected"] / spread["value"] if spread and scaled else 1.0
    shift = row["expected"] - factor * row["value"]
    how = (f"a factor of {factor:.3g} and " if scaled else "") + f"a shift of {shift:+.3g}{unit}"
    left = [
        _LEFT[name]
        for name in _LEFT
        if name in features and not _fits(features[name], factor, 0.0 if name == "noise" else shift)
    ]
    rest = f", but not {' and '.join(left)}" if left else ""
    return f"; {how} would bring it to the training scans{rest}"


def _fits(row: Row, factor: float, shift: float) -> bool:
    return bool(row["low"] <= factor * row["value"] + shift <= row["high"])


def _unit(name: str) -> str:
    """Return the unit after a number; um2/ms is 1e-3 mm2/s."""
    return {"1": "", "1e-3 mm2/s": " um2/ms"}.get(UNITS.get(name, "1"), f" {UNITS.get(name)}")
