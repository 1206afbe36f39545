"""Score the ladder of predictions on true poses, from the mean of the controls to the noise-free truth.

Everything is fitted on the training participants of a fold and scored on its held-out patients, with the workflow's
own functions (learning.ridge, learning.template, evaluation.scoring, evaluation.summary). Only poses and tissue are
the true ones, so that the ladder measures the cohort and not the registration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from myelosketch.calibration.criteria import FROM_TRUTH, ORDER
from myelosketch.calibration.measure import transform_files
from myelosketch.calibration.participant import Participant, stack_maps
from myelosketch.errors import InputError
from myelosketch.evaluation.demyelination import pooled_reference
from myelosketch.evaluation.scoring import TABLES, ScanScorer
from myelosketch.evaluation.summary import summarise_tables
from myelosketch.io.names import REGION_CODES
from myelosketch.learning.data import TrainingScan, fit_normalisation
from myelosketch.learning.ridge import VARIANTS, RidgeModel, choose, solve, sums_of_scan
from myelosketch.learning.template import mean_on_template_grid, resample

if TYPE_CHECKING:
    from myelosketch.io.volumes import Volume

SCORED = ("voxelwise", "demyelination", "lesions")
COLUMNS = ("method", "metric", "k", "mean", "ci_low", "ci_high", "n", "note")


def score_ladder(
    people: Sequence[Participant], folds: Mapping[str, int], settings: Mapping[str, Any]
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Score every rung of the ladder on every held-out patient.

    Parameters
    ----------
    people : list of Participant
    folds : dict, fold in which a participant is held out, by subject
    settings : dict: ``k``, ``ks``, ``min_lesion_mm3``, ``dvr_range``, ``alphas``, ``splits``, ``smoothing_mm``

    Returns
    -------
    tables : dict of DataFrame: ``voxelwise``, ``demyelination`` and ``lesions``, as in evaluation.scoring
    fitted : DataFrame, one row per fold: the healthy reference and the choices of the linear models

    Raises
    ------
    InputError : a fold has no training controls, or a participant has no fold
    """
    absent = sorted({person.subject for person in people} - set(folds))
    if absent:
        raise InputError(f"The folds lack {', '.join(absent)}: give every simulated participant a fold.")
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in SCORED}
    fitted: list[dict[str, Any]] = []
    for fold in sorted({folds[person.subject] for person in people}):
        training = [person for person in people if folds[person.subject] != fold]
        held_out = [p for p in people if folds[p.subject] == fold and p.group == "MS"]
        reference = healthy_reference(training, fold)
        models, chosen = fit_ridges(training, settings)
        template = mean_of_controls(training, settings["smoothing_mm"])
        fitted.append(reference | {"fold": fold} | chosen)
        for person in held_out:
            predictions = {"template": place_template(template, person)}
            predictions |= {name: predict_ridge(model, person) for name, model in models.items()}
            predictions |= {name: person.maps[name] for name in FROM_TRUTH}
            scorer = ScanScorer(
                person.volume("DVR"),
                person.regions,
                reference,
                **{key: settings[key] for key in ("k", "ks", "dvr_range", "min_lesion_mm3")},
            )
            shared = {"scan": f"sub-{person.subject}", "subject": person.subject, "group": "MS", "fold": fold}
            for method in ORDER:
                scored = scorer.score(predictions[method], patient=True)
                for name in SCORED:
                    rows[name] += [{"method": method} | shared | row for row in scored[name]]
    tables = {name: pd.DataFrame(rows[name], columns=list(TABLES[name])) for name in SCORED}
    return tables, pd.DataFrame(fitted)


def summarise_ladder(
    tables: Mapping[str, pd.DataFrame], *, bootstrap: int, seed: int, alpha: float
) -> pd.DataFrame:
    """Return the mean of each score over patients, with its bootstrap interval: COLUMNS (see evaluation.summary)."""
    summary = summarise_tables(tables, methods=ORDER, draws=bootstrap, seed=seed, alpha=alpha)
    return summary[list(COLUMNS)]


def healthy_reference(training: Sequence[Participant], fold: int) -> dict[str, float]:
    """Return the healthy reference: mean and SD of the DVR of all white-matter voxels of the training controls.

    Raises
    ------
    InputError : there is no training control
    """
    values = [p.maps["DVR"][p.regions == REGION_CODES["nawm"]] for p in training if p.group == "HC"]
    if not values:
        raise InputError(f"Fold {fold} trains on no control: raise simulation.n_controls.")
    return pooled_reference(np.concatenate(values).astype(float))


def fit_ridges(
    training: Sequence[Participant], settings: Mapping[str, Any]
) -> tuple[dict[str, RidgeModel], dict[str, Any]]:
    """Fit both linear models, each with the penalty and weighting chosen by inner splits of the training data.

    Returns
    -------
    models : dict, RidgeModel by variant
    chosen : dict of plain values for the table
    """
    scans = [training_scan(person) for person in training]
    subjects = [person.subject for person in training]
    normalisation = fit_normalisation(scans)
    models: dict[str, RidgeModel] = {}
    chosen: dict[str, Any] = {}
    for variant in VARIANTS.values():
        sums = [sums_of_scan(scan, normalisation, variant) for scan in scans]
        best, _ = choose(sums, subjects, alphas=settings["alphas"], splits=settings["splits"])
        coefficients = solve(sums, best["alpha"], best["weighting"])
        models[variant] = RidgeModel(coefficients, normalisation, {"variant": variant})
        chosen |= {f"{variant}_{key}": best[key] for key in ("alpha", "weighting", "error")}
    return models, chosen


def training_scan(person: Participant) -> TrainingScan:
    """Return a participant in the form that the package ``learning`` reads."""
    support = person.maps["AD"] > 0
    maps = np.where(support, stack_maps(person), 0)
    return TrainingScan(f"sub-{person.subject}", maps, support, person.maps["DVR"], person.regions)


def predict_ridge(model: RidgeModel, person: Participant) -> np.ndarray:
    """Predict the DVR (x, y, z) with a linear model; voxels without a tensor have the mean of the others."""
    scan = training_scan(person)
    predicted = model.predict(scan.maps, scan.support)
    return np.where(scan.support, predicted, predicted[scan.support].mean()).astype(np.float32)


def mean_of_controls(training: Sequence[Participant], smoothing_mm: float) -> Volume:
    """Return the mean DVR of the training controls in the anatomy world, which is near MNI152 space.

    The true poses alone align the heads. They are rigid, where the workflow registers each head to MNI152.
    """

    def scans() -> Iterator[tuple[Volume, np.ndarray, list[str]]]:
        for person in (p for p in training if p.group == "HC"):
            with transform_files(np.eye(4), np.linalg.inv(person.pose)) as route:
                yield person.volume("DVR"), person.regions > 0, route

    return mean_on_template_grid(scans(), smoothing_mm)


def place_template(template: Volume, person: Participant) -> np.ndarray:
    """Return the template on a participant's PET grid, moved by the true pose."""
    with transform_files(np.linalg.inv(person.pose), np.eye(4)) as route:
        return resample(template, person.volume("DVR"), route).astype(np.float32)
