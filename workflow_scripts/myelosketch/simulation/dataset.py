"""The simulated dataset as the workflow plans it: its participants, with the settings and files of each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from myelosketch.io.names import session_of, subject_of, written_beside
from myelosketch.simulation.cohort import (
    PET_INPUTS,
    dataset_files,
    field_file,
    participant_settings,
    simulated_files,
    simulated_images,
    simulated_people,
    simulated_sessions,
    simulated_siblings,
    truth_files,
)
from myelosketch.simulation.sites import site_settings

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class SimulatedDataset:
    """Participants and files of a simulated dataset.

    Parameters
    ----------
    folder : str, folder of the dataset
    section : dict, section ``simulation`` of the configuration
    """

    folder: str
    section: dict[str, Any]

    @cached_property
    def people(self) -> pd.DataFrame:
        """Participants, DataFrame: ``subject``, ``group`` and ``site``."""
        return simulated_people(self.section)

    @cached_property
    def shared_settings(self) -> dict[str, Any]:
        """Settings of the first site, dict."""
        return participant_settings(self.section)

    @property
    def level(self) -> str:
        """``maps`` or ``signals``."""
        return self.section["level"]

    @property
    def external_sites(self) -> list[str]:
        """Names of the sites that no model learns from, list of str."""
        second = self.section["external"]
        return [second["site"]] if second["n_patients"] + second["n_controls"] else []

    @property
    def sessions(self) -> tuple[str | None, ...]:
        """Sessions of every participant; None alone where each has one scan."""
        return simulated_sessions(self.section)

    @cached_property
    def dataset_files(self) -> dict[str, str]:
        """Files that describe the dataset as a whole, by name."""
        return dataset_files(self.folder)

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of the cohort table, list of dict; without the PET inputs if ``with_pet`` is off."""
        kept_back = () if self.section["with_pet"] else PET_INPUTS
        rows = []
        for person in self.people.to_dict("records"):
            for session in self.sessions:
                files = simulated_files(self.folder, person["subject"], person["group"], self.level, session)
                named = {name: path for name, path in files.items() if name not in kept_back}
                rows.append({**person, "session": session, **named})
        return rows

    def settings(self, subject: str) -> dict[str, Any]:
        """Return the settings at the site of a participant, dict."""
        return site_settings(self.shared_settings, self._site[subject])

    def group(self, subject: str) -> str:
        """Return the group of a participant: MS or HC."""
        return self._group[subject]

    def outputs(self, subject: str) -> dict[str, str]:
        """Return every image and table of a participant, by name; a wildcard in braces gives patterns.

        Names of the second session end in its number (``T1w_02``).
        """
        distorted = self.level == "signals" and self.section["dwi"]["distortion_hz"] > 0
        made: dict[str, str] = {}
        for session in self.sessions:
            files = (
                simulated_images(self.folder, subject, self.level, session)
                | simulated_siblings(self.folder, subject, self.level, session)
                | truth_files(self.folder, subject, session)
                | ({"field": field_file(self.folder, subject, session)} if distorted else {})
            )
            first = session == self.sessions[0]
            made |= {name if first else f"{name}_{session}": path for name, path in files.items()}
        return made

    def beside(self, subject: str) -> list[str]:
        """Return the JSON sidecars of a participant's images that :meth:`outputs` does not list."""
        outputs = self.outputs(subject).values()
        return [path for made in outputs for path in written_beside(made) if path not in outputs]

    def truth(self, scan: str) -> dict[str, str]:
        """Return the files of a scan's ground truth, by name."""
        return truth_files(self.folder, subject_of(scan), session_of(scan))

    @cached_property
    def _site(self) -> dict[str, str]:
        return dict(zip(self.people["subject"], self.people["site"], strict=True))

    @cached_property
    def _group(self) -> dict[str, str]:
        return dict(zip(self.people["subject"], self.people["group"], strict=True))
