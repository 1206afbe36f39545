"""Units of the maps: what the configuration may declare, the factor to our own, and what a sidecar says."""

import json
from collections.abc import Callable
from pathlib import Path

from myelosketch.io.names import UNITS
from myelosketch.io.provenance import sidecar_path

_DIFFUSIVITY = {"1e-3 mm2/s": 1.0, "um2/ms": 1.0, "mm2/s": 1e3, "m2/s": 1e9, "1e-6 mm2/s": 1e-3}
# map: unit that may be declared (units.<map>) to the factor that brings values to names.UNITS
FACTORS = {
    "FA": {"1": 1.0, "1e-3": 1e-3},
    "RD": _DIFFUSIVITY,
    "AD": _DIFFUSIVITY,
    "MTR": {"percent": 1.0, "1": 100.0},
    "DVR": {"1": 1.0},
}
# how sidecars spell these units, after _plain_spelling
_SPELLINGS = {
    "1": "1", "unitless": "1", "dimensionless": "1", "none": "1", "ratio": "1", "fraction": "1", "1e-3": "1e-3",
    "percent": "percent", "%": "percent", "p.u.": "percent", "pu": "percent",
    "mm2/s": "mm2/s", "m2/s": "m2/s", "um2/ms": "um2/ms", "um2/s": "1e-6 mm2/s",
    "1e-3mm2/s": "1e-3 mm2/s", "10-3mm2/s": "1e-3 mm2/s", "0.001mm2/s": "1e-3 mm2/s",
    "1e-6mm2/s": "1e-6 mm2/s", "10-6mm2/s": "1e-6 mm2/s",
}  # fmt: skip


def unit_factor(name: str, unit: str) -> float:
    """Factor that brings a map from its declared unit to ``names.UNITS``.

    >>> unit_factor("RD", "mm2/s")
    1000.0
    """
    return FACTORS[name][unit]


def fitting_units(name: str, is_plausible: Callable[[float], bool]) -> list[str]:
    """Units in which a map's values would be plausible, for the advice in a sentence.

    Parameters
    ----------
    name : map
    is_plausible : function of the factor, True if the values times the factor lie where they should
    """
    return [unit for unit, factor in FACTORS[name].items() if is_plausible(factor)]


def stated_unit(path: str | Path) -> str | None:
    """Unit that the JSON beside an image states.

    Returns
    -------
    str of FACTORS; None where there is no sidecar or it states no unit; "" where it states one not known here.
    The text itself is never handed on: a sidecar may hold what should not be copied.
    """
    sidecar = sidecar_path(path)
    if not sidecar.is_file():
        return None
    try:
        content = json.loads(sidecar.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    text = content.get("Units") if isinstance(content, dict) else None
    return None if text is None else _SPELLINGS.get(_plain_spelling(str(text)), "")


def same_unit(name: str, first: str | None, second: str | None) -> bool:
    """Whether two units of a map mean the same, as um2/ms and 1e-3 mm2/s do."""
    factors = FACTORS[name]
    return first in factors and second in factors and factors[first] == factors[second]


def default_units() -> dict[str, str]:
    """The units of ``names.UNITS``: what the workflow's own maps are in."""
    return dict(UNITS)


def _plain_spelling(text: str) -> str:
    text = text.strip().lower()
    for old, new in (("²", "2"), ("µ", "u"), ("μ", "u"), ("sec", "s"), ("×", ""), ("⁻³", "-3"), ("⁻⁶", "-6")):
        text = text.replace(old, new)
    return "".join(sign for sign in text if sign not in " ^*x·")
