"""The simulated dataset as the workflow plans it: its participants, their settings and the files of each."""

from dataclasses import dataclass
from functools import cached_property

from myelosketch.io.names import written_beside
from myelosketch.simulation.cohort import (
    dataset_files,
    field_file,
    participant_settings,
    simulated_files,
    simulated_images,
    simulated_people,
    simulated_siblings,
    truth_files,
)
from myelosketch.simulation.sites import site_settings


@dataclass(frozen=True)
class SimulatedDataset:
    """Participants and files of a simulated dataset.

    Parameters
    ----------
    folder : str, of the dataset
    section : dict, section ``simulation`` of the configuration
    """

    folder: str
    section: dict

    @cached_property
    def people(self):
        """DataFrame of ``subject``, ``group`` and ``site``."""
        return simulated_people(self.section)

    @cached_property
    def shared_settings(self):
        """Settings of the first site, dict."""
        return participant_settings(self.section)

    @property
    def level(self):
        """``maps`` or ``signals``."""
        return self.section["level"]

    @property
    def external_sites(self):
        """Names of the sites that no model learns from, list of str."""
        second = self.section["external"]
        return [second["site"]] if second["n_patients"] + second["n_controls"] else []

    @cached_property
    def dataset_files(self):
        """Files that describe the dataset as a whole, by name."""
        return dataset_files(self.folder)

    def rows(self):
        """Rows of the cohort table, list of dict."""
        return [
            {**person, **simulated_files(self.folder, person["subject"], person["group"], self.level)}
            for person in self.people.to_dict("records")
        ]

    def settings(self, subject):
        """Settings at the site of a participant, dict."""
        return site_settings(self.shared_settings, self._site[subject])

    def group(self, subject):
        """MS or HC."""
        return self._group[subject]

    def outputs(self, subject):
        """Every image and table of a participant, by name; a wildcard in braces gives patterns."""
        distorted = self.level == "signals" and self.section["dwi"]["distortion_hz"] > 0
        return (
            simulated_images(self.folder, subject, self.level)
            | simulated_siblings(self.folder, subject, self.level)
            | truth_files(self.folder, subject)
            | ({"field": field_file(self.folder, subject)} if distorted else {})
        )

    def beside(self, subject):
        """The JSON sidecars of a participant's images that are no outputs by name."""
        outputs = self.outputs(subject).values()
        return [path for made in outputs for path in written_beside(made) if path not in outputs]

    def truth(self, subject):
        """Ground truth of a participant, by name."""
        return truth_files(self.folder, subject)

    @cached_property
    def _site(self):
        return dict(zip(self.people["subject"], self.people["site"], strict=True))

    @cached_property
    def _group(self):
        return dict(zip(self.people["subject"], self.people["group"], strict=True))
