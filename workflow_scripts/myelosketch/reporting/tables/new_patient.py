"""Tables of a new patient: values with intervals, lesions, quality control, range, scores, model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import pandas as pd

from myelosketch.imaging.registration.verdicts import NUMBERS
from myelosketch.prediction.gather import OF_CONTROL
from myelosketch.reporting.display import method_name, metric_name
from myelosketch.reporting.tables.cohort import MEASURES
from myelosketch.reporting.tables.methods import LONG, digits_of
from myelosketch.reporting.tables.text import HtmlTable, interval, number, remark

OK, UNUSUAL, WITHHELD = "ok", "unusual", "withheld"
BASELINE = "template"
LESIONS_INCLUDED = "White matter, lesions included"
# scores that a reader of one patient can use, in the order of the table
SCORES = (
    *("lesion_mae", "lesion_bias", "nawm_mae", "nawm_bias", "lesion_mean_r", "pct_abs_error", "pct_bias"),
    *("dice", "trivial_dice", "dice_minus_trivial", "mcc"),
)
SCORE_NAMES = {
    "trivial_dice": "Trivial Dice",
    "pct_abs_error": "Error of demyelinated share (points)",
    "pct_bias": "Bias of demyelinated share (points)",
}
RANGE_VERDICTS = {"out_of_range": "out of range"}
MAP_WORDS = {"petref": "Grid of the maps"}
FEATURES = {
    "level": "median in white matter",
    "other": "median in the rest of the brain",
    "spread": "spread in white matter",
    "noise": "noise in white matter",
    "coverage": "share of white matter shown",
    "voxel_mm": "voxel (mm)",
}
SOURCES = {"mask": "mask", "flair": "found on the FLAIR", "none": "no lesion mask"}
NUMBER_WORDS = {name: text for name, (text, _, _) in MEASURES.items()} | {
    "border_contrast": "Contrast of the white\u2013grey border (SD)",
    "repeat_max_mm": "Largest distance between starts (mm)",
}
NUMBER_DIGITS = {name: digits for name, (_, _, digits) in MEASURES.items()}
NUMBERS_NOTE = (
    "Mutual information and contrast depend on the scanner's noise. They are shown, but no verdict uses them."
)


# percentage points; an interval of the demyelinated share of this width leaves most of the scale open
WIDE_POINTS = 50


class Value(NamedTuple):
    """One number as text.

    ``value`` is n/a and the reason if there is none. ``bounds`` of its interval are blank if unknown. ``level`` is
    blank without a number. ``note`` may be blank."""

    value: str
    bounds: str = ""
    level: str = ""
    note: str = ""

    def __str__(self) -> str:
        return f"{self.value} ({self.bounds})" if self.bounds else self.value


def no_lesions(numbers: Mapping[str, Any]) -> str:
    """Return why a scan has no lesion, as "n/a" and the reason; blank if it has one.

    Parameters
    ----------
    numbers : dict, of the JSON of a new scan

    Returns
    -------
    str
    """
    if numbers["lesion_source"] == "none":
        return "n/a: no lesion mask"
    if numbers["group"] == "HC":
        return OF_CONTROL
    if not numbers["n_lesion_voxels"]:
        found = "found on the FLAIR" if numbers["lesion_source"] == "flair" else "in the lesion mask"
        return f"n/a: no lesion {found}"
    return ""


def absence(numbers: Mapping[str, Any]) -> str:
    """Return why lesions have no numbers, as "n/a" and the reason; blank if there are such numbers."""
    return "n/a: withheld" if numbers["verdict"] == WITHHELD else no_lesions(numbers)


def demyelinated(numbers: Mapping[str, Any]) -> Value:
    """Return the demyelinated share of a scan's lesion voxels, percent."""
    return _value(numbers["pct_demyelinated"], "value", absence(numbers), digits=0, unit=" %")


def wide_interval(numbers: Mapping[str, Any]) -> str:
    """Return a warning for a demyelinated share with a wide interval; blank if its interval is narrower."""
    found = numbers["pct_demyelinated"]
    if absence(numbers) or not found or number(found["low"]) == "n/a":
        return ""
    # of the bounds as they are written
    width = round(found["high"]) - round(found["low"])
    if width < WIDE_POINTS:
        return ""
    return (
        f"The interval of the demyelinated share spans {width} of 100 points: for a single patient this model "
        "hardly tells whether few or most lesion voxels are demyelinated. Means over many patients are more precise."
    )


