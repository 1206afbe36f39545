"""Units of the maps: those that the configuration may declare, their conversion, and those in a sidecar."""

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
    """Conversion of values to ``names.UNITS``: times ``factor``, plus ``offset``.

    >>> Conversion(offset=1.0).value(0.25)
    1.25
    """

    factor: float = 1.0
    offset: float = 0.0

    def value(self, value: float) -> float:
        return value * self.factor + self.offset

    def original(self, value: float) -> float:
        """Return the value, in the unit of the file, that is converted to ``value``."""
        return (value - self.offset) / self.factor

    def array(self, data: np.ndarray) -> np.ndarray:
        """Return the converted values of a map, float32; exactly 0 means outside and stays 0, NaN stays NaN."""
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
# map: each unit that may be declared (units.<map>), and its conversion to names.UNITS
CONVERSIONS = {
    "FA": {"1": Conversion(), "1e-3": Conversion(1e-3)},
    "RD": _DIFFUSIVITY,
    "AD": _DIFFUSIVITY,
    "MTR": {"percent": Conversion(), "1": Conversion(100.0)},
    # the binding potential: DVR = BP_ND + 1
    "DVR": {"1": Conversion(), "BPnd": Conversion(offset=1.0)},
}
# spellings of these units in sidecars, after _plain_spelling
_SPELLINGS = {
    "1": "1", "unitless": "1", "dimensionless": "1", "none": "1", "ratio": "1", "fraction": "1", "1e-3": "1e-3",
    "percent": "percent", "%": "percent", "p.u.": "percent", "pu": "percent",
    "mm2/s": "mm2/s", "m2/s": "m2/s", "um2/ms": "um2/ms", "um2/s": "1e-6 mm2/s",
    "1e-3mm2/s": "1e-3 mm2/s", "10-3mm2/s": "1e-3 mm2/s", "0.001mm2/s": "1e-3 mm2/s",
    "1e-6mm2/s": "1e-6 mm2/s", "10-6mm2/s": "1e-6 mm2/s", "dvr": "1", "bpnd": "BPnd", "bp_nd": "BPnd",
}  # fmt: skip
# PET quantities, as sidecars and file names spell them; DVR, the default, counts only as a BIDS entity
_QUANTITIES = {"SUVR": r"suvr", "SUV": r"suv", "BPnd": r"bp[_-]?nd", "DVR": r"dvr"}
_IN_NAMES = _QUANTITIES | {"DVR": r"meas-dvr"}
# keys of a sidecar that may name the quantity
_QUANTITY_KEYS = ("Units", "Quantity", "Measure", "Measurement", "Meas")


def conversion(name: str, unit: str) -> Conversion:
    """Return the conversion of a map from its declared unit to ``names.UNITS``.

    >>> conversion("RD", "mm2/s").factor
    1000.0
    """
    return CONVERSIONS[name][unit]


def fitting_units(name: str, is_plausible: Callable[[Conversion], bool]) -> list[str]:
    """Return the units in which a map's values would be plausible, for the advice in a message.

    Parameters
    ----------
    name : map
    is_plausible : function of a Conversion, True if the converted values are in the expected range
    """
    return [unit for unit, convert in CONVERSIONS[name].items() if is_plausible(convert)]


def stated_unit(path: str | Path) -> str | None:
    """Return the unit that the JSON of an image states.

    Returns
    -------
    str of CONVERSIONS; None if there is no sidecar or it states no unit; "" if it states an unknown unit. The text
    itself is never returned: a sidecar may contain text that must not be copied.

    Raises
    ------
    InputError : the JSON cannot be read
    """
    text = read_metadata(path).get("Units")
    return None if text in (None, "") else _SPELLINGS.get(_plain_spelling(str(text)), "")


def same_unit(name: str, first: str | None, second: str | None) -> bool:
    """Return whether two units of a map are the same, as um2/ms and 1e-3 mm2/s are."""
    units = CONVERSIONS[name]
    return first in units and second in units and units[first] == units[second]


def pet_quantity(path: str | Path, metadata: Mapping[str, Any]) -> str | None:
    """Return the quantity that the file name or the JSON of a PET map states.

    Parameters
    ----------
    path : path of the map
    metadata : what its JSON says

    Returns
    -------
    str : SUVR, SUV, BPnd or DVR; None if neither states one. The first in this order wins: a file with SUVR in its
        name is SUVR, whatever else the name contains.
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
    """Return the units of the workflow's own maps, those of ``names.UNITS``."""
    return dict(UNITS)


def _plain_spelling(text: str) -> str:
    text = text.strip().lower()
    for old, new in (("²", "2"), ("µ", "u"), ("μ", "u"), ("sec", "s"), ("×", ""), ("⁻³", "-3"), ("⁻⁶", "-6")):
        text = text.replace(old, new)
    return "".join(sign for sign in text if sign not in " ^*x·")
