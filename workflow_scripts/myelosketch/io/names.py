"""File names, region codes and method names, each defined once (BIDS derivatives, docs/data.md)."""

import re
from pathlib import Path

# channel order of every network and linear model
INPUT_MAPS = ("MTR", "FA", "RD", "AD")
UNITS = {"FA": "1", "RD": "1e-3 mm2/s", "AD": "1e-3 mm2/s", "MTR": "percent", "DVR": "1"}

GROUPS = ("MS", "HC")

# one label map; 0 is outside the brain, nawm is normal-appearing (MS) or healthy (HC) white matter
REGION_CODES = {"other": 1, "nawm": 2, "lesion": 3}

# every method except the template can be recalibrated, as <method>recal (learning/recalibration.py)
METHODS = (
    *("template", "ridgevoxel", "ridgevoxelrecal", "ridgemeans", "ridgemeansrecal", "trees", "treesrecal"),
    *("dnn2", "dnn2recal", "unet", "unetrecal", "unetroi", "unetroirecal"),
    *("sketcher", "sketcherrecal", "refiner", "refinerrecal", "transfer"),
)
CEILINGS = ("rescan", "noisefree", "visible")

SCAN_PATTERN = r"sub-[A-Za-z0-9]+(_ses-[A-Za-z0-9]+)?"
FOLDER_PATTERN = r"sub-[A-Za-z0-9]+(/ses-[A-Za-z0-9]+)?"

# suffixes of linear transforms that a user may supply: those of ITK and FreeSurfer
TRANSFORM_SUFFIXES = (".mat", ".txt", ".tfm", ".lta")

_DERIVATIVES = "derivatives/{folder}/"
_FILES = {
    "xfm_t1w_to_petref": "anat/{scan}_from-T1w_to-petref_mode-image_xfm.mat",
    "xfm_dwi_to_t1w": "dwi/{scan}_from-dwi_to-T1w_mode-image_xfm.mat",
    "xfm_mtr_to_t1w": "anat/{scan}_from-MTR_to-T1w_mode-image_xfm.mat",
    "warp_dwi": "dwi/{scan}_from-dwi_to-T1w_mode-image_desc-warp_xfm.nii.gz",
    "xfm_flair_to_t1w": "anat/{scan}_from-FLAIR_to-T1w_mode-image_xfm.mat",
    "xfm_t1w_to_mni": "anat/{scan}_from-T1w_to-MNI152_mode-image_xfm.mat",
    # the nonlinear part after the affine in MNI152 space
    "warp_mni": "anat/{scan}_from-T1w_to-MNI152_mode-image_desc-warp_xfm.nii.gz",
    "xfm_t1w_to_common": "anat/{scan}_from-T1w_to-common_mode-image_xfm.mat",
    # of a participant, whose folder and name are used like those of a scan
    "common": "anat/{scan}_space-common_T1w.nii.gz",
    "mtr": "anat/{scan}_space-petref_MTRmap.nii.gz",
    "fa": "dwi/{scan}_space-petref_model-tensor_param-fa_dwimap.nii.gz",
    "rd": "dwi/{scan}_space-petref_model-tensor_param-rd_dwimap.nii.gz",
    "ad": "dwi/{scan}_space-petref_model-tensor_param-ad_dwimap.nii.gz",
    "dvr": "pet/{scan}_trc-PIB_meas-DVR_mimap.nii.gz",
    "raw_fa": "dwi/{scan}_model-tensor_param-fa_dwimap.nii.gz",
    "raw_rd": "dwi/{scan}_model-tensor_param-rd_dwimap.nii.gz",
    "raw_ad": "dwi/{scan}_model-tensor_param-ad_dwimap.nii.gz",
    "raw_md": "dwi/{scan}_model-tensor_param-md_dwimap.nii.gz",
    "raw_b0": "dwi/{scan}_desc-b0_dwi.nii.gz",
    "raw_mtr": "anat/{scan}_MTRmap.nii.gz",
    "raw_dvr": "pet/{scan}_trc-PIB_model-LoganRef_meas-DVR_mimap.nii.gz",
    "raw_dvr_srtm": "pet/{scan}_trc-PIB_model-SRTM_meas-DVR_mimap.nii.gz",
    "t1w": "anat/{scan}_desc-preproc_T1w.nii.gz",
    "brain": "anat/{scan}_desc-brain_mask.nii.gz",
    "tissue": "anat/{scan}_desc-tissue_dseg.nii.gz",
    "lesion": "anat/{scan}_label-lesion_probseg.nii.gz",
    "fractions": "anat/{scan}_space-petref_desc-tissue_probseg.nii.gz",
    "pet_early": "pet/{scan}_trc-PIB_desc-early_pet.nii.gz",
    "regions": "anat/{scan}_space-petref_seg-regions_dseg.nii.gz",
    "regions_table": "anat/{scan}_space-petref_seg-regions_dseg.tsv",
    "own_regions": "anat/{scan}_space-petref_seg-{atlas}_dseg.nii.gz",
    "own_regions_table": "anat/{scan}_space-petref_seg-{atlas}_dseg.tsv",
    "predicted": "pet/{scan}_trc-PIB_meas-DVR_desc-{method}_mimap.nii.gz",
    "expected_error": "pet/{scan}_trc-PIB_meas-DVR_desc-{method}Error_mimap.nii.gz",
    "predicted_t1w": "pet/{scan}_space-T1w_trc-PIB_meas-DVR_desc-{method}_mimap.nii.gz",
    "predicted_mni": "pet/{scan}_space-MNI152NLin2009aSym_trc-PIB_meas-DVR_desc-{method}_mimap.nii.gz",
    "demyelinated_t1w": "pet/{scan}_space-T1w_label-demyelinated_desc-{method}_mask.nii.gz",
    "demyelinated_mni": "pet/{scan}_space-MNI152NLin2009aSym_label-demyelinated_desc-{method}_mask.nii.gz",
    # of a cohort, with voxels of 2 mm
    "dvr_mni2": "pet/{scan}_space-MNI152NLin2009aSym_res-2_trc-PIB_meas-DVR_mimap.nii.gz",
    "predicted_mni2": "pet/{scan}_space-MNI152NLin2009aSym_res-2_trc-PIB_meas-DVR_desc-{method}_mimap.nii.gz",
    "demyelinated_mni2": "pet/{scan}_space-MNI152NLin2009aSym_res-2_label-demyelinated_desc-{method}_mask.nii.gz",
    "lesion_mni2": "anat/{scan}_space-MNI152NLin2009aSym_res-2_label-lesion_probseg.nii.gz",
    "demyelinated": "pet/{scan}_space-petref_label-demyelinated_desc-{method}_mask.nii.gz",
}


