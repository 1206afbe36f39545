"""The two simulated worlds: how much of the DVR of white matter MRI can tell of (assumed).

A world sets the spread of the PET's gain between participants and the part of DVR that leaves no trace in MRI. All
else is the same in both.
"""

from collections.abc import Mapping
from typing import Any

PESSIMISTIC, AS_PUBLISHED = "pessimistic", "as_published"
WORLDS: dict[str, dict[str, float]] = {
    # as much gain as white matter differs between people, and an unseen part as large as that of myelin
    PESSIMISTIC: {"gain_sd": 0.06, "unseen_sd": 0.10},
    # what leaves a correlation with MRI as external results on patients report it
    AS_PUBLISHED: {"gain_sd": 0.03, "unseen_sd": 0.06},
}


def with_world(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the simulation in which what is null takes the value of the world.

    Parameters
    ----------
    settings : dict with ``world`` and ``pet``

    Returns
    -------
    dict
    """
    own = {key: value for key, value in settings["pet"].items() if value is not None}
    return {**settings, "pet": {**settings["pet"], **WORLDS[settings["world"]], **own}}
