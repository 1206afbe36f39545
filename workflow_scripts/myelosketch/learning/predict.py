"""Prediction of one scan by any method: DVR on the PET grid from MRI maps, with the sources in a sidecar."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from myelosketch.errors import InputError
from myelosketch.io.provenance import provenance
from myelosketch.io.volumes import Volume, check_same_grid, load_volume, save_volume
from myelosketch.learning.data import Maps, load_maps
from myelosketch.learning.harmonisation import as_the_model_knows
from myelosketch.learning.ladder import GENERATORS, base_of, needed_models

if TYPE_CHECKING:
    import numpy as np

TRANSFORMS = ("xfm_t1w_to_petref", "xfm_t1w_to_mni")
# files of a scan that a prediction reads
PREDICTION_FILES = ("mtr", "fa", "rd", "ad", *TRANSFORMS)


def predict_scan(
    files: Mapping[str, str | Path],
    models: Mapping[str, str | Path],
    outputs: Mapping[str, str | Path],
    *,
    flips: bool = False,
    device: str = "auto",
    threads: int = 1,
    configurations: Mapping[str, str] | None = None,
    site: str | None = None,
) -> dict[str, str]:
    """Predict the DVR map of one scan by several methods.

    A prediction is reproducible to the bit on CPU. No PET is read, and only recalibrated methods read a mask. A
    prediction locks no GPU (`gpu_lock`). It keeps neither gradients nor layers, so it can share the first visible GPU
    with a training.

    Parameters
    ----------
    files : dict of paths: mtr, fa, rd, ad; for the template, xfm_t1w_to_petref and xfm_t1w_to_mni; for recalibrated
        methods, regions
    models : dict method -> model folder, for all methods of `needed_models`
    outputs : dict method -> path of the predicted DVR map, ``.nii.gz``
    flips : see `NetworkModel.predict`
    device, threads : as in training
    configurations : dict method -> hash of the configuration in use (`training.configuration_hash`), for networks
    site : of the scan, for models whose sites were harmonised

    Returns
    -------
    dict : method -> SHA-256 of the weights used

    Raises
    ------
    InputError : a map has values that are not finite, a card does not match its weights or the configuration, or a
        refiner or a recalibration belongs to another model than the one given
    GeometryError : maps have different grids
    """
    needed = needed_models(outputs)
    missing = [method for method in needed if method not in models]
    if missing:
        raise InputError(
            f"prediction by {', '.join(outputs)} needs the models of {', '.join(missing)}: give their "
            "folders."
        )
    maps = load_maps(files)
    predicted: dict[str, np.ndarray] = {}
    cards: dict[str, Mapping[str, Any]] = {}
    for method in needed:
        predicted[method], cards[method] = predict_by(
            method,
            models[method],
            maps,
            files,
            predicted,
            cards,
            flips=flips,
            device=device,
            threads=threads,
            configurations=configurations or {},
            site=site,
        )
    for method, path in outputs.items():
        card = cards[method]
        sidecar = provenance(
            Description=f"DVR predicted by {method}; 0 where the maps have no tissue. Research only.",
            sources=[*filter(None, maps.paths), *(files[key] for key in further_files(method))],
            parameters={"flips": flips} if method in GENERATORS else {},
            Units="1",
            Method=method,
            Fold=card.get("fold"),
            ModelSHA256=card["weights_sha256"],
        )
        save_volume(path, predicted[method], maps.affine, sidecar=sidecar)
        print(f"{method}: {Path(path).name}", flush=True)
    return {method: cards[method]["weights_sha256"] for method in outputs}


def further_files(method: str) -> tuple[str, ...]:
    """Return the keys of the files that a method reads in addition to the maps."""
    if method == "template":
        return TRANSFORMS
    return ("regions",) if base_of(method) else ()


def predict_by(
    method: str,
    folder: str | Path,
    maps: Maps,
    files: Mapping[str, str | Path],
    predicted: dict[str, np.ndarray],
    cards: Mapping[str, Mapping[str, Any]],
    *,
    flips: bool,
    device: str,
    threads: int,
    configurations: Mapping[str, str],
    site: str | None,
) -> tuple[np.ndarray, Mapping[str, Any]]:
    """Return the DVR by one method and the card of its model.

    Parameters
    ----------
    method : name
    folder : of its model
    maps : data.Maps
    files : dict of paths
    predicted, cards : results of earlier methods. The sketcher adds ``sketch``, from which the refiner starts. A
        recalibrated method starts from the map of the method it corrects
    flips, device, threads, configurations, site : see `predict_scan`

    Returns
    -------
    (float32 array (x, y, z), dict)

    Raises
    ------
    InputError : a refiner was trained with another sketcher, or a recalibration belongs to another model
    """
    if base := base_of(method):
        return _recalibrate(method, folder, maps, files["regions"], predicted[base], cards[base])
    if method == "template":
        from myelosketch.learning.template import TemplateModel

        template = TemplateModel.load(folder)
        return template.predict(maps, **{key: files[key] for key in TRANSFORMS}), template.card
    if method not in GENERATORS:
        from myelosketch.learning.baselines import load_baseline

        baseline = load_baseline(method, folder)
        maps = as_the_model_knows(maps, baseline.card, site)
        return baseline.predict(maps.data, maps.support), baseline.card
    from myelosketch.learning.device import choose_device, set_threads
    from myelosketch.learning.inference import NetworkModel
    from myelosketch.learning.sketches import sketch_beside

    set_threads(threads)
    wanted = configurations.get(method)
    model = NetworkModel.load(folder, method=method, device=choose_device(device), config_sha256=wanted)
    maps = as_the_model_knows(maps, model.card, site)
    drawn = None
    if GENERATORS[method].refines:
        drawn = predicted["sketch"]
        if model.card["sketcher_sha256"] != cards["sketcher"]["weights_sha256"]:
            raise InputError(
                "the refiner was trained on the maps of another sketcher: use both from the same fold and run."
            )
    dvr = model.predict(maps.data, maps.support, drawn, flips=flips)
    if method == "sketcher":
        predicted["sketch"] = sketch_beside(model, dvr, maps.data, maps.support, flips=flips)
    return dvr, model.card


def _recalibrate(
    method: str,
    folder: str | Path,
    maps: Maps,
    regions: str | Path,
    dvr: np.ndarray,
    card: Mapping[str, Any],
) -> tuple[np.ndarray, Mapping[str, Any]]:
    """Return a predicted map with its level corrected by region, and the card of the correction."""
    import numpy as np

    from myelosketch.learning.recalibration import Recalibration

    model = Recalibration.load(folder, method=method)
    if model.card["base_sha256"] != card["weights_sha256"]:
        raise InputError(
            f"{method} corrects another model of {base_of(method)} than the one given: use both from the same fold "
            "and run."
        )
    labels = load_volume(regions, dtype=np.uint8)
    check_same_grid(Volume(maps.support, maps.affine, maps.paths[0]), labels)
    return model.apply(dvr, maps.support, labels.data), model.card
