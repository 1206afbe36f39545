"""How the maps of a scan are distributed in white matter, and how those of the training scans were."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def describe_maps(
    maps: Mapping[str, np.ndarray], white_matter: np.ndarray, voxel_mm: Sequence[float]
) -> dict[str, dict[str, float]]:
    """Level and spread of each map in white matter.

    Parameters
    ----------
    maps : dict of arrays (x, y, z), by name of the map
    white_matter : boolean array (x, y, z)
    voxel_mm : three floats, sides of a voxel

    Returns
    -------
    dict : map -> ``level`` (median), ``spread`` (half the distance from the 16th to the 84th percentile)
    """
    described = {}
    for name, data in maps.items():
        low, level, high = np.percentile(data[white_matter], [16, 50, 84])
        described[name] = {"level": float(level), "spread": float(high - low) / 2}
    return described


def training_range(
    descriptions: Sequence[Mapping[str, Mapping[str, float]]], groups: Sequence[str]
) -> dict[str, Any]:
    """Mean and SD of what `describe_maps` said of the training scans.

    Parameters
    ----------
    descriptions : list, one per scan
    groups : list of "MS" or "HC", one per scan

    Returns
    -------
    dict, plain values
    """
    content: dict[str, Any] = {"n_scans": {group: list(groups).count(group) for group in sorted(set(groups))}}
    for name in descriptions[0]:
        for feature in descriptions[0][name]:
            values = np.array([description[name][feature] for description in descriptions])
            content.setdefault(name, {})[feature] = {"mean": float(values.mean()), "sd": float(values.std())}
    return content
