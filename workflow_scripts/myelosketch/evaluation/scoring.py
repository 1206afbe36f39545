"""Everything that is scored on one scan, for all methods and ceilings in one pass over its volumes."""

from pathlib import Path

import numpy as np
import pandas as pd

from myelosketch.errors import InputError
from myelosketch.evaluation import agreement, voxelwise
from myelosketch.evaluation.demyelination import (
    demyelinated_mask,
    read_threshold,
    score_demyelination,
    threshold_dvr,
)
from myelosketch.evaluation.lesions import CONNECTIVITY, label_lesions, score_lesions
from myelosketch.evaluation.masks import check_labels, check_prediction, region_masks, scorable_labels
from myelosketch.evaluation.regions import score_regions
from myelosketch.provenance import provenance, read_json, sidecar_path
from myelosketch.tables import write_table
from myelosketch.volumes import check_same_grid, load_volume, save_volume

TABLES = {
    "voxelwise": ("method", "scan", "subject", "group", "fold", "region", *voxelwise.COLUMNS),
    "demyelination": (
        *("method", "scan", "subject", "fold", "k", "n_lesion_voxels", *agreement.COUNTS),
        *("pct_true", "pct_pred", *agreement.SCORES),
    ),
    "lesions": (
        *("method", "scan", "subject", "fold", "lesion", "volume_mm3"),
        *("mean_dvr_true", "mean_dvr_pred", "pct_true", "pct_pred"),
    ),
    "regions": (
        *("method", "scan", "subject", "fold", "region", "group"),
        *("mean_dvr_true", "mean_dvr_pred", "n_voxels"),
    ),
}
# the measured PET among the masks of demyelinated voxels
MEASURED = "pet"


def score_scan(
    dvr,
    regions,
    predictions,
    threshold,
    tables,
    masks,
    *,
    scan,
    subject,
    group,
    fold,
    k,
    ks,
    dvr_range,
    min_lesion_mm3,
):
    """Score every prediction of one scan against its measured DVR, and map its demyelinated voxels.

    Parameters
    ----------
    dvr, regions : paths of the measured DVR and of the region map
    predictions : dict, method or ceiling -> path of its DVR map
    threshold : path of ``threshold.json`` of the fold in which the scan is held out
    tables : dict, each name of :data:`TABLES` -> path of the TSV to write
    masks : dict, ``pet`` or a method -> path of the mask of demyelinated voxels to write
    scan, subject : str
    group : "MS" or "HC"; ``demyelination`` and ``lesions`` hold patients only
    fold : int, in which the scan is held out
    k : float, standard deviations below the healthy mean, for masks and lesions
    ks : list of float, further values of k for ``demyelination``
    dvr_range : (low, high), fixed range of DVR for PSNR and SSIM
    min_lesion_mm3 : float, smaller lesions are not listed one by one

    Raises
    ------
    InputError : a range that is not one, a prediction without a value at a brain voxel or made by a model of
        another fold, an unknown region code, or a threshold of another fold
    GeometryError : a map does not lie on the grid of the measured DVR
    """
    if not dvr_range[0] < dvr_range[1]:
        raise InputError(
            f"evaluation.dvr_range is {list(dvr_range)}; expected a lower and then a higher DVR."
        )
    measured = load_volume(dvr)
    labelled = load_volume(regions, dtype=np.int16)
    check_same_grid(measured, labelled)
    check_labels(labelled)
    reference = read_threshold(threshold)
    if reference.get("fold") != fold:
        raise InputError(
            f"{threshold} belongs to fold {reference.get('fold')} but {scan} is held out of fold {fold}: "
            "give the threshold of the scan's own fold."
        )
    labels = scorable_labels(labelled.data, measured.data)
    scan_scorer = ScanScorer(
        measured, labels, reference, k=k, ks=ks, dvr_range=dvr_range, min_lesion_mm3=min_lesion_mm3
    )
    rows = {name: [] for name in TABLES}
    shared = {"scan": scan, "subject": subject, "group": group, "fold": fold}
    if MEASURED in masks:
        scan_scorer.save_mask(masks[MEASURED], measured, [dvr, regions, threshold])
    for method, path in predictions.items():
        predicted = load_volume(path)
        check_same_grid(measured, predicted)
        check_prediction(predicted, labels, method)
        check_held_out(path, scan, fold)
        for name, scored in scan_scorer.score(predicted.data, patient=group == "MS").items():
            rows[name] += [{"method": method} | shared | row for row in scored]
        if method in masks:
            scan_scorer.save_mask(masks[method], predicted, [path, regions, threshold])
    for name, columns in TABLES.items():
        write_table(pd.DataFrame(rows[name], columns=list(columns)), tables[name])


