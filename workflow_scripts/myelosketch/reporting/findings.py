"""What the first lines of the report say: which method is best, and whether Dice says anything."""

from myelosketch import names
from myelosketch.errors import InputError
from myelosketch.reporting.display import method_name
from myelosketch.reporting.html_tables import interval, number
from myelosketch.reporting.report_tables import metric_rows, read_summary
from myelosketch.reporting.source_tables import NothingToDrawError

REFERENCE = "refiner"  # the paper's method, against which summary.tsv gives differences


def findings(root, *, method, k):
    """Sentences about the best method and about Dice, from summary.tsv; none where the table is missing.

    Parameters
    ----------
    root : results folder
    method : the method whose Dice is judged
    k : threshold

    Returns
    -------
    list of str
    """
    try:
        summary = read_summary(root)
    except (NothingToDrawError, InputError):
        return []
    summary = summary[~summary.method.isin(names.CEILINGS)]
    return [
        *_best(metric_rows(summary, "lesion_mae", None), "lesion MAE", "lowest", ascending=True),
        *_best(metric_rows(summary, "mcc", k), "MCC", "highest", ascending=False),
        *_dice(summary[summary.method == method], method, k),
    ]


def _best(part, metric, word, *, ascending):
    """Who is best by one metric, and, where that is not the refiner, how far the refiner is from it."""
    part = part.dropna(subset=["mean"]).sort_values("mean", ascending=ascending, kind="stable")
    if len(part) < 2:
        return []
    best = part.iloc[0]
    value = number(best["mean"], 3)
    said = f"{method_name(best.method)} has the {word} {metric} of {len(part)} methods ({value})"
    own = part[part.method == REFERENCE]
    if best.method == REFERENCE or own.empty:
        return [f"{said}."]
    said += f"; {method_name(REFERENCE)} is not the best by this score ({number(own['mean'].iloc[0], 3)})"
    if "diff_to_refiner" in part:
        cells = [best.get(name) for name in ("diff_to_refiner", "diff_ci_low", "diff_ci_high")]
        said += f"; difference {interval(*cells, 3)}"
    return [f"{said}."]


def _dice(own, method, k):
    """Whether the Dice of the method is above that of calling every lesion voxel demyelinated."""
    gain = metric_rows(own, "dice_minus_trivial", k).dropna(subset=["mean", "ci_low", "ci_high"])
    if gain.empty:
        return []
    row = gain.iloc[0]
    told = interval(row["mean"], row.ci_low, row.ci_high)
    if row.ci_low > 0:
        verdict = "is above"
    elif row.ci_high < 0:
        verdict = "is below"
    else:
        verdict = "is not distinguishable from"
    return [f"The Dice of {method_name(method)} {verdict} the trivial Dice: difference {told}."]