# of a whole cohort: means and shares of patients (MS) or controls (HC) in MNI152 space
_GROUP = "derivatives/group/space-MNI152NLin2009aSym_res-2_"
GROUP_FILES = {
    "dvr_ms": _GROUP + "trc-PIB_meas-DVR_desc-measuredMS_mimap.nii.gz",
    "predicted_ms": _GROUP + "trc-PIB_meas-DVR_desc-predictedMS_mimap.nii.gz",
    "dvr_hc": _GROUP + "trc-PIB_meas-DVR_desc-measuredHC_mimap.nii.gz",
    "predicted_hc": _GROUP + "trc-PIB_meas-DVR_desc-predictedHC_mimap.nii.gz",
    "lesion_ms": _GROUP + "label-lesion_desc-shareMS_probseg.nii.gz",
    "demyelinated_pet_ms": _GROUP + "label-demyelinated_desc-measuredMS_probseg.nii.gz",
    "demyelinated_ms": _GROUP + "label-demyelinated_desc-predictedMS_probseg.nii.gz",
}

# written with an image or a transform: its sidecar; with a transform also a text version that ITK reads
_BESIDE = {".nii.gz": (".json",), ".mat": (".json", ".txt")}


def derived_maps(dvr_model: str) -> dict[str, str]:
    """Return the keys of the maps that a run derives from raw images, by map.

    Parameters
    ----------
    dvr_model : logan or srtm

    Returns
    -------
    dict, FA, RD, AD, MTR, DVR -> key of `pattern`
    """
    dvr = "raw_dvr_srtm" if dvr_model == "srtm" else "raw_dvr"
    return {"FA": "raw_fa", "RD": "raw_rd", "AD": "raw_ad", "MTR": "raw_mtr", "DVR": dvr}


def scan_name(subject: str, session: str | None = None) -> str:
    """Return the start of every file name of a scan: ``sub-01`` or ``sub-01_ses-02``."""
    return f"sub-{subject}_ses-{session}" if session else f"sub-{subject}"


def folder_of(scan: str) -> str:
    """Return the folder of a scan: ``sub-01/ses-02`` for ``sub-01_ses-02``."""
    return scan.replace("_", "/")


def subject_of(scan: str) -> str:
    """Return the participant of a scan: ``01`` for ``sub-01_ses-02``."""
    found = re.fullmatch(r"sub-([A-Za-z0-9]+)(?:_ses-[A-Za-z0-9]+)?", scan)
    assert found is not None, scan
    return found[1]


def session_of(scan: str) -> str | None:
    """Return the session of a scan: ``02`` for ``sub-01_ses-02``, None for ``sub-01``."""
    return scan.partition("_ses-")[2] or None


def pattern(key: str) -> str:
    """Return the path of a derivative in the results folder, with wildcards {folder}, {scan}, maybe {method}."""
    return _DERIVATIVES + _FILES[key]


def written_beside(path: str) -> list[str]:
    """Return the paths of the files that are written together with a derivative.

    Parameters
    ----------
    path : str, of a derivative; it may contain wildcards

    Returns
    -------
    list of str
    """
    for suffix, others in _BESIDE.items():
        if path.endswith(suffix):
            return [path.removesuffix(suffix) + other for other in others]
    return []


def path(root: str | Path, key: str, *, scan: str, **entities: str) -> str:
    """Path of a derivative of one scan.

    Parameters
    ----------
    root : results folder
    key : which file, such as ``fa`` or ``predicted``
    scan : ``sub-01[_ses-02]``
    entities : ``method``, if the name has one

    Returns
    -------
    str
    """
    return f"{root}/" + pattern(key).format(folder=folder_of(scan), scan=scan, **entities)


def registration_numbers(root: str | Path, scan: str) -> str:
    """Return the path of the registration numbers of a scan in a results folder."""
    return f"{root}/registration/scans/{folder_of(scan)}/{scan}.json"
