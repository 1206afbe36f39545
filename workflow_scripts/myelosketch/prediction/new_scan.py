"""Prediction of a new scan by a model bundle: DVR map, demyelinated voxels, and numbers with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from myelosketch.cohort.folds import EXTERNAL_FOLD
from myelosketch.evaluation.demyelination import demyelinated_mask, threshold_dvr
from myelosketch.evaluation.masks import check_labels, region_masks
from myelosketch.imaging.registration.fractions import read_lesion_source
from myelosketch.imaging.registration.verdicts import judge
from myelosketch.io.names import INPUT_MAPS
from myelosketch.io.provenance import provenance, read_json, write_json
from myelosketch.io.volumes import Volume, check_same_grid, load_volume, save_volume
from myelosketch.learning.data import Maps, load_maps
from myelosketch.learning.harmonisation import as_the_model_knows, harmonise
from myelosketch.prediction.bundle import Bundle, read_bundle
from myelosketch.prediction.expected_error import expected_error
from myelosketch.prediction.numbers import scan_numbers
from myelosketch.prediction.value_range import describe_maps, judge_range, native_voxels
from myelosketch.prediction.verdict import WITHHELD, Acceptance, verdict_on

if TYPE_CHECKING:
    import pandas as pd


def predict_new_scan(
    files: Mapping[str, str | Path],
    outputs: Mapping[str, str | Path],
    *,
    scan: str,
    group: str | None,
    site: str | None,
    level: float,
    accepted: Acceptance,
    device: str = "auto",
    threads: int = 1,
) -> dict[str, Any]:
    """Predict one scan from its MRI maps, and judge the reliability of the prediction.

    The DVR is the mean of the predictions by the models of all folds. No PET is read.

    Parameters
    ----------
    files : dict of paths: ``model`` (bundle), ``mtr``, ``fa``, ``rd``, ``ad``, ``regions``, ``fractions``,
        ``quality`` (numbers of the registration), ``inspection`` and, if maps are harmonised, ``harmonisation``
    outputs : dict of paths: ``predicted``, ``demyelinated``, ``expected_error`` (images) and ``numbers`` (JSON)
    scan : name
    group : MS, HC, or None if unknown; intervals are then those of patients
    site : name, or None
    level : probability of the intervals
    accepted : Acceptance
    device, threads : as in training

    Returns
    -------
    dict : the content of ``numbers``. Numbers are None if the verdict is ``withheld``

    Raises
    ------
    InputError : the bundle cannot be used, or the maps cannot be read
    GeometryError : maps and regions have different grids
    """
    bundle = read_bundle(files["model"])
    manifest = bundle.manifest
    maps = load_maps(files)
    regions = load_volume(files["regions"], dtype=np.int16)
    check_same_grid(Volume(maps.support, maps.affine, str(files["mtr"])), regions)
    check_labels(regions)
    harmonised = None
    if files.get("harmonisation"):
        statistics = read_json(files["harmonisation"])
        maps, harmonised = _harmonised(maps, statistics, manifest), statistics["note"]
    masks = region_masks(regions.data)
    found = describe_maps(
        dict(zip(INPUT_MAPS, maps.data, strict=True)),
        masks["nawm"],
        regions.voxel_size.tolist(),
        native=native_voxels(read_json(files["inspection"])),
    )
    in_range = judge_range(found, manifest["training_range"])
    quality = judge([files["quality"]], accepted.limits, accepted.registration)
    verdict, reasons = verdict_on(scan, in_range, quality, accepted)
    dvr = predict_by_bundle(
        bundle, maps, site=site, harmonised=bool(harmonised), device=device, threads=threads
    )
    healthy = manifest["healthy"]
    k = manifest["settings"]["k"]
    threshold = float(threshold_dvr(healthy, k))
    inside = masks["lesion"] & maps.support
    demyelinated = demyelinated_mask(dvr, inside, threshold)
    content: dict[str, Any] = {
        "scan": scan,
        "group": group,
        "site": site,
        "verdict": verdict,
        "reasons": reasons,
        "lesion_source": read_lesion_source(files["fractions"]),
        "healthy": {"mean": healthy["mean"], "sd": healthy["sd"], "threshold": threshold, "k": k},
        "harmonised": harmonised,
        "range": in_range,
        "quality": quality.astype(object).where(quality.notna(), None).to_dict("records"),
        "model": model_facts(bundle),
        "voxel_mm": [float(side) for side in regions.voxel_size],
    }
    content |= scan_numbers(
        dvr,
        masks,
        maps.support,
        regions.voxel_volume,
        source=content["lesion_source"],
        threshold=threshold,
        residuals=bundle.table("residuals"),
        settings=manifest["settings"],
        level=level,
        group=group,
        withheld=verdict == WITHHELD,
    )
    sources = [*(files[name.lower()] for name in INPUT_MAPS), files["model"]]
    method = manifest["method"]
    shared: dict[str, Any] = {
        "sources": sources,
        "parameters": {"flips": manifest["settings"]["flips"]},
        "Method": method,
        "Fold": EXTERNAL_FOLD,
        "Model": f"mean of the {method}s of {len(bundle.models)} folds",
        "ModelSHA256": bundle.sha256,
        "Verdict": verdict,
        "Reasons": reasons,
    }
    images: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
        "predicted": (dvr, {"Description": f"DVR predicted by {method}. Research only.", "Units": "1"}),
        "demyelinated": (
            demyelinated.astype(np.uint8),
            {"Labels": {"0": "other", "1": "demyelinated lesion voxel"}, "ThresholdDVR": threshold},
        ),
        "expected_error": (
            expected_error(dvr, regions.data, maps.support, bundle.table("errors")),
            {"Description": "Mean absolute error of similar held-out voxels, DVR.", "Units": "1"},
        ),
    }
    for key, (data, note) in images.items():
        save_volume(outputs[key], data, maps.affine, sidecar=provenance(**shared, **note))
    write_json(outputs["numbers"], provenance(sources=sources, parameters={"level": level}, **content))
    print(f"{scan}: {verdict}" + "".join(f"\n  {reason}" for reason in reasons), flush=True)
    return content


def predict_by_bundle(
    bundle: Bundle,
    maps: Maps,
    *,
    folds: Sequence[int] | None = None,
    site: str | None = None,
    harmonised: bool = False,
    device: str = "auto",
    threads: int = 1,
) -> np.ndarray:
    """Return the DVR as the mean of the predictions by the models of some folds.

    Parameters
    ----------
    bundle : Bundle
    maps : Maps of the scan
    folds : folds with the models to use; the default is all
    site : of the scan, for models that were trained on harmonised maps of several sites
    harmonised : bool, whether the maps were already harmonised with those of the model
    device, threads : as in training

    Returns
    -------
    float32 array (x, y, z), 0 outside the support of the maps
    """
    from myelosketch.learning.device import choose_device, set_threads
    from myelosketch.learning.inference import NetworkModel
    from myelosketch.learning.sketches import sketch_beside

    set_threads(threads)
    device = choose_device(device)
    flips = bundle.manifest["settings"]["flips"]
    predicted = []
    for fold in folds or sorted(bundle.models):
        dvr: dict[str, np.ndarray] = {}
        for method, (tensors, card) in bundle.models[fold].items():
            model = NetworkModel.of(method, tensors, card, device=device)
            sketch = dvr.get("sketch") if card.get("sketcher_sha256") else None
            seen = maps if harmonised else as_the_model_knows(maps, card, site)
            dvr[method] = model.predict(seen.data, maps.support, sketch, flips=flips)
            if method == "sketcher":
                dvr["sketch"] = sketch_beside(model, dvr[method], seen.data, maps.support, flips=flips)
        predicted.append(dvr[bundle.manifest["method"]])
    return np.stack(predicted).mean(axis=0, dtype=np.float64).astype(np.float32)


def model_facts(bundle: Bundle) -> dict[str, Any]:
    """Return the facts about the model for pages and tables."""
    manifest = bundle.manifest
    keys = ("method", "simulated", "n_patients", "n_controls", "voxel_mm", "software", "commit", "purpose")
    scores: pd.DataFrame = bundle.table("scores")
    return {key: manifest[key] for key in keys} | {
        "sha256": bundle.sha256,
        "folds": sorted(bundle.models),
        "scores": scores.astype(object).where(scores.notna(), None).to_dict("records"),
    }


def _harmonised(maps: Maps, statistics: Mapping[str, Any], manifest: Mapping[str, Any]) -> Maps:
    if statistics["maps"] is None:  # no control at this site
        return maps
    data = harmonise(maps.data, maps.support, statistics["maps"], manifest["white_matter"])
    return Maps(data, maps.support, maps.affine, maps.paths)