def mean_dvr(numbers: Mapping[str, Any], region: str) -> Value:
    """Return the mean predicted DVR of a region: ``lesions``, ``white_matter`` or ``other``."""
    reason = absence(numbers)
    if region != "lesions" and numbers["verdict"] != WITHHELD:
        reason = ""
    return _value((numbers["regions"] or {}).get(region), "mean_dvr", reason)


def _value(
    found: Mapping[str, Any] | None, key: str, reason: str, *, digits: int = 2, unit: str = ""
) -> Value:
    """Return a number with its interval or, if it must not be shown, the reason alone."""
    if reason or not found or number(found[key]) == "n/a":
        return Value(reason or "n/a")
    ends = [number(found[name], digits) for name in ("low", "high")]
    bounds = "" if "n/a" in ends else f"{ends[0]} to {ends[1]}{unit}"
    return Value(
        number(found[key], digits) + unit, bounds, level_words(found["level"]), remark(found["note"])
    )


def level_words(level: Any) -> str:
    """Return a level between 0 and 1 as text, rounded down to whole percent so that it does not promise more."""
    return "n/a" if number(level) == "n/a" else f"{int(100 * float(level) + 1e-9)} %"


def white_matter_name(numbers: Mapping[str, Any]) -> str:
    """Return the name of the white matter of a scan. Without a lesion mask it includes the lesions."""
    if numbers["group"] == "HC":
        return "White matter"
    return LESIONS_INCLUDED if numbers["lesion_source"] == "none" else "Normal-appearing white matter"


def lesion_table(numbers: Mapping[str, Any], links: Mapping[str, str]) -> HtmlTable:
    """Return a table of the lesions, largest first, in which the number of each links to its slice.

    Parameters
    ----------
    numbers : dict, of the JSON of a new scan
    links : dict, number of a lesion -> address

    Returns
    -------
    HtmlTable
    """
    title, reason = "Lesions one by one", absence(numbers)
    rows = sorted(numbers["lesions"] or [], key=lambda row: row["lesion"])
    if reason or not rows:
        none_large = "No lesion is large enough to be listed. Small lesions count in the numbers above."
        return HtmlTable(title, [], [], missing=f"{reason}." if reason else none_large)
    levels = dict.fromkeys(level_words(row["level"]) for row in rows)
    cells = [
        [
            number(row["lesion"], 0),
            size_words(row["size"]),
            number(row["volume_mm3"], 0),
            interval(row["mean_dvr"], row["low"], row["high"]),
            number(row["pct_demyelinated"], 0),
        ]
        for row in rows
    ]
    header = ["Lesion", "Size", "Volume (mm\u00b3)", "Mean DVR (interval)", "Demyelinated (%)"]
    note = (
        f"Level of the intervals: {' or '.join(levels)}. Each is for one lesion; all are correct at once less often. "
        "Lesions are numbered from the largest. Small lesions that are not listed count in the numbers above."
    )
    remarks = [text for text in dict.fromkeys(remark(row.get("note")) for row in rows) if text]
    note += f" Notes on some intervals: {'; '.join(remarks)}." if remarks else ""
    return HtmlTable(title, header, cells, note, folded=len(rows) > LONG, text_columns=2, links=dict(links))


def size_words(size: str) -> str:
    """Return a size class for display: ``300-1000 mm3`` becomes "300–1000 mm³"."""
    for plain, sign in ((">=", "\u2265"), ("-", "\u2013"), ("mm3", "mm\u00b3")):
        size = size.replace(plain, sign)
    return size


def quality_tables(numbers: Mapping[str, Any]) -> list[HtmlTable]:
    """Return the verdicts on the registration of every image, and the numbers behind them."""
    title, rows = "Registration", numbers["quality"]
    if not rows:
        return [HtmlTable(title, [], [], missing="The registration of this scan was not judged.")]
    cells = [[row["modality"], row["verdict"], remark(row.get("reason"))] for row in rows]
    verdicts = filled(HtmlTable(title, ["Image", "Verdict", "Reason"], cells, text_columns=3))
    measured = [
        [NUMBER_WORDS[name], *(number(row.get(name), NUMBER_DIGITS.get(name, 2)) for row in rows)]
        for name in NUMBERS
        if any(number(row.get(name)) != "n/a" for row in rows)
    ]
    header = ["Measure", *(row["modality"] for row in rows)]
    return [verdicts, HtmlTable("Numbers of the registration", header, measured, NUMBERS_NOTE)]


