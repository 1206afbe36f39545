"""Who is in the simulated cohort, and where each file is. Few imports: the workflow reads this while it is parsed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from myelosketch.io.names import folder_of, scan_name
from myelosketch.io.provenance import write_json, write_text
from myelosketch.io.tables import write_table
from myelosketch.simulation.sites import MAIN_SITE

TRUTH_MAPS = ("rescan", "noisefree", "visible")
LATENTS = ("myelin", "axons", "water", "coherence")

LEVELS = ("maps", "signals")
NO_FOLLOW_UP = {"kind": "none"}
SESSIONS = ("01", "02")  # of a participant with a follow-up

_INPUTS = {
    "T1w": "{folder}/anat/{scan}_T1w.nii.gz",
    "FLAIR": "{folder}/anat/{scan}_FLAIR.nii.gz",
}
_OF_LEVEL = {
    "maps": {
        "MTR": "{folder}/anat/{scan}_MTRmap.nii.gz",
        "FA": "derivatives/maps/{folder}/dwi/{scan}_model-tensor_param-fa_dwimap.nii.gz",
        "RD": "derivatives/maps/{folder}/dwi/{scan}_model-tensor_param-rd_dwimap.nii.gz",
        "AD": "derivatives/maps/{folder}/dwi/{scan}_model-tensor_param-ad_dwimap.nii.gz",
        "DVR": "derivatives/maps/{folder}/pet/{scan}_trc-PIB_meas-DVR_mimap.nii.gz",
    },
    "signals": {
        "dwi": "{folder}/dwi/{scan}_dwi.nii.gz",
        "mt_on": "{folder}/anat/{scan}_mt-on_MTR.nii.gz",
        "mt_off": "{folder}/anat/{scan}_mt-off_MTR.nii.gz",
        "pet": "{folder}/pet/{scan}_trc-PIB_pet.nii.gz",
        "reference_mask": "derivatives/reference/{folder}/pet/{scan}_label-reference_mask.nii.gz",
    },
}
# files next to an image without which it cannot be read
_SIBLINGS: dict[str, dict[str, str]] = {
    "maps": {},
    "signals": {
        "dwi_bval": "{folder}/dwi/{scan}_dwi.bval",
        "dwi_bvec": "{folder}/dwi/{scan}_dwi.bvec",
        "dwi_json": "{folder}/dwi/{scan}_dwi.json",
        "pet_json": "{folder}/pet/{scan}_trc-PIB_pet.json",
    },
}
# inputs that a hospital without PET does not have
PET_INPUTS = ("DVR", "pet", "reference_mask")
_LESION_MASK = {"lesion_mask": "derivatives/lesions/{folder}/anat/{scan}_label-lesion_mask.nii.gz"}
_TRUTH = {
    "poses": "{scan}_poses.json",
    "motion": "{scan}_motion.json",
    "warp": "{scan}_from-anatomy_to-MNI152_mode-image_xfm.nii.gz",
    **{name: f"{{scan}}_trc-PIB_meas-DVR_desc-{name}_mimap.nii.gz" for name in TRUTH_MAPS},
    **{name: f"{{scan}}_space-anatomy_desc-{name}_latent.nii.gz" for name in LATENTS},
    "tissue": "{scan}_space-anatomy_desc-tissue_dseg.nii.gz",
    "lesions": "{scan}_space-anatomy_desc-lesions_dseg.nii.gz",
    "lesion_table": "{scan}_lesions.tsv",
    "demyelinated": "{scan}_space-anatomy_label-demyelinated_mask.nii.gz",
}
_TRUTH_FOLDER = "derivatives/truth/{folder}/"
_FIELD = "{scan}_space-dwi_desc-field_map.nii.gz"
_DATASET = {
    "description": "dataset_description.json",
    "participants": "participants.tsv",
    "readme": "README",
    "ignore": ".bidsignore",
}

README = """Simulated cohort of myelosketch
===============================

