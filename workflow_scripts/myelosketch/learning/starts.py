"""What a network starts from: for each training scan the DVR map that another method of the same fold predicts.

Sketches can be made out of fold: each training scan is then sketched by a sketcher that has not seen it, as the
held-out scans are. Sketches of scans that the sketcher was trained on are better than those.
"""

import tempfile
from pathlib import Path

import numpy as np

from myelosketch.errors import InputError
from myelosketch.learning.ladder import start_of
from myelosketch.names import REGION_CODES, subject_of


def start_maps(method, scans, stage, models, device):
    """The start image of every training scan, by the frozen model of the fold, on whole volumes, dropout off.

    Parameters
    ----------
    method : name
    scans : list of TrainingScan, all of the fold's training part
    stage : dict, settings of the method
    models : dict method -> folder of a model of the fold: the one it starts from, and what that starts from
    device : "cpu" or "cuda"

    Returns
    -------
    (list of arrays or None, dict or None) : one per scan; the entry of the card that names the model

    Raises
    ------
    InputError : a model is not given, or was trained on other scans
    """
    start = start_of(method, stage)
    if start is None:
        return [None] * len(scans), None
    model, befores = load_start(method, start, scans, models, device)
    maps = [
        model.predict(scan.maps, scan.support, *before) for scan, before in zip(scans, befores, strict=True)
    ]
    return maps, {"method": start, "weights_sha256": model.card["weights_sha256"]}


def load_start(method, start, scans, models, device):
    """The model that ``method`` starts from, and what that model itself needs beside the maps of each scan.

    Returns
    -------
    (RidgeModel or NetworkModel, list of tuples) : further arguments of ``predict``, one tuple per scan
    """
    if models.get(start) is None:
        raise InputError(f"{method} needs a trained {start}: give its model folder.")
    model = open_model(start, models[start], device)
    split, wanted = model.card["split"], {scan.name for scan in scans}
    trained_on = {*split["train"], *split.get("validation", ())}
    if trained_on != wanted:
        raise InputError(
            f"the {start} in {models[start]} was trained on other scans than this {method} "
            f"({', '.join(sorted(trained_on ^ wanted)[:3])}, ...): use the {start} of the same fold."
        )
    if start == "ridge":
        return model, [()] * len(scans)
    befores, found = start_maps(start, scans, model.card["settings"], models, device)
    check_same_start(start, model.card, found)
    return model, [() if before is None else (before,) for before in befores]


def open_model(method, folder, device):
    """RidgeModel or NetworkModel of a folder."""
    if method == "ridge":
        from myelosketch.learning.ridge import RidgeModel

        return RidgeModel.load(folder)
    from myelosketch.learning.inference import NetworkModel

    return NetworkModel.load(folder, method=method, device=device)


def check_same_start(method, card, found):
    """A model is used with the very model that it started from in training.

    Parameters
    ----------
    method : name
    card : its model card
    found : entry of a card for the model at hand, or None

    Raises
    ------
    InputError
    """
    start = card["start"]
    if start and start["weights_sha256"] != found["weights_sha256"]:
        raise InputError(
            f"the {method} was trained on the maps of another {start['method']}: use both from the same fold and run."
        )


def out_of_fold_maps(scans, folder, models, *, parts, device, threads, train):
    """Sketches of training scans by inner sketchers that have not seen them.

    The participants are dealt to the parts in turn, those with lesions first, so that each part has some. Each
    inner sketcher has the settings and the seed of the fold's sketcher, and starts as that one does, from a ridge
    of the inner scans.

    Parameters
    ----------
    scans : list of TrainingScan that the refiner is trained on
    folder : of the fold's trained sketcher
    models : as for `start_maps`
    parts : number of parts, 2 or more; each costs the time of one sketcher
    device, threads : as in training
    train : function ``train_stage``

    Returns
    -------
    list of arrays (x, y, z), DVR

    Raises
    ------
    InputError : fewer participants than parts
    """
    card = open_model("sketcher", folder, device).card
    part = deal_participants(scans, parts)
    maps = [None] * len(scans)
    for held_out in range(parts):
        inside = [scan for scan, number in zip(scans, part, strict=True) if number != held_out]
        print(f"out-of-fold sketcher {held_out + 1} of {parts}: {len(inside)} scans", flush=True)
        with tempfile.TemporaryDirectory() as temporary:
            ridge = inner_ridge(card, inside, models, Path(temporary) / "ridge")
            train(
                "sketcher",
                inside,
                Path(temporary) / "sketcher",
                settings={**card["settings"], "precision": card["precision"], "sketcher": card["settings"]},
                seed=card["seed"],
                device=device,
                threads=threads,
                start_model=ridge,
            )
            sketcher = open_model("sketcher", Path(temporary) / "sketcher", device)
            for index in np.flatnonzero(np.array(part) == held_out):
                maps[index] = predict_started(sketcher, scans[index], ridge)
    return maps


def inner_ridge(card, scans, models, folder):
    """Folder of a ridge fitted to the scans of an inner sketcher alone, or None where the sketcher of ``card`` starts
    from no ridge."""
    if start_of("sketcher", card["settings"]) is None:
        return None
    from myelosketch.learning.models import save_model
    from myelosketch.learning.ridge import RidgeModel

    ridge = RidgeModel.load(models["ridge"]).fit_again(scans)
    save_model(folder, {"coefficients": ridge.coefficients}, ridge.card)
    return folder


def predict_started(model, scan, ridge):
    """DVR of a scan by a model that starts from the ridge in a folder, or from nothing (None)."""
    before = [] if ridge is None else [open_model("ridge", ridge, "cpu").predict(scan.maps, scan.support)]
    return model.predict(scan.maps, scan.support, *before)


def deal_participants(scans, parts):
    """Number of the part of each scan; participants with lesions are dealt first, each participant to one part.

    Raises
    ------
    InputError : fewer participants than parts
    """
    patients = {subject_of(scan.name) for scan in scans if (scan.regions == REGION_CODES["lesion"]).any()}
    everyone = {subject_of(scan.name) for scan in scans}
    if len(patients) < parts:
        raise InputError(
            f"training.refiner.sketch_parts is {parts}, but this fold trains on {len(patients)} participants with "
            "lesions: lower it, or set training.refiner.sketches to in_sample."
        )
    order = [*sorted(patients), *sorted(everyone - patients)]
    return [order.index(subject_of(scan.name)) % parts for scan in scans]
