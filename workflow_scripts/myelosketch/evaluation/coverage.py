"""Nominal and observed coverage of the intervals of held-out predictions.

In the cross-validation the intervals of a participant are calibrated on others, in two ways.

- On all *other participants*, as for a new scan. These are the widths that a user gets. Their coverage follows from
  ranks alone where every participant has one value (17 of 18 at a level of 90 % for every method), so it tests
  nothing.
- On the participants of *other folds*, whom other models predicted. This coverage can fail, so it is the one to read.

At external sites the intervals are calibrated on all *internal participants*, as for a new scan.
"""

from collections.abc import Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from myelosketch.evaluation.bootstrap import mean_interval
from myelosketch.evaluation.intervals import bounds, calibrate, percent
from myelosketch.evaluation.residuals import QUANTITIES, held_out_residuals
from myelosketch.evaluation.summary import read_scores
from myelosketch.io.tables import read_table, write_table

LEVELS = (0.5, 0.8, 0.9, 0.95)
COLUMNS = (
    *("quantity", "level", "method", "calibrated_on", "observed", "ci_low", "ci_high", "mean_width"),
    *("n_participants", "n_rows", "note"),
)
TESTED = ("participant", "inside", "width", "nominal", "level", "pooled")
OTHER_PARTICIPANTS, OTHER_FOLDS, INTERNAL = "other participants", "other folds", "internal participants"


def write_coverage(
    paths: Mapping[str, str | Path],
    output: str | Path,
    *,
    internal: Mapping[str, str | Path] | None = None,
    residuals: str | Path | None = None,
    methods: Sequence[str],
    k: float,
    bootstrap: int,
    seed: int,
    alpha: float,
) -> None:
    """Write ``coverage.tsv``.

    Parameters
    ----------
    paths : dict, ``regions``, ``lesions`` and ``demyelination`` -> TSV
    output : path
    internal : dict, the same tables of the cross-validation, if ``paths`` belong to external sites
    residuals : path of the held-out residuals of the one method that a model uses, instead of ``internal``
    methods : list of str, without ceilings; k : float; bootstrap : int, resamples over participants; seed : int;
        alpha : float
    """
    options: dict[str, Any] = {"draws": int(bootstrap), "seed": int(seed), "alpha": float(alpha)}
    tables = {name: read_scores(path) for name, path in paths.items()}
    others = {name: read_scores(path) for name, path in internal.items()} if internal else None
    known = read_table(residuals, numeric=("predicted", "true")) if residuals else None
    write_table(coverage(tables, internal=others, known=known, methods=methods, k=k, **options), output)


def coverage(
    tables: Mapping[str, pd.DataFrame],
    *,
    internal: Mapping[str, pd.DataFrame] | None = None,
    known: pd.DataFrame | None = None,
    methods: Sequence[str],
    k: float,
    draws: int,
    seed: int,
    alpha: float,
) -> pd.DataFrame:
    """Do the same as :func:`write_coverage` with tables in memory.

    Returns
    -------
    DataFrame : :data:`COLUMNS`, one row per method, quantity, ``calibrated_on`` and level. ``observed`` is the share
        of a participant's rows inside the interval, averaged over participants. Its interval is a bootstrap over
        participants, or Clopper and Pearson's bound if all or none are inside. ``mean_width`` is in DVR, or in
        percentage points
    """
    options: dict[str, Any] = {"draws": draws, "seed": seed, "alpha": alpha}
    folds = tables["regions"].drop_duplicates("subject").set_index("subject")["fold"]
    rows = []
    for method in methods:
        tested = held_out_residuals(tables, method, k)
        if internal:
            known = held_out_residuals(internal, method, k)
        for quantity in QUANTITIES:
            part = tested[tested["quantity"] == quantity]
            if known is not None:
                splits = {INTERNAL: [(part, known[known["quantity"] == quantity])]}
            else:
                people = part["participant"]
                splits = {OTHER_PARTICIPANTS: leave_out(part, people)}
                splits[OTHER_FOLDS] = leave_out(part, people.map(folds))
            for calibrated_on, pairs in splits.items():
                shared = {"quantity": quantity, "method": method, "calibrated_on": calibrated_on}
                tested_at = inside_rows(pairs, quantity)
                for level in LEVELS:
                    at_level = tested_at[tested_at["nominal"] == level]
                    rows.append(shared | {"level": level} | _row(at_level, level, **options))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def leave_out(residuals: pd.DataFrame, parts: pd.Series) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """Pair each part of the rows with the rows of all other parts, on which it is calibrated.

    Parameters
    ----------
    residuals : DataFrame; parts : Series (rows,), the same for all rows of a participant

    Returns
    -------
    list of (tested, calibration), DataFrames
    """
    return [(residuals[parts == part], residuals[parts != part]) for part in parts.unique()]


