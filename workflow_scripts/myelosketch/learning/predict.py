"""Prediction of one scan by any method: maps in, DVR on the PET grid out, with what it was made from beside
it."""

from pathlib import Path

from myelosketch.errors import InputError
from myelosketch.learning.data import load_maps
from myelosketch.learning.ladder import NETWORK_METHODS
from myelosketch.provenance import provenance
from myelosketch.volumes import save_volume

TRANSFORMS = ("xfm_t1w_to_petref", "xfm_t1w_to_mni")


def needed_models(methods):
    """Methods whose models a prediction by ``methods`` reads, in an order that serves each before it is asked
    for."""
    wanted = []
    for method in methods:
        start = NETWORK_METHODS[method].start if method in NETWORK_METHODS else None
        wanted += [name for name in (start, method) if name and name not in wanted]
    return wanted


def predict_scan(files, models, outputs, *, window=None, overlap=0.5, device="auto", threads=1):
    """Predict the DVR map of one scan by several methods.

    Networks run with dropout off, so a prediction is deterministic. No mask and no PET is read.

    Parameters
    ----------
    files : dict of paths: mtr, fa, rd, ad and, for the template, xfm_t1w_to_petref and xfm_t1w_to_mni
    models : dict method -> model folder; of `needed_models`
    outputs : dict method -> path of the predicted DVR map, ``.nii.gz``
    window : three sides of a sliding window in voxels, or None for the whole brain at once
    overlap : share of a window that neighbouring windows repeat
    device, threads : as in training

    Raises
    ------
    InputError : a map with values that are not finite, a card that does not match its weights, or a
        refiner whose
        sketcher is another one
    GeometryError : maps on different grids
    """
    missing = [method for method in needed_models(outputs) if method not in models]
    if missing:
        raise InputError(
            f"prediction by {', '.join(outputs)} needs the models of {', '.join(missing)}: give their "
            "folders."
        )
    maps = load_maps(files)
    predicted, cards = {}, {}
    for method in needed_models(outputs):
        options = {"window": window, "overlap": overlap, "device": device, "threads": threads}
        predicted[method], cards[method] = predict_by(
            method, models[method], maps, files, predicted, cards, options
        )
    for method, path in outputs.items():
        card = cards[method]
        sidecar = provenance(
            sources=[*maps.paths, *(files[key] for key in TRANSFORMS if method == "template")],
            parameters={"window": window, "overlap": overlap} if method in NETWORK_METHODS else {},
            Units="1",
            Description=f"DVR predicted by {method}; 0 where the maps hold no tissue. Research only.",
            Method=method,
            Fold=card.get("fold"),
            ModelSHA256=card["weights_sha256"],
        )
        save_volume(path, predicted[method], maps.affine, sidecar=sidecar)
        print(f"{method}: {Path(path).name}", flush=True)


def predict_by(method, folder, maps, files, predicted, cards, options):
    """DVR by one method, and the card of its model.

    Parameters
    ----------
    method : name
    folder : of its model
    maps : data.Maps
    files : dict of paths
    predicted, cards : what earlier methods gave; the refiner starts from the sketcher's
    options : dict with window, overlap, device and threads

    Returns
    -------
    (float32 array (x, y, z), dict)
    """
    if method == "template":
        from myelosketch.learning.template import TemplateModel

        model = TemplateModel.load(folder)
        return model.predict(maps, **{key: files[key] for key in TRANSFORMS}), model.card
    if method == "ridge":
        from myelosketch.learning.ridge import RidgeModel

        model = RidgeModel.load(folder)
        return model.predict(maps.data, maps.support), model.card
    from myelosketch.learning.device import choose_device, set_threads
    from myelosketch.learning.inference import NetworkModel

    set_threads(options["threads"])
    model = NetworkModel.load(folder, method=method, device=choose_device(options["device"]))
    start = NETWORK_METHODS[method].start
    if start and model.card["start"]["weights_sha256"] != cards[start]["weights_sha256"]:
        raise InputError(
            f"the {method} in {folder} was trained on the sketches of another {start}: use both from "
            "the same fold and run."
        )
    dvr = model.predict(
        maps.data, maps.support, predicted.get(start), window=options["window"], overlap=options["overlap"]
    )
    return dvr, model.card
