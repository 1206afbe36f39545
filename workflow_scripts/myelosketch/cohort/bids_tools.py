"""BIDS names for the file names of other tools; docs/recipes.md has a recipe for each tool."""

import re

# a tool's file name without its ending: the name in BIDS, after sub-01_ses-02_
TOOLS = {
    # FreeSurfer, FastSurfer: mri/*.mgz; desc-aseg and desc-aparcaseg are fMRIPrep's names for the first two
    "aseg": "desc-aseg_dseg",
    "aparc+aseg": "desc-aparcaseg_dseg",
    "aparc.a2009s+aseg": "desc-a2009saseg_dseg",
    "aparc.DKTatlas+aseg": "desc-DKTaseg_dseg",
    "aparc.DKTatlas+aseg.deep": "desc-deep_dseg",
    "wmparc": "desc-wmparc_dseg",
    # SynthSeg, if its output is a folder
    "T1w_synthseg": "desc-synthseg_dseg",
    # SAMSEG: seg.mgz, posteriors/Lesions.mgz
    "seg": "seg-samseg_dseg",
    "Lesions": "label-lesion_probseg",
    # LST-AI; space-orig of the first releases is also the FLAIR
    "space-flair_seg-lst": "space-FLAIR_label-lesion_mask",
    "space-orig_seg-lst": "space-FLAIR_label-lesion_mask",
    "space-mni_seg-lst": "space-MNI152_label-lesion_mask",
    # FSL dtifit with -o dti: the largest eigenvalue is AD; RD is computed from the two others (docs/recipes.md)
    "dti_FA": "model-tensor_param-fa_dwimap",
    "dti_L1": "model-tensor_param-ad_dwimap",
    "dti_RD": "model-tensor_param-rd_dwimap",
    # DIPY dipy_fit_dti
    "fa": "model-tensor_param-fa_dwimap",
    "ad": "model-tensor_param-ad_dwimap",
    "rd": "model-tensor_param-rd_dwimap",
    # Spinal Cord Toolbox sct_compute_mtr
    "mtr": "MTRmap",
}
_PATTERN = re.compile(
    rf"(?:(sub-[A-Za-z0-9]+(?:_[a-z]+-[A-Za-z0-9]+)*)_)?({'|'.join(map(re.escape, TOOLS))})(\.nii|\.nii\.gz|\.mgz)"
)
# LST-AI gives every patient this name in its folder of temporary files
_NOBODY = "sub-X_ses-Y"


def bids_name(name: str, scan: str) -> str:
    """Return the BIDS name of a file that a tool named; any other name is unchanged.

    Parameters
    ----------
    name : str, the file's own name, alone or after the name of its scan
    scan : name of the scan whose folder contains it, if the file's own name does not have it

    >>> bids_name("dti_L1.nii.gz", "sub-01")
    'sub-01_model-tensor_param-ad_dwimap.nii.gz'
    """
    match = _PATTERN.fullmatch(name)
    if match is None or match[1] == _NOBODY:
        return name
    return f"{match[1] or scan}_{TOOLS[match[2]]}{match[3]}"