def range_table(numbers: Mapping[str, Any]) -> HtmlTable:
    """Compare each map of the scan with those of the training scans of the model."""
    title, rows = "The maps against those of the training scans", numbers["range"]
    if not rows:
        return HtmlTable(title, [], [], missing="The maps of this scan were not compared.")
    cells = [
        [
            MAP_WORDS.get(row["map"], row["map"]),
            FEATURES.get(row["feature"], row["feature"].replace("_", " ")),
            RANGE_VERDICTS.get(row["verdict"], row["verdict"]),
            remark(row.get("reason")),
            *_in_range(row),
            number(row["z"], 1),
        ]
        for row in rows
    ]
    header = ["Map", "What", "Verdict", "Reason", "This scan", "Training scans", "Expected", "z"]
    note = (
        "MTR in %, RD and AD in 10\u207b\u00b3 mm\u00b2/s. Training scans: their mean. Expected: range of another "
        "scan like them. z: distance from their mean in standard deviations."
    )
    folded = len(rows) > LONG and all(row["verdict"] == OK for row in rows)
    return filled(HtmlTable(title, header, cells, note, folded=folded, text_columns=4))


def _in_range(row: Mapping[str, Any]) -> list[str]:
    """Return the value of this scan, the mean of the training scans and the limits, cut to possible values."""
    most = 1.0 if row["feature"] == "coverage" else float("inf")
    limits = f"{_short(max(row['low'], 0.0))} to {_short(min(row['high'], most))}"
    return [_short(row["value"]), _short(row["expected"]), limits]


def filled(table: HtmlTable) -> HtmlTable:
    """Return a table without the columns that are blank in every row."""
    kept = [place for place in range(len(table.header)) if any(row[place] for row in table.rows)]
    return table._replace(
        header=[table.header[place] for place in kept],
        rows=[[row[place] for place in kept] for row in table.rows],
        text_columns=sum(place < table.text_columns for place in kept),
    )


def score_table(numbers: Mapping[str, Any]) -> HtmlTable:
    """Return the scores of the model in cross-validation and those of the trivial baseline."""
    model = numbers["model"]
    title = "Scores in cross-validation"
    scores = pd.DataFrame(
        model["scores"] or [], columns=["method", "metric", "mean", "ci_low", "ci_high", "n", "k"]
    )
    at_k = scores.k.isna() | ((scores.k.astype(float) - float(numbers["healthy"]["k"])).abs() < 1e-9)
    found = {(row["method"], row["metric"]): row for row in scores[at_k].to_dict("records")}
    rows = []
    for metric in SCORES:
        ours, trivial = (found.get((name, metric)) for name in (model["method"], BASELINE))
        if ours is not None:
            rows.append(
                [
                    SCORE_NAMES.get(metric) or metric_name(metric),
                    _score(ours),
                    _score(trivial),
                    number(ours["n"], 0),
                ]
            )
    if not rows:
        return HtmlTable(title, [], [], missing="The model contains no scores.")
    header = [
        "Score",
        method_name(model["method"]),
        f"Trivial: {method_name(BASELINE).lower()}",
        "Participants",
    ]
    note = (
        "Mean over participants, with its interval by bootstrap over them. Bias: predicted \u2212 measured. Trivial: "
        "the mean map of the controls, the same for every participant. Trivial Dice: every lesion voxel called "
        "demyelinated. MCC: 0 is chance, 1 is perfect. Pearson r of lesion means: predicted against measured mean "
        "DVR of each lesion."
    )
    return HtmlTable(title, header, rows, note)


def _score(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "n/a"
    return interval(row["mean"], row["ci_low"], row["ci_high"], digits_of(row["metric"]))


def voxel_words(sides: Iterable[float]) -> str:
    """Return the sides of a voxel in mm: ``2 × 2 × 2 mm``."""
    return " \u00d7 ".join(f"{side:.3g}" for side in sides) + " mm"


def _short(value: Any) -> str:
    return "n/a" if number(value) == "n/a" else f"{float(value):.3g}".replace("-", "\u2212")
