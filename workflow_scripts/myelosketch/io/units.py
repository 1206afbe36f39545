"""Units of the maps: what the configuration may declare, how it becomes our own, and what a sidecar says."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from myelosketch.io.names import UNITS
from myelosketch.io.sidecars import read_metadata


@dataclass(frozen=True)
class Conversion:
    """How values become those of ``names.UNITS``: times ``factor``, plus ``offset``.

    >>> Conversion(offset=1.0).value(0.25)
    1.25
    """

    factor: float = 1.0
    offset: float = 0.0

    def value(self, value: float) -> float:
        return value * self.factor + self.offset

    def original(self, value: float) -> float:
        """The value, in the unit of the file, that becomes ``value``."""
        return (value - self.offset) / self.factor

    def array(self, data: np.ndarray) -> np.ndarray:
        """Values of a map, float32; exactly 0 means outside and stays 0, NaN stays NaN."""
        if self == Conversion():
            return data
        converted = data * np.float32(self.factor)
        return converted if not self.offset else np.where(data == 0, 0, converted + np.float32(self.offset))


_DIFFUSIVITY = {
    "1e-3 mm2/s": Conversion(),
    "um2/ms": Conversion(),
    "mm2/s": Conversion(1e3),
    "m2/s": Conversion(1e9),
    "1e-6 mm2/s": Conversion(1e-3),
}
# map: unit that may be declared (units.<map>) to what brings values to names.UNITS
CONVERSIONS = {
    "FA": {"1": Conversion(), "1e-3": Conversion(1e-3)},
    "RD": _DIFFUSIVITY,
    "AD": _DIFFUSIVITY,
    "MTR": {"percent": Conversion(), "1": Conversion(100.0)},
    # the binding potential: DVR = BP_ND + 1
    "DVR": {"1": Conversion(), "BPnd": Conversion(offset=1.0)},
}
# how sidecars spell these units, after _plain_spelling
_SPELLINGS = {
    "1": "1", "unitless": "1", "dimensionless": "1", "none": "1", "ratio": "1", "fraction": "1", "1e-3": "1e-3",
    "percent": "percent", "%": "percent", "p.u.": "percent", "pu": "percent",
    "mm2/s": "mm2/s", "m2/s": "m2/s", "um2/ms": "um2/ms", "um2/s": "1e-6 mm2/s",
    "1e-3mm2/s": "1e-3 mm2/s", "10-3mm2/s": "1e-3 mm2/s", "0.001mm2/s": "1e-3 mm2/s",
    "1e-6mm2/s": "1e-6 mm2/s", "10-6mm2/s": "1e-6 mm2/s", "dvr": "1", "bpnd": "BPnd", "bp_nd": "BPnd",
}  # fmt: skip
# quantities of PET, as sidecars and names of files spell them; of DVR, the default, only a BIDS entity is believed
_QUANTITIES = {"SUVR": r"suvr", "SUV": r"suv", "BPnd": r"bp[_-]?nd", "DVR": r"dvr"}
_IN_NAMES = _QUANTITIES | {"DVR": r"meas-dvr"}
# keys of a sidecar that may name the quantity
_QUANTITY_KEYS = ("Units", "Quantity", "Measure", "Measurement", "Meas")


def conversion(name: str, unit: str) -> Conversion:
    """What brings a map from its declared unit to ``names.UNITS``.

    >>> conversion("RD", "mm2/s").factor
    1000.0
    """
    return CONVERSIONS[name][unit]


def fitting_units(name: str, is_plausible: Callable[[Conversion], bool]) -> list[str]:
    """Units in which a map's values would be plausible, for the advice in a sentence.

    Parameters
    ----------
    name : map
    is_plausible : function of a Conversion, True if the values that it gives lie where they should
    """
    return [unit for unit, convert in CONVERSIONS[name].items() if is_plausible(convert)]


def stated_unit(path: str | Path) -> str | None:
    """Unit that the JSON of an image states.

    Returns
    -------
    str of CONVERSIONS; None where there is no sidecar or it states no unit; "" where it states one not known here.
    The text itself is never handed on: a sidecar may hold what should not be copied.

    Raises
    ------
    InputError : a JSON that cannot be read
    """
    text = read_metadata(path).get("Units")
    return None if text in (None, "") else _SPELLINGS.get(_plain_spelling(str(text)), "")


def same_unit(name: str, first: str | None, second: str | None) -> bool:
    """Whether two units of a map mean the same, as um2/ms and 1e-3 mm2/s do."""
    units = CONVERSIONS[name]
    return first in units and second in units and units[first] == units[second]


def pet_quantity(path: str | Path, metadata: Mapping[str, Any]) -> str | None:
    """Which quantity a PET map says it is, by the name of its file or its JSON.

    Parameters
    ----------
    path : path of the map
    metadata : what its JSON says

    Returns
    -------
    str : SUVR, SUV, BPnd or DVR; None where neither says so. The first of this order wins: a SUVR stays one, whatever
        else its name holds.
    """
    texts = [
        (str(metadata[key]), _QUANTITIES) for key in _QUANTITY_KEYS if isinstance(metadata.get(key), str)
    ]
    texts.append((Path(path).name, _IN_NAMES))
    for quantity in _QUANTITIES:
        for text, patterns in texts:
            if re.search(rf"(?<![a-z]){patterns[quantity]}(?![a-z])", text.lower()):
                return quantity
    return None


def default_units() -> dict[str, str]:
    """The units of ``names.UNITS``: what the workflow's own maps are in."""
    return dict(UNITS)


def _plain_spelling(text: str) -> str:
    text = text.strip().lower()
    for old, new in (("²", "2"), ("µ", "u"), ("μ", "u"), ("sec", "s"), ("×", ""), ("⁻³", "-3"), ("⁻⁶", "-6")):
        text = text.replace(old, new)
    return "".join(sign for sign in text if sign not in " ^*x·")
