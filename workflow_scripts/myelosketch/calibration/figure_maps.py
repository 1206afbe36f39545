"""Figure of three participants: MRI, measured DVR and noise-free DVR."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from myelosketch.io.names import REGION_CODES
from myelosketch.reporting.figures import style
from myelosketch.reporting.figures.slices import (
    brain_window,
    largest_lesion_slice,
    orientation_marks,
    outline,
    show,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from myelosketch.calibration.participant import Participant

# map, title, colour map, lowest and highest value (None: percentiles 2 and 99.8 of the brain)
COLUMNS = (
    ("T1w", "T1w", "gray", None),
    ("FLAIR", "FLAIR", "gray", None),
    ("FA", "FA", "gray", (0, 0.8)),
    ("MTR", "MTR (%)", "gray", (10, 50)),
    ("DVR", "DVR, measured", style.DVR_CMAP, (0.6, 1.5)),
    ("noisefree", "DVR, noise-free", style.DVR_CMAP, (0.6, 1.5)),
)
CONTROL_LEVEL = 0.58  # height of the slice as a share of a control's brain: the lateral ventricles


def shown_participants(people: Sequence[Participant]) -> list[Participant]:
    """Return the patient with the median load, the one with the highest load, and the first control."""
    patients = sorted((p for p in people if p.group == "MS"), key=_lesion_voxels)
    chosen = [patients[(len(patients) - 1) // 2], patients[-1]] if patients else []
    chosen = list({person.subject: person for person in chosen}.values())
    return chosen + [person for person in people if person.group == "HC"][:1]


def build_maps(people: Sequence[Participant]) -> tuple[Figure, pd.DataFrame]:
    """Draw axial slices of three participants with outlined lesions; return the figure and its data."""
    chosen = shown_participants(people)
    columns = [column for column in COLUMNS if column[0] in chosen[0].maps]
    size = (style.WIDTH, 0.45 + 1.72 * len(chosen))
    figure, panels = plt.subplots(len(chosen), len(columns), figsize=size, squeeze=False)
    images, rows = {}, []
    for line, person in zip(panels, chosen, strict=True):
        z = _slice(person)
        window = brain_window(person.regions, z, tuple(np.diag(person.affine)[:3]))
        lesion = window.cut(person.regions == REGION_CODES["lesion"])
        for axes, (name, title, colours, limits) in zip(line, columns, strict=True):
            inside = person.maps[name][person.regions > 0]
            limits = limits or tuple(np.percentile(inside, (2, 99.8)))
            image = np.where(window.cut(person.regions > 0), window.cut(person.maps[name]), limits[0])
            images[name] = show(axes, image, window, cmap=colours, limits=limits)
            outline(axes, lesion, window, colour="#56b4e9" if colours == "gray" else "white")
            if axes in panels[0]:
                axes.set_title(title)
        volume = _lesion_voxels(person) * person.voxel_volume / 1000
        words = f"{person.subject}\n{volume:.1f} mL" if person.group == "MS" else f"{person.subject}\ncontrol"
        line[0].text(
            -0.06, 0.5, words, transform=line[0].transAxes, rotation=90, ha="right", va="center", fontsize=8
        )
        orientation_marks(line[0])
        rows.append({"subject": person.subject, "slice_z": z, "lesion_ml": volume})
    for name in ("FA", "MTR", "DVR"):
        at = [column[0] for column in columns].index(name)
        beside = panels[:, at : at + 2] if name == "DVR" else panels[:, at]
        figure.colorbar(images[name], ax=beside, location="bottom", fraction=0.04, pad=0.02, aspect=18)
    style.figure_title(figure, "Three participants on the PET grid, lesions outlined", simulated=True)
    return figure, pd.DataFrame(rows)


def _lesion_voxels(person: Participant) -> int:
    return int((person.regions == REGION_CODES["lesion"]).sum())


def _slice(person: Participant) -> int:
    if _lesion_voxels(person):
        return largest_lesion_slice(person.regions)
    used = np.flatnonzero((person.regions > 0).any(axis=(0, 1)))
    return int(used[0] + CONTROL_LEVEL * (used[-1] - used[0]))
