"""The study of pretraining: its simulated participants, each with a scanner and a physics of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from myelosketch.cohort.config import check_config, overlaid
from myelosketch.errors import InputError, MyelosketchError
from myelosketch.io import names
from myelosketch.simulation.cohort import participants, truth_files
from myelosketch.simulation.randomised import random_settings

# the network of this method is trained, with the noise-free tissue in the place of PET
NETWORK = "unetroi"
# keys of the workflow's configuration that the study sets itself
_OWN = ("seed", "folds", "cohort", "prediction")


@dataclass(frozen=True)
class PretrainingStudy:
    """What the study simulates and trains.

    ``results`` folder of the study; ``config`` configuration of the workflow that simulates and registers; ``groups``
    subject to MS or HC; ``ranges`` key of the section simulation to its smallest and largest value.
    """

    results: str
    config: dict[str, Any]
    groups: dict[str, str]
    ranges: dict[str, Any]

    @property
    def scans(self) -> list[str]:
        """Scan of every participant, list of str."""
        return [names.scan_name(subject) for subject in self.groups]

    def settings(self, settings: Mapping[str, Any], subject: str) -> dict[str, Any]:
        """Settings of a participant: those of the simulation, with its own draw of every range."""
        return random_settings(settings, self.ranges, seed=self.config["seed"], subject=subject)

    def files(self, keys: Sequence[str]) -> dict[str, list[str]]:
        """Derivatives of all scans by key, and ``dvr``: the noise-free tissue in the place of PET."""
        found = {key: [names.path(self.results, key, scan=scan) for scan in self.scans] for key in keys}
        root = f"{self.results}/simulated"
        return found | {"dvr": [truth_files(root, subject)["visible"] for subject in self.groups]}

    def checks(self) -> list[str]:
        """Numbers of the registration of all scans: list of paths."""
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
    InputError : a range that the simulation does not accept, or settings of the workflow that it does not
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
    if "accept" in registration:  # a smaller study has not all of those that are accepted by name
        scans = {names.scan_name(subject) for subject in groups}
        accepted = {scan: what for scan, what in registration["accept"].items() if scan in scans}
        config["registration"] = {**registration, "accept": accepted}
    try:
        check_config(config, schema)
        random_settings({}, settings["ranges"], seed=settings["seed"], subject="MS01")
    except MyelosketchError as error:
        raise InputError(f"Of the study of pretraining: {error}") from None
    return PretrainingStudy(results, config, groups, dict(settings["ranges"]))