def inside_rows(pairs: Sequence[tuple[pd.DataFrame, pd.DataFrame]], quantity: str) -> pd.DataFrame:
    """Check whether the interval of each tested row contains its true value, at each of :data:`LEVELS`.

    Parameters
    ----------
    pairs : list of (tested, calibration), DataFrames of different participants, of
        :func:`myelosketch.evaluation.residuals.held_out_residuals`
    quantity : str

    Returns
    -------
    DataFrame : :data:`TESTED`. ``inside`` and ``width`` are floats, NaN without an interval. ``nominal`` is the
        requested level, ``level`` the level in force
    """
    found: list[tuple[Any, ...]] = []
    for tested, calibration in pairs:
        for (size, group), rows in tested.groupby(["size", "group"], dropna=False):
            true, predicted = (rows[name].to_numpy() for name in ("true", "predicted"))
            for nominal in LEVELS:
                kind = calibrate(calibration, quantity, nominal, size=_known(size), group=group)
                low, high = bounds(predicted, kind.radius, quantity)
                inside = np.where(np.isnan(low), np.nan, (low <= true) & (true <= high))
                same = repeat(nominal), repeat(kind.level), repeat(kind.pooled)
                found += zip(rows["participant"], inside, high - low, *same, strict=False)
    table = pd.DataFrame(found, columns=list(TESTED))
    return table.astype(dict.fromkeys(("inside", "width", "nominal", "level"), float))


def _known(size: Any) -> str | None:
    return None if pd.isna(size) else size


def _row(rows: pd.DataFrame, level: float, *, draws: int, seed: int, alpha: float) -> dict[str, Any]:
    """Return coverage, width and a note on the tested rows of all participants."""
    used = rows[rows["inside"].notna()]
    shares = used.groupby("participant")[["inside", "width"]].mean()
    observed, low, high, n = mean_interval(shares["inside"], draws=draws, seed=seed, alpha=alpha)
    if observed == 1:  # resamples do not vary: Clopper and Pearson's bound for n of n
        low = (alpha / 2) ** (1 / n)
    elif observed == 0:
        high = 1 - (alpha / 2) ** (1 / n)
    row = {"observed": observed, "ci_low": low, "ci_high": high, "mean_width": shares["width"].mean()}
    return row | {"n_participants": n, "n_rows": len(used), "note": _note(rows, used, level)}


def _note(rows: pd.DataFrame, used: pd.DataFrame, level: float) -> str | None:
    if rows.empty:
        return "no participant with a value"
    if used.empty:
        return "no participant to calibrate on"
    notes = []
    if len(used) < len(rows):
        notes.append(f"no participant to calibrate on for {len(rows) - len(used)} of {len(rows)} rows")
    if used["level"].min() < level:
        span = dict.fromkeys(percent(end) for end in (used["level"].min(), used["level"].max()))
        notes.append(f"too few participants: level in force {' to '.join(span)}")
    if pooled := int(used["pooled"].sum()):
        notes.append(f"{pooled} of {len(used)} rows calibrated on all sizes or groups")
    return "; ".join(notes) or None