{n_patients} patients with multiple sclerosis (MS) and {n_controls} healthy controls (HC), none of them real.
Anatomy: MNI152 2009a symmetric template (T1w, grey and white matter), warped for each participant. Quantities:
docs/simulation.md gives every number and its source. Nothing measured here is a clinical result.

sub-*/anat                 T1w and FLAIR on one grid (arbitrary units, skull-stripped)
{contents}derivatives/lesions        lesion mask on the T1w grid, empty for controls
{sessions}derivatives/truth          poses, noise-free and repeated DVR, latents, lesions: for tests and ceilings only

Each modality has its own grid and its own head pose; truth/*_poses.json maps anatomy to modality (RAS, mm).
Seed: {seed}
"""
FOLLOWED_UP = """ses-01, ses-02             two sessions of every participant; lesions in between: {kind}
"""

_COUNTED = (("patients", "MS"), ("controls", "HC"))
CONTENTS = {
    "maps": """sub-*/anat                 MTR map (percent)
derivatives/maps           FA, RD and AD (1e-3 mm2/s), DVR of [11C]PIB
""",
    "signals": """sub-*/anat                 images with and without MT pulse (arbitrary units)
sub-*/dwi                  diffusion series (arbitrary units) with b-values (s/mm2) and directions (FSL)
sub-*/pet                  dynamic [11C]PIB scan (kBq/mL, decay-corrected)
derivatives/reference      grey-matter reference region on the PET grid
""",
}


def participants(n_patients: int, n_controls: int, site: str = "") -> pd.DataFrame:
    """Return the participants of one site, patients first; a participant's name does not depend on the cohort's size.

    Returns
    -------
    pandas.DataFrame : ``subject`` ("MS01", "MS02", ..., "HC01", ...; "MSB01" at site B), ``group`` (MS or HC)
    """
    groups = ["MS"] * n_patients + ["HC"] * n_controls
    numbers = [*range(1, n_patients + 1), *range(1, n_controls + 1)]
    subjects = [f"{group}{site}{number:02d}" for group, number in zip(groups, numbers, strict=True)]
    return pd.DataFrame({"subject": subjects, "group": groups})


def participant_settings(section: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the section ``simulation`` that a participant depends on.

    The size of the cohort is not among them, so a larger cohort keeps its first members. Nor is ``follow_up`` where
    its kind is none.

    Parameters
    ----------
    section : dict, section ``simulation`` of the configuration

    Returns
    -------
    dict
    """
    others = {"n_patients", "n_controls", "external", "with_pet"}
    if simulated_sessions(section) == (None,):
        others |= {"follow_up"}
    return {key: value for key, value in section.items() if key not in others}


def simulated_sessions(section: Mapping[str, Any]) -> tuple[str | None, ...]:
    """Return the sessions of every participant: SESSIONS, or None alone where there is no follow-up.

    Parameters
    ----------
    section : dict, section ``simulation`` of the configuration
    """
    none = section.get("follow_up", NO_FOLLOW_UP)["kind"] == NO_FOLLOW_UP["kind"]
    return (None,) if none else SESSIONS


def simulated_people(section: Mapping[str, Any]) -> pd.DataFrame:
    """Return the participants of the first site, and those of the second site if it has any.

    Parameters
    ----------
    section : dict, section ``simulation`` of the configuration: ``n_patients``, ``n_controls`` and
        ``external`` with ``site``, ``n_patients``, ``n_controls``

    Returns
    -------
    pandas.DataFrame : ``subject``, ``group``, ``site``
    """
    second = section["external"]
    return pd.concat(
        [
            participants(section["n_patients"], section["n_controls"]).assign(site=MAIN_SITE),
            participants(second["n_patients"], second["n_controls"], second["site"]).assign(
                site=second["site"]
            ),
        ],
        ignore_index=True,
    )


