"""Names that tools give to their files, in the words of BIDS; docs/recipes.md has a recipe for each tool."""

import re

# what a tool calls its file, without the ending: what it is in BIDS, behind sub-01_ses-02_
TOOLS = {
    # FreeSurfer, FastSurfer: mri/*.mgz; desc-aseg and desc-aparcaseg are fMRIPrep's words for the first two
    "aseg": "desc-aseg_dseg",
    "aparc+aseg": "desc-aparcaseg_dseg",
    "aparc.a2009s+aseg": "desc-a2009saseg_dseg",
    "aparc.DKTatlas+aseg": "desc-DKTaseg_dseg",
    "aparc.DKTatlas+aseg.deep": "desc-deep_dseg",
    "wmparc": "desc-wmparc_dseg",
    # SynthSeg, where its output is a folder
    "T1w_synthseg": "desc-synthseg_dseg",
    # SAMSEG: seg.mgz, posteriors/Lesions.mgz
    "seg": "seg-samseg_dseg",
    "Lesions": "label-lesion_probseg",
    # LST-AI; what the first releases call space-orig is the FLAIR too
    "space-flair_seg-lst": "space-FLAIR_label-lesion_mask",
    "space-orig_seg-lst": "space-FLAIR_label-lesion_mask",
    "space-mni_seg-lst": "space-MNI152_label-lesion_mask",
    # FSL dtifit with -o dti: the largest eigenvalue is AD; RD is made of the two others (docs/recipes.md)
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
# LST-AI calls every patient so in its folder of temporary files
_NOBODY = "sub-X_ses-Y"


def bids_name(name: str, scan: str) -> str:
    """Name in BIDS' words of a file that a tool named; any other name as it is.

    Parameters
    ----------
    name : str, the file's own name, alone or behind the name of its scan
    scan : name of the scan whose folder it lies in, where its own name does not say it

    >>> bids_name("dti_L1.nii.gz", "sub-01")
    'sub-01_model-tensor_param-ad_dwimap.nii.gz'
    """
    match = _PATTERN.fullmatch(name)
    if match is None or match[1] == _NOBODY:
        return name
    return f"{match[1] or scan}_{TOOLS[match[2]]}{match[3]}"
