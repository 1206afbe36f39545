"""All scores of one scan, for all methods and ceilings in one pass over its volumes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from myelosketch.errors import InputError
from myelosketch.evaluation import voxelwise
from myelosketch.evaluation.curves import calibration_rows, roc_points
from myelosketch.evaluation.demyelination import (
    demyelinated_mask,
    demyelination_score,
    read_threshold,
    reference_of,
    score_demyelination,
    threshold_dvr,
)
from myelosketch.evaluation.kinds import true_kinds
from myelosketch.evaluation.lesions import CONNECTIVITY, label_lesions, score_lesions, size_class
from myelosketch.evaluation.masks import (
    check_labels,
    check_prediction,
    read_measured,
    region_masks,
    scorable_labels,
)  # fmt: skip
from myelosketch.evaluation.places import ScanPlaces
from myelosketch.evaluation.reference import REFERENCES, place_reference
from myelosketch.evaluation.regions import score_regions
from myelosketch.evaluation.score_tables import TABLES
from myelosketch.evaluation.variants import Variants, white_matter_masks
from myelosketch.imaging.registration.fractions import read_fractions
from myelosketch.io.provenance import provenance, read_json, sidecar_path
from myelosketch.io.tables import write_table
from myelosketch.io.volumes import Volume, check_same_grid, load_volume, save_volume

# name of the measured PET among the masks of demyelinated voxels
MEASURED = "pet"
# predictions of a simulated scan are scored against this ceiling too, in addition to the measured DVR
VISIBLE = "visible"


def score_scan(
    files: Mapping[str, str | Path],
    predictions: Mapping[str, str | Path],
    tables: Mapping[str, str | Path],
    masks: Mapping[str, str | Path],
    *,
    scan: str,
    subject: str,
    group: str,
    fold: int,
    settings: Mapping[str, Any],
) -> None:
    """Score every prediction of one scan against its measured DVR, and map its demyelinated voxels.

    Parameters
    ----------
    files : dict of paths: ``dvr`` (measured), ``ad`` (see `read_measured`), ``regions``; of the fold in which the
        scan is held out ``threshold`` and ``reference_mean``, ``reference_sd``; for places ``fractions``, ``places``,
        ``xfm_t1w_to_petref``, ``xfm_t1w_to_mni``; of a simulated patient ``lesions``, ``lesion_table``, ``poses``
    predictions : dict, method or ceiling -> path of its DVR map
    tables : dict, each name of :data:`TABLES` -> path of the TSV to write
    masks : dict, ``pet`` or a method -> path of the mask of demyelinated voxels to write
    scan, subject : str
    group : "MS" or "HC"; tables of lesions contain patients only
    fold : int, in which the scan is held out
    settings : dict of the configuration's section ``evaluation``, and ``regions`` with its ``threshold`` and
        ``white_erosion_mm``

    Raises
    ------
    InputError : an invalid setting, an unknown region code, a threshold of another fold, or a prediction that lacks a
        value at a brain voxel or comes from a model of another fold
    GeometryError : a map is not on the grid of the measured DVR
    """
    check_settings(settings)
    measured = read_measured(files)
    labelled = load_volume(files["regions"], dtype=np.int16)
    check_same_grid(measured, labelled)
    check_labels(labelled)
    references = read_references(files, measured, scan, fold)
    scan_scorer = ScanScorer(
        measured,
        labelled.data,
        references[settings["reference"]],
        **{key: settings[key] for key in ("k", "ks", "dvr_range", "min_lesion_mm3")},
        smallest_mm3=min(settings["min_lesion_mm3"], *settings["sensitivity"]["min_lesion_mm3"]),
        visible=load_volume(predictions[VISIBLE]).data if VISIBLE in predictions else None,
    )
    fractions, affine = read_fractions(files["fractions"])
    check_same_grid(measured, Volume(fractions["brain"], affine, str(files["fractions"])))
    patient = group == "MS"
    if patient:
        scan_scorer.describe_lesions(files, fractions, affine, settings)
    widths = settings["sensitivity"]["perilesional_mm"]
    white_matter = white_matter_masks(fractions, measured, widths, **settings["regions"], control=not patient)
    variants = Variants(measured.data, scan_scorer.lesion, references, white_matter, k=settings["k"])
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    shared = {"scan": scan, "subject": subject, "group": group, "fold": fold}
    sources = [files[key] for key in ("regions", "threshold")]
    if MEASURED in masks:
        scan_scorer.save_mask(masks[MEASURED], measured, [files["dvr"], *sources])
    for method, path in predictions.items():
        predicted = load_volume(path)
        check_same_grid(measured, predicted)
        check_prediction(predicted, scan_scorer.labels, method)
        check_held_out(path, scan, fold)
        scored = scan_scorer.score(predicted.data, patient=patient)
        scored["variants"] = variants.score(predicted.data, patient=patient)
        for name, found in scored.items():
            rows[name] += [{"method": method} | shared | row for row in found]
        if method in masks:
            scan_scorer.save_mask(masks[method], predicted, [path, *sources])
    for name, columns in TABLES.items():
        write_table(pd.DataFrame(rows[name], columns=list(columns)), tables[name])


def check_settings(settings: Mapping[str, Any]) -> None:
    """Raise an error for settings that the schema cannot check.

    Raises
    ------
    InputError : a range or borders that are not increasing, or an unknown reference
    """
    low, high = settings["dvr_range"]
    if not low < high:
        raise InputError(f"evaluation.dvr_range is {[low, high]}; expected a lower DVR, then a higher one.")
    borders = list(settings["lesion_sizes_mm3"])
    if not borders or borders != sorted(set(borders)):
        raise InputError(f"evaluation.lesion_sizes_mm3 is {borders}; expected increasing volumes in mm3.")
    if settings["reference"] not in REFERENCES:
        raise InputError(
            f"evaluation.reference is {settings['reference']!r}; expected one of {', '.join(REFERENCES)}."
        )


def read_references(
    files: Mapping[str, str | Path], measured: Volume, scan: str, fold: int
) -> dict[str, dict[str, Any]]:
    """Read both references of healthy white matter for one scan: ``pooled`` (numbers) and ``voxelwise`` (arrays).

    Raises
    ------
    InputError : the threshold belongs to another fold
    """
    pooled = read_threshold(files["threshold"])
    if pooled.get("fold") != fold:
        raise InputError(
            f"{files['threshold']} belongs to fold {pooled.get('fold')}, but {scan} is held out of fold {fold}: "
            "give the threshold of that fold."
        )
    maps = files["reference_mean"], files["reference_sd"]
    return {"pooled": pooled, "voxelwise": place_reference(*maps, pooled, measured, files)}


def check_held_out(prediction: str | Path, scan: str, fold: int) -> None:
    """Raise an error if a prediction comes from a model of another fold than that in which its scan is held out.

    The fold is read from the JSON sidecar of the prediction. Maps that no model made (ceilings) have no fold.

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
    """Data that all scores of one scan share, computed once for all methods.

    Parameters
    ----------
    measured : Volume, DVR
    labels : integer array (x, y, z), region codes of the whole head. Voxels without a measured DVR are not scored,
        but a lesion that the PET shows only in part keeps its number and volume
    reference : dict with ``mean`` and ``sd`` of healthy white matter, numbers or arrays (x, y, z)
    k, ks, dvr_range, min_lesion_mm3 : as in the configuration
    smallest_mm3 : float, smallest volume of a lesion in ``all_lesions``; the default is min_lesion_mm3
    visible : float array (x, y, z), as in :class:`voxelwise.VoxelwiseScorer`
    """

    def __init__(
        self,
        measured: Volume,
        labels: np.ndarray,
        reference: Mapping[str, Any],
        *,
        k: float,
        ks: Sequence[float],
        dvr_range: Sequence[float],
        min_lesion_mm3: float,
        smallest_mm3: float | None = None,
        visible: np.ndarray | None = None,
    ) -> None:
        self.measured = measured.data
        self.labels = scorable_labels(labels, measured.data)
        self.reference = reference
        self.k = float(k)
        self.ks = sorted({self.k, *map(float, ks)})
        self.threshold = threshold_dvr(reference, self.k)
        self.lesion = region_masks(self.labels)["lesion"]
        self.lesion_reference = reference_of(reference, self.lesion)
        self.voxelwise = voxelwise.VoxelwiseScorer(
            self.measured,
            self.labels,
            data_range=float(dvr_range[1]) - float(dvr_range[0]),
            visible=visible,
        )
        self.whole_lesions, self.lesion_volumes = label_lesions(
            region_masks(labels)["lesion"],
            voxel_volume=measured.voxel_volume,
            min_volume_mm3=min_lesion_mm3 if smallest_mm3 is None else smallest_mm3,
        )
        self.lesion_labels = np.where(self.lesion, self.whole_lesions, 0)
        # the largest lesion is number 1, so lesions of at least the minimum size come first
        self.n_listed = int((self.lesion_volumes >= min_lesion_mm3 * (1 - 1e-6)).sum())
        self.lesion_facts: list[dict[str, str | None]] = [{}] * self.n_listed

    def describe_lesions(
        self,
        files: Mapping[str, str | Path],
        fractions: Mapping[str, np.ndarray],
        affine: np.ndarray,
        settings: Mapping[str, Any],
    ) -> None:
        """Find the size, location and, in a simulated patient, kind of each listed lesion.

        Parameters
        ----------
        files, settings : as in :func:`score_scan`
        fractions : dict of arrays (x, y, z), tissues on the scan's grid; affine : array (4, 4)
        """
        listed = np.where(self.whole_lesions <= self.n_listed, self.whole_lesions, 0)
        limits = {key: settings[key] for key in ("periventricular_mm", "juxtacortical_mm")}
        places = ScanPlaces.of_scan(fractions, affine, files).of_lesions(listed, **limits)
        kinds: list[str | None] = [None] * self.n_listed
        if "lesion_table" in files:
            kinds = true_kinds(listed, affine, files)
        sizes = [size_class(v, settings["lesion_sizes_mm3"]) for v in self.lesion_volumes[: self.n_listed]]
        self.lesion_facts = [
            {"size": size, "place": place, "kind": kind}
            for size, place, kind in zip(sizes, places, kinds, strict=True)
        ]

    def score(self, predicted: np.ndarray, *, patient: bool) -> dict[str, list[dict[str, Any]]]:
        """Return the rows of every table for one predicted map.

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
            "calibration": calibration_rows(predicted, self.measured, self.labels),
        }
        if patient:
            found, true = predicted[self.lesion], self.measured[self.lesion]
            rows["demyelination"] = score_demyelination(found, true, self.lesion_reference, self.ks)
            curve = roc_points(
                true < threshold_dvr(self.lesion_reference, self.k),
                demyelination_score(found, self.lesion_reference),
            )
            rows["roc"] = [{"k": self.k} | point for point in curve]
            lesions = score_lesions(
                predicted, self.measured, self.lesion_labels, self.lesion_volumes, self.threshold
            )
            rows["all_lesions"] = lesions
            listed = [lesion for lesion in lesions if lesion["lesion"] <= self.n_listed]
            rows["lesions"] = [lesion | self.lesion_facts[lesion["lesion"] - 1] for lesion in listed]
        return rows

    def save_mask(self, path: str | Path, volume: Volume, sources: Sequence[str | Path]) -> None:
        """Write the demyelinated lesion voxels at k of one DVR map: uint8, 1 demyelinated, 0 elsewhere.

        Parameters
        ----------
        path : of the mask. Its JSON sidecar states the threshold in force and its source
        volume : Volume, DVR
        sources : list of paths from which the mask is computed
        """
        voxelwise_reference = bool(np.ndim(self.threshold))
        known = np.isfinite(self.threshold).all()
        shown = {name: None if np.ndim(v := self.reference[name]) else v for name in ("mean", "sd")}
        sidecar = provenance(
            sources=sources,
            parameters={"k": self.k, "reference": REFERENCES[voxelwise_reference], **shown},
            Labels={"0": "not demyelinated, or outside lesions", "1": "demyelinated lesion voxel"},
            ThresholdDVR=None if voxelwise_reference else self.threshold,
            Fold=self.reference["fold"],
            LesionConnectivity=CONNECTIVITY,
            Note=None if known else f"no threshold, so nothing is marked: {self.reference.get('note')}",
        )
        mask = demyelinated_mask(volume.data, self.lesion, self.threshold)
        save_volume(path, mask.astype(np.uint8), volume.affine, sidecar=sidecar)
