"""Who is in the simulated cohort and where each file lies; light, because the workflow asks while parsed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from myelosketch.io.names import scan_name
from myelosketch.io.provenance import write_json, write_text
from myelosketch.io.tables import write_table
from myelosketch.simulation.sites import MAIN_SITE

TRUTH_MAPS = ("rescan", "noisefree", "visible")
LATENTS = ("myelin", "axons", "water", "coherence")

LEVELS = ("maps", "signals")

_INPUTS = {
    "T1w": "{scan}/anat/{scan}_T1w.nii.gz",
    "FLAIR": "{scan}/anat/{scan}_FLAIR.nii.gz",
}
_OF_LEVEL = {
    "maps": {
        "MTR": "{scan}/anat/{scan}_MTRmap.nii.gz",
        "FA": "derivatives/maps/{scan}/dwi/{scan}_model-tensor_param-fa_dwimap.nii.gz",
        "RD": "derivatives/maps/{scan}/dwi/{scan}_model-tensor_param-rd_dwimap.nii.gz",
        "AD": "derivatives/maps/{scan}/dwi/{scan}_model-tensor_param-ad_dwimap.nii.gz",
        "DVR": "derivatives/maps/{scan}/pet/{scan}_trc-PIB_meas-DVR_mimap.nii.gz",
    },
    "signals": {
        "dwi": "{scan}/dwi/{scan}_dwi.nii.gz",
        "mt_on": "{scan}/anat/{scan}_mt-on_MTR.nii.gz",
        "mt_off": "{scan}/anat/{scan}_mt-off_MTR.nii.gz",
        "pet": "{scan}/pet/{scan}_trc-PIB_pet.nii.gz",
        "reference_mask": "derivatives/reference/{scan}/pet/{scan}_label-reference_mask.nii.gz",
    },
}
# what an image cannot be read without lies beside it
_SIBLINGS: dict[str, dict[str, str]] = {
    "maps": {},
    "signals": {
        "dwi_bval": "{scan}/dwi/{scan}_dwi.bval",
        "dwi_bvec": "{scan}/dwi/{scan}_dwi.bvec",
        "dwi_json": "{scan}/dwi/{scan}_dwi.json",
        "pet_json": "{scan}/pet/{scan}_trc-PIB_pet.json",
    },
}
_LESION_MASK = {"lesion_mask": "derivatives/lesions/{scan}/anat/{scan}_label-lesion_mask.nii.gz"}
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
Anatomy: MNI152 2009a symmetric template (T1w, grey and white matter), warped for each participant.
Quantities: docs/simulation.md names every number and its source. Nothing measured here is a clinical result.

sub-*/anat                 T1w and FLAIR on one grid (arbitrary units, skull-stripped)
{contents}derivatives/lesions        lesion mask on the T1w grid, empty for controls
derivatives/truth          poses, noise-free and repeated DVR, latents, lesions: for tests and ceilings only

Each modality has its own grid and its own head pose; truth/*_poses.json maps anatomy to modality (RAS, mm).
Seed: {seed}
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
    """Participants of one site, patients first; a participant's name does not depend on the cohort's size.

    Returns
    -------
    pandas.DataFrame : ``subject`` ("MS01", "MS02", ..., "HC01", ...; "MSB01" at site B), ``group`` (MS or HC)
    """
    groups = ["MS"] * n_patients + ["HC"] * n_controls
    numbers = [*range(1, n_patients + 1), *range(1, n_controls + 1)]
    subjects = [f"{group}{site}{number:02d}" for group, number in zip(groups, numbers, strict=True)]
    return pd.DataFrame({"subject": subjects, "group": groups})


def participant_settings(section: Mapping[str, Any]) -> dict[str, Any]:
    """What of the section ``simulation`` shapes a participant.

    The size of the cohort does not, so a larger one keeps its first members.

    Parameters
    ----------
    section : dict, section ``simulation`` of the configuration

    Returns
    -------
    dict
    """
    return {
        key: value for key, value in section.items() if key not in ("n_patients", "n_controls", "external")
    }


def simulated_people(section: Mapping[str, Any]) -> pd.DataFrame:
    """Participants of the first site and, if it has any, of the second one.

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


def simulated_files(root: str | Path, subject: str, group: str, level: str = "maps") -> dict[str, str]:
    """Files of a participant in the cohort table, by input name; the empty ``lesion_mask`` of a control is not one.

    Parameters
    ----------
    root : folder of the simulated dataset
    subject : str such as "MS01"; a wildcard in braces gives a pattern
    group : MS or HC
    level : maps (MTR, FA, RD, AD, DVR) or signals (dwi, mt_on, mt_off, pet, reference_mask)

    Returns
    -------
    dict : input name (T1w, FLAIR, those of the level, lesion_mask) to path
    """
    files = simulated_images(root, subject, level)
    return (
        files if group == "MS" else {name: path for name, path in files.items() if name not in _LESION_MASK}
    )


def simulated_images(root: str | Path, subject: str, level: str = "maps") -> dict[str, str]:
    """Every image of a participant, by input name; see :func:`simulated_files`."""
    return _paths(root, _INPUTS | _OF_LEVEL[level] | _LESION_MASK, subject)


def simulated_siblings(root: str | Path, subject: str, level: str = "maps") -> dict[str, str]:
    """Files beside the images that an analysis reads too: gradients of dwi, timing of pet; by name."""
    return _paths(root, _SIBLINGS[level], subject)


def field_file(root: str | Path, subject: str) -> str:
    """Truth that is there only if ``simulation.dwi.distortion_hz`` is above 0: the field, in Hz."""
    return f"{root}/derivatives/truth/{scan_name(subject)}/" + _FIELD.format(scan=scan_name(subject))


def truth_files(root: str | Path, subject: str) -> dict[str, str]:
    """Ground truth of a participant, by name; that of a control's lesions is empty."""
    return _paths(f"{root}/derivatives/truth/{scan_name(subject)}", _TRUTH, subject)


def truth_file(root: str | Path, subject: str, which: str) -> str:
    """One file of the truth: ``poses``, a DVR map of TRUTH_MAPS, a latent, ``tissue``, ``lesions``, ..."""
    return truth_files(root, subject)[which]


def dataset_files(root: str | Path) -> dict[str, str]:
    """Files that describe the simulated dataset as a whole, by name."""
    return {name: f"{root}/{file}" for name, file in _DATASET.items()}


def describe_cohort(root: str | Path, people: pd.DataFrame, settings: Mapping[str, Any], seed: int) -> None:
    """Write the dataset's description, participants table, README and the list of draft BIDS names.

    Parameters
    ----------
    root : folder of the simulated dataset
    people : DataFrame from :func:`simulated_people`: ``subject``, ``group``, ``site``
    settings : dict of the first site, kept in the description so that the dataset can be made again
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
    text = README.format(**counts, seed=seed, contents=contents)
    write_text(files["readme"], text)
    write_text(files["ignore"], "*_MTRmap.*\nderivatives/\n")


def _paths(root: str | Path, names: Mapping[str, str], subject: str) -> dict[str, str]:
    return {name: f"{root}/" + file.format(scan=scan_name(subject)) for name, file in names.items()}
