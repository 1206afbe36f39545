"""Plan of the pretraining study: simulated participants, each with a different scanner and different physics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from myelosketch.cohort.config import check_config, overlaid
from myelosketch.errors import InputError, MyelosketchError
from myelosketch.io import names
from myelosketch.simulation.cohort import participants, truth_files
from myelosketch.simulation.randomised import random_settings

# the network of this method is trained, with noise-free tissue instead of PET
NETWORK = "unetroi"
# keys of the workflow's configuration that only the study may set
_OWN = ("seed", "folds", "cohort", "prediction")


@dataclass(frozen=True)
class PretrainingStudy:
    """What the study simulates and trains.

    ``results`` is the folder of the study, ``config`` the configuration of the workflow that simulates and registers.
    ``groups`` maps a subject to MS or HC, ``ranges`` a key of the section simulation to its smallest and largest
    value.
    """

    results: str
    config: dict[str, Any]
    groups: dict[str, str]
    ranges: dict[str, Any]

    @property
    def scans(self) -> list[str]:
        """Scans of all participants, list of str."""
        return [names.scan_name(subject) for subject in self.groups]

    def settings(self, settings: Mapping[str, Any], subject: str) -> dict[str, Any]:
        """Return the simulation settings of a participant, with a separate draw from every range."""
        return random_settings(settings, self.ranges, seed=self.config["seed"], subject=subject)

    def files(self, keys: Sequence[str]) -> dict[str, list[str]]:
        """Return derivatives of all scans by key, and ``dvr``, the noise-free tissue used instead of PET."""
        found = {key: [names.path(self.results, key, scan=scan) for scan in self.scans] for key in keys}
        root = f"{self.results}/simulated"
        return found | {"dvr": [truth_files(root, subject)["visible"] for subject in self.groups]}

    def checks(self) -> list[str]:
        """Return the registration measurements of all scans: list of paths."""
        return [names.registration_numbers(self.results, scan) for scan in self.scans]


def plan_pretraining(settings: Mapping[str, Any], results: str, schema: str | Path) -> PretrainingStudy:
    """Check the settings of the study and plan it.

    Parameters
    ----------
    settings : dict, section ``pretraining`` of the study
    results : str, folder of the study
    schema : path of the schema of the workflow's configuration

    Returns
    -------
    PretrainingStudy

    Raises
    ------
    InputError : the simulation does not accept a range, or the workflow does not accept the settings
    """
    taken = [key for key in _OWN if key in settings["workflow"]]
    if taken:
        raise InputError(
            f"pretraining.workflow sets {taken[0]}, which the study sets itself: use the keys of pretraining."
        )
    counts = {f"n_{group}": settings["participants"][group] for group in ("patients", "controls")}
    own: dict[str, Any] = {
        "seed": settings["seed"],
        "folds": {"n": 2},
        "simulation": counts,
        "training": {"methods": [NETWORK], NETWORK: {"epochs": settings["epochs"]}},
    }
    people = participants(counts["n_patients"], counts["n_controls"])
    groups = dict(zip(people.subject, people.group, strict=True))
    config = overlaid(settings["workflow"], own)
    registration = config.get("registration", {})
    if "accept" in registration:  # a smaller study lacks some scans that are accepted by name
        scans = {names.scan_name(subject) for subject in groups}
        accepted = {scan: what for scan, what in registration["accept"].items() if scan in scans}
        config["registration"] = {**registration, "accept": accepted}
    try:
        check_config(config, schema)
        random_settings({}, settings["ranges"], seed=settings["seed"], subject="MS01")
    except MyelosketchError as error:
        raise InputError(f"Pretraining study: {error}") from None
    return PretrainingStudy(results, config, groups, dict(settings["ranges"]))
