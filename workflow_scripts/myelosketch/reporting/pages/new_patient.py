"""The page of a new patient: MRI, the predicted DVR map, its numbers and how far to trust them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import myelosketch
from myelosketch.io.provenance import read_json, write_text
from myelosketch.reporting.display import method_name
from myelosketch.reporting.figures import style
from myelosketch.reporting.pages.dvr_axis import Axis, dvr_axis
from myelosketch.reporting.pages.new_patient_slices import load_new_maps, panel_ratio, slice_content
from myelosketch.reporting.pages.rendering import render
from myelosketch.reporting.tables import new_patient as tables
from myelosketch.reporting.tables.new_patient import OK, UNUSUAL, WITHHELD, Value
from myelosketch.reporting.tables.text import HtmlTable, number, words

if TYPE_CHECKING:
    from markupsafe import Markup

TEMPLATE = "new_patient.html.j2"
RESEARCH_USE = (
    "Research use only.",
    "Predicted maps are not measurements and must not guide the care of a patient.",
)
SIMULATED_MODEL = (
    "This model was trained on simulated patients:",
    "nobody was measured to make it, and nothing here is true of a real brain.",
)
FLAIR = (
    "Lesions from FLAIR.",
    "No lesion mask was given. The lesions were found on the FLAIR by a classical method, not drawn by a reader.",
)
VERDICTS = {
    OK: "Images and maps are like those of the scans that the model was trained on.",
    UNUSUAL: "This scan differs from the scans that the model was trained on. Keep that in mind with every number:",
    WITHHELD: "No predicted number or map is shown, because the prediction cannot be trusted:",
}
PRINTED = 3  # slices on the printed sheet, if the text leaves room for them
JUMPS = 10  # lesions to which a line above the slices links
# the printed sheet, A4: height of slices and text together, height of a line, characters of a line, least and largest
# panel
SHEET_MM, SHEET_LINE_MM, SHEET_LINE, SHEET_PANEL_MM = 109.0, 4.2, 110, (18.0, 31.0)
_SETTING = re.compile(r"\b(?:prediction|registration|cohort|lesions): ?\{.*\}")


class Card(NamedTuple):
    """A main number of the page, in large type."""

    name: str
    value: Value
    explained: str = ""


def write_new_patient_page(
    page: str | Path,
    files: Mapping[str, str | Path],
    *,
    method: str,
    colours: str,
    extra: Mapping[str, Sequence[HtmlTable]] | None = None,
) -> None:
    """Write the page of one scan.

    Parameters
    ----------
    page : HTML to write
    files : dict: ``numbers`` (JSON), ``mtr``, ``fa``, ``rd``, ``ad``, ``regions``; where the numbers are not withheld
        also ``predicted``, ``expected_error`` and ``demyelinated``
    method : of the predicted map
    colours : ``paper`` or ``colourblind``, for the sign on demyelinated voxels
    extra : dict, heading -> tables of a further section, such as the change since an earlier scan; optional

    Raises
    ------
    GeometryError : the maps do not share one grid
    """
    numbers = read_json(files["numbers"])
    maps = load_new_maps(files, predicted=numbers["verdict"] != WITHHELD)
    mark = style.DEMYELINATED_COLOURS[colours]
    listed = len(numbers["lesions"] or [])
    printed, sheet_mm = printed_sheet(numbers, panel_ratio(maps))
    slices = slice_content(maps, numbers["healthy"], listed=listed, printed=printed, colour=mark)
    content = page_content(numbers, method=method) | {
        "slices": slices,
        "jumps": dict(list(slices["jumps"].items())[:JUMPS]),
        "lesion_table": tables.lesion_table(numbers, slices["jumps"]),
        "sheet_mm": sheet_mm,
        "mark": mark,
        "extra": extra or {},
    }
    write_text(page, render(TEMPLATE, **content))


def page_content(numbers: Mapping[str, Any], *, method: str) -> dict[str, Any]:
    """Return all that the template shows, except the slices; see :func:`write_new_patient_page`."""
    model = numbers["model"]
    return {
        "scan": numbers["scan"],
        "who": {"MS": "Patient with MS", "HC": "Healthy control"}.get(numbers["group"], "Group not given"),
        "banners": list(banners(numbers)),
        "verdict": numbers["verdict"],
        "verdict_words": VERDICTS[numbers["verdict"]],
        "reasons": [with_settings(reason) for reason in numbers["reasons"] if reason],
        "cards": cards(numbers),
        "axis": axis(numbers),
        "axis_colours": (style.METHOD_COLOUR, style.NOTED_COLOUR),
        "healthy": numbers["healthy"],
        "healthy_words": healthy_words(numbers),
        "threshold_words": threshold_words(numbers["healthy"]),
        "facts": facts(numbers),
        "quality_tables": tables.quality_tables(numbers),
        "range_table": tables.range_table(numbers),
        "score_table": tables.score_table(numbers),
        "method_name": method_name(method),
        "model": model,
        "model_facts": model_facts(numbers),
        "made_by": made_by(myelosketch.__version__),
        "no_lesions": tables.no_lesions(numbers),
        "wide_interval": tables.wide_interval(numbers),
        "withheld": numbers["verdict"] == WITHHELD,
    }


def printed_sheet(numbers: Mapping[str, Any], ratio: float) -> tuple[int, float]:
    """Return how many slices fit below the text of the printed sheet, and the width of a panel.

    Parameters
    ----------
    numbers : dict, of the JSON of the scan
    ratio : height of a panel divided by its width

    Returns
    -------
    (int, float) : slices, from 1 to :data:`PRINTED`; mm
    """
    lines = sum(2 for _ in banners(numbers)) + sum(1 + len(text) // SHEET_LINE for text in numbers["reasons"])
    height = SHEET_MM - SHEET_LINE_MM * lines
    slices = int(min(max(height / ratio / SHEET_PANEL_MM[0], 1), PRINTED))
    return slices, float(min(max(height / slices / ratio, SHEET_PANEL_MM[0]), SHEET_PANEL_MM[1]))


def banners(numbers: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a reader must know first, as (bold words, the rest of the sentence)."""
    yield RESEARCH_USE
    if numbers["model"]["simulated"]:
        yield SIMULATED_MODEL
    if numbers["lesion_source"] == "flair":
        yield FLAIR


