"""Settings of a participant whose scanner and physics are its own, drawn from ranges (assumed).

A model that learns from such participants cannot rely on what one scanner or one set of coefficients has in common.
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
    """Settings of one participant, each key of the ranges drawn uniformly.

    A draw depends on ``seed``, ``subject`` and its own key and range, not on which other keys there are.

    Parameters
    ----------
    settings : dict, section ``simulation`` of the configuration, or a part of it
    ranges : dict, dotted key such as "mri.mtr_noise" or "physics.mtr_myelin" to (smallest, largest) value
    seed : int
    subject : str such as "MS01"

    Returns
    -------
    dict : complete settings (see ``settings.complete_settings``)

    Raises
    ------
    InputError : a range that is none, of an unknown key, or beyond what the simulation accepts, naming the key
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
    """Refuse a range whose end the simulation would not accept, drawn or not."""
    try:
        complete_settings(_laid_over(settings, key, float(edge)))
    except InputError as refusal:
        raise InputError(f"The range of simulation.{key} reaches {edge:g}: {refusal}") from refusal


def _laid_over(settings: Mapping[str, Any], key: str, value: float) -> dict[str, Any]:
    """Settings with one dotted key replaced; the given ones stay as they are."""
    name, _, below = key.partition(".")
    if not below:
        return {**settings, name: value}
    section = settings.get(name, {})
    return {**settings, name: _laid_over(section if isinstance(section, Mapping) else {}, below, value)}