def simulated_files(
    root: str | Path, subject: str, group: str, level: str = "maps", session: str | None = None
) -> dict[str, str]:
    """Return the files of a scan in the cohort table, by input name, without the empty ``lesion_mask`` of a control.

    Parameters
    ----------
    root : folder of the simulated dataset
    subject : str such as "MS01"; a wildcard in braces gives a pattern
    group : MS or HC
    level : maps (MTR, FA, RD, AD, DVR) or signals (dwi, mt_on, mt_off, pet, reference_mask)
    session : str such as "02", or None where a participant has one scan

    Returns
    -------
    dict : input name (T1w, FLAIR, those of the level and, for a patient, lesion_mask) to path
    """
    files = simulated_images(root, subject, level, session)
    return (
        files if group == "MS" else {name: path for name, path in files.items() if name not in _LESION_MASK}
    )


def simulated_images(
    root: str | Path, subject: str, level: str = "maps", session: str | None = None
) -> dict[str, str]:
    """Return every image of a scan, by input name; see :func:`simulated_files`."""
    return _paths(root, _INPUTS | _OF_LEVEL[level] | _LESION_MASK, subject, session)


def simulated_siblings(
    root: str | Path, subject: str, level: str = "maps", session: str | None = None
) -> dict[str, str]:
    """Return the files that an analysis reads with the images, by name: gradients of dwi, timing of pet."""
    return _paths(root, _SIBLINGS[level], subject, session)


def field_file(root: str | Path, subject: str, session: str | None = None) -> str:
    """Return the file of the true field (Hz), which exists only if ``simulation.dwi.distortion_hz`` is above 0."""
    return _paths(root, {"field": _TRUTH_FOLDER + _FIELD}, subject, session)["field"]


def truth_files(root: str | Path, subject: str, session: str | None = None) -> dict[str, str]:
    """Return the files of a scan's ground truth, by name; the lesion files of a control are empty."""
    names = {name: _TRUTH_FOLDER + file for name, file in _TRUTH.items()}
    return _paths(root, names, subject, session)


def truth_file(root: str | Path, subject: str, which: str, session: str | None = None) -> str:
    """Return one file of the truth: ``poses``, a DVR map of TRUTH_MAPS, a latent, ``tissue``, ``lesions``, ..."""
    return truth_files(root, subject, session)[which]


def dataset_files(root: str | Path) -> dict[str, str]:
    """Return the files that describe the simulated dataset as a whole, by name."""
    return {name: f"{root}/{file}" for name, file in _DATASET.items()}


def describe_cohort(root: str | Path, people: pd.DataFrame, settings: Mapping[str, Any], seed: int) -> None:
    """Write the dataset's description, participants table, README and the list of draft BIDS names.

    Parameters
    ----------
    root : folder of the simulated dataset
    people : DataFrame from :func:`simulated_people`: ``subject``, ``group``, ``site``
    settings : dict, those of the first site; the description keeps them, so that the dataset can be simulated again
    seed : int
    """
    files = dataset_files(root)
    write_json(
        files["description"],
        {
            "Name": "Simulated MS cohort (myelosketch)",
            "BIDSVersion": "1.10.0",
            "DatasetType": "raw",
            "License": "MIT",
            "GeneratedBy": [{"Name": "myelosketch", "Description": "simulated, no real participant"}],
            "Seed": seed,
            "Settings": settings,
        },
    )
    table = people.assign(participant_id=[scan_name(subject) for subject in people.subject])
    write_table(table[["participant_id", "group", "site"]], files["participants"])
    contents = CONTENTS[settings.get("level", LEVELS[0])]
    counts = {f"n_{name}": int((people.group == group).sum()) for name, group in _COUNTED}
    kind = settings.get("follow_up", NO_FOLLOW_UP)["kind"]
    sessions = "" if simulated_sessions(settings) == (None,) else FOLLOWED_UP.format(kind=kind)
    text = README.format(**counts, seed=seed, contents=contents, sessions=sessions)
    write_text(files["readme"], text)
    write_text(files["ignore"], "*_MTRmap.*\nderivatives/\n")


def _paths(root: str | Path, names: Mapping[str, str], subject: str, session: str | None) -> dict[str, str]:
    scan = scan_name(subject, session)
    return {name: f"{root}/" + file.format(folder=folder_of(scan), scan=scan) for name, file in names.items()}
