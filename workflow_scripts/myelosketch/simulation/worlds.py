"""The two simulated worlds: how much of the DVR of white matter can be predicted from MRI (assumed).

A world sets the SD of the PET's gain between participants and the SD of the part of DVR that leaves no trace in MRI.
Everything else is the same in both.
"""

from collections.abc import Mapping
from typing import Any

PESSIMISTIC, AS_PUBLISHED = "pessimistic", "as_published"
WORLDS: dict[str, dict[str, float]] = {
    # pessimistic: the gain varies as much as white matter between people, and the unseen part as much as myelin's.
    PESSIMISTIC: {"gain_sd": 0.06, "unseen_sd": 0.10},
    # as_published: the correlation with MRI is as in external results on patients.
    AS_PUBLISHED: {"gain_sd": 0.03, "unseen_sd": 0.06},
}


def with_world(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the simulation, where settings of ``pet`` that are null take the value of the world.

    Parameters
    ----------
    settings : dict with ``world`` and ``pet``

    Returns
    -------
    dict
    """
    own = {key: value for key, value in settings["pet"].items() if value is not None}
    return {**settings, "pet": {**settings["pet"], **WORLDS[settings["world"]], **own}}