def cards(numbers: Mapping[str, Any]) -> list[Card]:
    """Return the main numbers: demyelinated share, mean DVR of lesions and white matter, the healthy reference."""
    return [
        Card(
            "Demyelinated share of the lesions",
            tables.demyelinated(numbers),
            f"lesion voxels with {threshold_words(numbers['healthy'])}",
        ),
        Card("Mean DVR of the lesions", tables.mean_dvr(numbers, "lesions")),
        Card(
            f"Mean DVR of {_lower_first(tables.white_matter_name(numbers))}",
            tables.mean_dvr(numbers, "white_matter"),
        ),
        Card("Healthy white matter", Value(healthy_range(numbers["healthy"])), healthy_words(numbers)),
    ]


def axis(numbers: Mapping[str, Any]) -> Axis | None:
    """Return white matter and lesions on a DVR axis, or None if neither has a number."""
    regions = numbers["regions"] or {}
    names = {"white_matter": tables.white_matter_name(numbers), "lesions": "Lesions"}
    found = [
        (name, str(tables.mean_dvr(numbers, region)), regions[region])
        for region, name in names.items()
        if regions.get(region) and number(regions[region]["mean_dvr"]) != "n/a"
    ]
    return dvr_axis(numbers["healthy"], found) if found and numbers["verdict"] != WITHHELD else None


def healthy_range(healthy: Mapping[str, Any]) -> str:
    """Return mean and SD of healthy white matter, as ``1.27 ± 0.10``."""
    return f"{number(healthy['mean'])} \u00b1 {number(healthy['sd'])}"


def healthy_words(numbers: Mapping[str, Any]) -> str:
    """Return a sentence on the source of the healthy range."""
    controls = _count(numbers["model"]["n_controls"], "control")
    return f"mean \u00b1 SD of single voxels of white matter, {controls} of the model"


def threshold_words(healthy: Mapping[str, Any]) -> str:
    """Return words that say which voxels count as demyelinated."""
    return f"DVR below {number(healthy['threshold'])}, the healthy mean \u2212 {healthy['k']:g} SD"


def facts(numbers: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return small facts about the scan, as (name, text)."""
    absence = tables.no_lesions(numbers)
    if absence:
        found = [("Lesions", absence)]
    else:
        found = [
            ("Lesions listed", words(numbers["n_lesions"])),
            ("Lesion load", f"{number(numbers['lesion_volume_ml'], 1)} mL"),
            ("Lesions from", tables.SOURCES[numbers["lesion_source"]]),
        ]
    white = (numbers["regions"] or {}).get("white_matter")
    if white:
        found.append((tables.white_matter_name(numbers), f"{number(white['volume_ml'], 0)} mL"))
    found.append(("Voxel of the maps", tables.voxel_words(numbers["voxel_mm"])))
    return [*found, ("Site", numbers["site"])] if numbers["site"] else found


def model_facts(numbers: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return facts about the model and the software of the prediction, as (name, text)."""
    model = numbers["model"]
    trained = f"{_count(model['n_patients'], 'patient')} and {_count(model['n_controls'], 'control')}"
    return [
        ("Method", method_name(model["method"])),
        ("Trained on", f"{trained}, {'simulated' if model['simulated'] else 'measured'}"),
        ("Voxel of the model", tables.voxel_words(model["voxel_mm"])),
        ("SHA-256 of the model", model["sha256"]),
        ("Trained by", made_by(model["software"]["myelosketch"], model["commit"])),
        ("Predicted by", made_by(myelosketch.__version__)),
        ("Maps brought to the model's scanner", numbers["harmonised"] or "no"),
    ]


def made_by(version: str, commit: str | None = None) -> str:
    """Return the name of this program with its version, and with its commit if that is known."""
    return f"myelosketch {version}" + (f", commit {commit[:12]}" if commit else "")


def with_settings(text: str) -> Markup:
    """Return a sentence as HTML, with the line of the configuration in it marked as code."""
    from markupsafe import Markup, escape

    found = _SETTING.search(text)
    if not found:
        return escape(text)
    before, after = text[: found.start()], text[found.end() :]
    return Markup("{}<code>{}</code>{}").format(before, found[0], after)


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _lower_first(text: str) -> str:
    return text[0].lower() + text[1:]
