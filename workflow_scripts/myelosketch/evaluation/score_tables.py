"""Columns of the tables of scores, per scan and gathered."""

from myelosketch.evaluation import agreement, voxelwise

_LESION_MEANS = ("mean_dvr_true", "mean_dvr_pred", "pct_true", "pct_pred")
TABLES = {
    "voxelwise": ("method", "scan", "subject", "group", "fold", "region", *voxelwise.COLUMNS),
    "demyelination": (
        *("method", "scan", "subject", "fold", "k", "n_lesion_voxels", *agreement.COUNTS),
        *("pct_true", "pct_pred", *agreement.SCORES),
    ),
    "lesions": (
        *("method", "scan", "subject", "fold", "lesion", "volume_mm3", "n_voxels", *_LESION_MEANS),
        *("size", "place", "kind"),
    ),
    "regions": (
        *("method", "scan", "subject", "fold", "region", "group"),
        *("mean_dvr_true", "mean_dvr_pred", "n_voxels"),
    ),
    "roc": ("method", "scan", "subject", "fold", "k", "fpr", "tpr"),
    "calibration": (
        *("method", "scan", "subject", "fold", "region"),
        *("dvr_pred", "mean_true", "mean_abs_error", "n_voxels"),
    ),
    # the sources of sensitivity.tsv
    "variants": ("method", "scan", "subject", "group", "fold", "axis", "value", "metric", "score"),
    "all_lesions": ("method", "scan", "subject", "fold", "lesion", "volume_mm3", "n_voxels", *_LESION_MEANS),
}