def check_held_out(prediction, scan, fold):
    """A prediction must come from the model of the fold in which its scan is held out.

    The fold is read from the prediction's JSON sidecar; maps that come from no model (ceilings) have none.

    Parameters
    ----------
    prediction : path of the predicted DVR
    scan : str
    fold : int

    Raises
    ------
    InputError : the sidecar names another fold, so the model has seen this participant
    """
    sidecar = sidecar_path(prediction)
    if not sidecar.is_file():
        return
    content = {key.lower(): value for key, value in read_json(sidecar).items()}
    parameters = {key.lower(): value for key, value in (content.get("parameters") or {}).items()}
    found = content.get("fold", parameters.get("fold"))
    if found is not None and str(found) != str(fold):
        raise InputError(
            f"{Path(prediction).name} was made by the model of fold {found}, which trained on {scan} "
            f"(held out of fold {fold}): delete it and run its prediction again."
        )


class ScanScorer:
    """What the scores of one scan share, computed once for all methods.

    Parameters
    ----------
    measured : Volume, DVR
    labels : integer array (x, y, z), region codes of the scorable voxels
    reference : dict with ``mean`` and ``sd`` of healthy white matter
    k, ks, dvr_range, min_lesion_mm3 : as in :func:`score_scan`
    """

    def __init__(self, measured, labels, reference, *, k, ks, dvr_range, min_lesion_mm3):
        self.measured = measured.data
        self.labels = labels
        self.reference = reference
        self.k = k
        self.ks = sorted({float(k), *map(float, ks)})
        self.threshold = threshold_dvr(reference, k)
        self.lesion = region_masks(labels)["lesion"]
        self.voxelwise = voxelwise.VoxelwiseScorer(
            self.measured, labels, data_range=float(dvr_range[1]) - float(dvr_range[0])
        )
        self.lesion_labels, self.lesion_volumes = label_lesions(
            self.lesion, voxel_volume=measured.voxel_volume, min_volume_mm3=min_lesion_mm3
        )

    def score(self, predicted, *, patient):
        """Rows of every table for one predicted map.

        Parameters
        ----------
        predicted : float array (x, y, z), DVR
        patient : bool

        Returns
        -------
        dict : name of the table -> list of dict
        """
        rows = {
            "voxelwise": self.voxelwise.score(predicted),
            "regions": score_regions(predicted, self.measured, self.labels),
        }
        if patient:
            rows["demyelination"] = score_demyelination(
                predicted[self.lesion], self.measured[self.lesion], self.reference, self.ks
            )
            rows["lesions"] = score_lesions(
                predicted, self.measured, self.lesion_labels, self.lesion_volumes, self.threshold
            )
        return rows

    def save_mask(self, path, volume, sources):
        """Write the demyelinated lesion voxels at k of one DVR map: uint8, 1 demyelinated, 0 elsewhere.

        Parameters
        ----------
        path : of the mask; its JSON sidecar states the threshold in force and where it comes from
        volume : Volume, DVR
        sources : list of paths the mask is made from
        """
        known = np.isfinite(self.threshold)
        sidecar = provenance(
            sources=sources,
            parameters={"k": self.k, "mean": self.reference["mean"], "sd": self.reference["sd"]},
            Labels={"0": "not demyelinated, or outside lesions", "1": "demyelinated lesion voxel"},
            ThresholdDVR=self.threshold,
            Fold=self.reference["fold"],
            LesionConnectivity=CONNECTIVITY,
            Note=None if known else f"no threshold, so nothing is marked: {self.reference.get('note')}",
        )
        mask = demyelinated_mask(volume.data, self.lesion, self.threshold)
        save_volume(path, mask.astype(np.uint8), volume.affine, sidecar=sidecar)
