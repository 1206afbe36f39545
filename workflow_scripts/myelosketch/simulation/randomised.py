"""Settings of a participant with an individual scanner and individual physics, drawn from ranges (assumed).

A model that learns from such participants cannot rely on the properties of one scanner or one set of coefficients.
"""

import math
from collections.abc import Mapping
from typing import Any

from myelosketch.errors import InputError
from myelosketch.simulation.fields import stream
from myelosketch.simulation.settings import complete_settings


def random_settings(
    settings: Mapping[str, Any], ranges: Mapping[str, Any], *, seed: int, subject: str
) -> dict[str, Any]:
    """Return the settings of one participant, where each key of the ranges is drawn uniformly.

    A draw depends on ``seed``, ``subject`` and its own key and range, not on the other keys.

    Parameters
    ----------
    settings : dict, section ``simulation`` of the configuration, or a part of it
    ranges : dict, (smallest, largest) value by dotted key such as "mri.mtr_noise" or "physics.mtr_myelin"
    seed : int
    subject : str such as "MS01"

    Returns
    -------
    dict : complete settings (see ``settings.complete_settings``)

    Raises
    ------
    InputError : a range is not two numbers in order, its key is unknown, or the simulation does not accept its ends;
        the message names the key
    """
    drawn = settings
    for key, limits in ranges.items():
        low, high = _checked_range(key, limits)
        for edge in (low, high):
            _refuse_edge(settings, key, edge)
        drawn = _laid_over(drawn, key, float(stream(seed, subject, f"world {key}").uniform(low, high)))
    return complete_settings(drawn)


def _checked_range(key: Any, limits: Any) -> tuple[float, float]:
    numbers = [value for value in limits if _is_number(value)] if isinstance(limits, list | tuple) else []
    if len(numbers) != 2 or len(limits) != 2:
        raise InputError(f"The range of simulation.{key} is {limits!r}; expected two numbers: correct it.")
    low, high = numbers
    if low > high:
        raise InputError(
            f"The range of simulation.{key} is {low:g} to {high:g}; expected the smaller number first: swap them."
        )
    return low, high


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _refuse_edge(settings: Mapping[str, Any], key: str, edge: float) -> None:
    """Raise an error if the simulation would not accept the end of a range, even if it is not drawn."""
    try:
        complete_settings(_laid_over(settings, key, float(edge)))
    except InputError as refusal:
        raise InputError(f"The range of simulation.{key} reaches {edge:g}: {refusal}") from refusal


def _laid_over(settings: Mapping[str, Any], key: str, value: float) -> dict[str, Any]:
    """Return a copy of the settings in which one dotted key is replaced."""
    name, _, below = key.partition(".")
    if not below:
        return {**settings, name: value}
    section = settings.get(name, {})
    return {**settings, name: _laid_over(section if isinstance(section, Mapping) else {}, below, value)}
