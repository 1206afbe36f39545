"""One function per rule: each reads files and writes files."""

import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from myelosketch.calibration import cohort_lesions, relations, tissue_table
from myelosketch.calibration.figure_names import FIGURES
from myelosketch.calibration.participant import load_participant
from myelosketch.io.tables import read_table, write_table

# columns of ladder.tsv and lesions.tsv that hold numbers
LADDER_NUMBERS = ("k", "mean", "ci_low", "ci_high", "n")


def calibrate_tissue(
    participants: Iterable[str | Path],
    lesion_tables: Mapping[str, str | Path],
    outputs: Mapping[str, str | Path],
) -> None:
    """Write the tissue values, correlations, lesion loads and lesion kinds of the cohort.

    Parameters
    ----------
    participants : list of paths of measured participants
    lesion_tables : dict, path of the true lesion table by subject
    outputs : dict of paths: ``tissue``, ``participants``, ``correlations``, ``loads``, ``kinds``
    """
    people = [load_participant(path) for path in participants]
    rows = [row for person in people for row in tissue_table.participant_means(person)]
    means = pd.DataFrame(rows, columns=list(tissue_table.MEAN_COLUMNS))
    write_table(means, outputs["participants"])
    write_table(tissue_table.cohort_table(means), outputs["tissue"])
    write_table(relations.correlations(people), outputs["correlations"])
    lesions = cohort_lesions.read_lesion_tables(lesion_tables)
    write_table(cohort_lesions.load_table(lesions), outputs["loads"])
    write_table(cohort_lesions.kind_table(lesions), outputs["kinds"])


def calibrate_lesions(surveys: Iterable[str | Path], outputs: Mapping[str, str | Path]) -> None:
    """Compare the lesions of the surveyed patients with the measured ones.

    Parameters
    ----------
    surveys : list of paths as written by ``lesion_survey.survey_patient``
    outputs : dict with the path ``lesions``
    """
    from myelosketch.calibration.lesion_survey import read_surveys
    from myelosketch.calibration.lesion_targets import compare_lesions

    write_table(compare_lesions(read_surveys(surveys)), outputs["lesions"])


def calibrate_prediction(
    participants: Iterable[str | Path],
    folds: Mapping[str, int],
    outputs: Mapping[str, str | Path],
    *,
    settings: Mapping[str, Any],
    bootstrap: int,
    seed: int,
    alpha: float,
) -> None:
    """Write the ladder: the scores of each patient, their means, and what was fitted in each fold.

    Parameters
    ----------
    participants : list of paths
    folds : dict, fold by subject
    outputs : dict of paths: ``ladder``, ``fitted``, ``voxelwise``, ``demyelination``, ``scored_lesions``
    settings : see ``prediction.score_ladder``
    bootstrap, seed, alpha : see ``prediction.summarise_ladder``
    """
    from myelosketch.calibration import prediction

    people = [load_participant(path) for path in participants]
    tables, fitted = prediction.score_ladder(people, folds, settings)
    summary = prediction.summarise_ladder(tables, bootstrap=bootstrap, seed=seed, alpha=alpha)
    write_table(summary, outputs["ladder"])
    write_table(fitted, outputs["fitted"])
    write_table(tables["voxelwise"], outputs["voxelwise"])
    write_table(tables["demyelination"], outputs["demyelination"])
    write_table(tables["lesions"], outputs["scored_lesions"])


def read_ladder(path: str | Path) -> pd.DataFrame:
    """Read the summary written by :func:`calibrate_prediction`, with numeric columns."""
    return read_table(path, numeric=LADDER_NUMBERS)


def draw_calibration(
    participants: Iterable[str | Path],
    surveys: Iterable[str | Path],
    ladder: str | Path,
    outputs: Mapping[str, Mapping[str, str | Path]],
    *,
    k: float,
    alpha: float,
    dpi: int,
) -> None:
    """Draw all figures of the page.

    Parameters
    ----------
    participants, surveys : lists of paths
    ladder : path of the ladder's summary
    outputs : dict, for each figure of FIGURES a dict of paths: png, svg, tsv
    k, alpha : of the ladder
    dpi : dots per inch
    """
    from myelosketch.calibration import figure_ladder, figure_lesions, figure_maps, figure_tissue
    from myelosketch.calibration.lesion_survey import read_surveys
    from myelosketch.reporting.figures.saving import draw

    people = [load_participant(path) for path in participants]
    lesions = read_surveys(surveys)
    build = {
        "histograms": functools.partial(figure_tissue.build_histograms, people),
        "relation": functools.partial(figure_tissue.build_relation, people),
        "lesions": functools.partial(figure_lesions.build_lesions, lesions),
        "risk": functools.partial(figure_lesions.build_risk, lesions),
        "ladder": functools.partial(figure_ladder.build_ladder, read_ladder(ladder), k=k, alpha=alpha),
        "maps": functools.partial(figure_maps.build_maps, people),
    }
    for name in FIGURES:
        draw(build[name], title=name, simulated=True, dpi=dpi, **outputs[name])
