"""Small pictures of every lesion in the tables, in its widest slice; the report's tables link to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from myelosketch.io.names import REGION_CODES
from myelosketch.reporting.display import method_name
from myelosketch.reporting.figures import style
from myelosketch.reporting.figures.slices import brain_window, lesion_window
from myelosketch.reporting.pages.patient_maps import dvr_limits, robust_limits, scale_words
from myelosketch.reporting.pages.slice_panels import map_panel, outline_path
from myelosketch.reporting.tables.text import MINUS, number, words

if TYPE_CHECKING:
    from myelosketch.reporting.pages.patient import Maps


def lesion_pictures(
    maps: Maps, rows: Iterable[Mapping[str, Any]], *, method: str, links: str = "lesion-{}"
) -> list[dict[str, Any]]:
    """Return pictures of lesions: the place of each, and the MRI maps and the true and predicted DVR around it.

    Parameters
    ----------
    maps : Maps of the patient
    rows : rows of lesions.tsv of this patient and ``method``
    method : method of the predicted map
    links : anchor of a lesion, with a place for its number

    Returns
    -------
    list of dict : ``anchor``, ``number``, ``facts`` (str), ``lines`` (SVG path of the outline of this lesion, for
        all panels except the first) and ``panels``; a lesion without a voxel on the grid is left out
    """
    limits = {name: robust_limits(data[maps.brain]) for name, data in maps.inputs.items()}
    dvr: dict[str, Any] = {"limits": dvr_limits(maps), "cmap": style.DVR_CMAP}
    shown = []
    for row in rows:
        lesion = maps.lesions == int(row["lesion"])
        if not lesion.any():
            continue
        z = int(np.argmax(lesion.sum(axis=(0, 1))))
        alone = np.where(lesion, REGION_CODES["lesion"], 0)
        window = lesion_window(alone, z, maps.voxel_size)
        # without outlines: the template draws the same one on all of these
        plain: dict[str, Any] = {"lesion": np.zeros_like(lesion), "brain": maps.brain}
        whole = brain_window(maps.regions, z, maps.voxel_size)
        around = [
            map_panel(name, scale_words(name, limits[name]), data, window, limits=limits[name], **plain)
            for name, data in maps.inputs.items()
        ]
        around += [
            map_panel("True DVR", f"mean {number(row['mean_dvr_true'])}", maps.dvr, window, **dvr, **plain),
            map_panel(
                method_name(method),
                f"mean {number(row['mean_dvr_pred'])}",
                maps.predicted[method],
                window,
                **dvr,
                **plain,
            ),
        ]
        place = map_panel(
            "Regions", "lesions white", maps.regions, whole, limits=(0, max(REGION_CODES.values())),
            lesion=lesion, brain=maps.brain,
        )  # fmt: skip
        shown.append(
            {
                "anchor": links.format(int(row["lesion"])),
                "number": int(row["lesion"]),
                "facts": lesion_facts(row),
                "lines": outline_path(window.cut(lesion), window.voxel_size),
                "panels": [place, *around],
            }
        )
    return shown


def lesion_facts(row: Mapping[str, Any]) -> str:
    """Return size, place and means of a lesion in one line."""
    told = [words(row[name]).replace("_", " ") for name in ("place", "kind") if words(row.get(name)) != "n/a"]
    difference = f"{row['mean_dvr_pred'] - row['mean_dvr_true']:+.2f}".replace("-", MINUS)
    means = (
        f"mean DVR {number(row['mean_dvr_true'])}, predicted {number(row['mean_dvr_pred'])} ({difference})"
    )
    return ", ".join([f"{number(row['volume_mm3'], 0)} mm\u00b3", *told, means])
