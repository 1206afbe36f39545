"""The page of a patient: slices through the largest lesions with true and predicted DVR, agreement and numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from myelosketch.io.names import INPUT_MAPS, REGION_CODES
from myelosketch.io.provenance import write_text
from myelosketch.io.volumes import has_value
from myelosketch.reporting.display import cohort_words, method_name
from myelosketch.reporting.figures import style
from myelosketch.reporting.figures.agreement import classify_agreement
from myelosketch.reporting.figures.slices import brain_window, lesion_window, load_canonical
from myelosketch.reporting.pages.lesion_pictures import lesion_pictures
from myelosketch.reporting.pages.patient_maps import (
    dvr_limits,
    number_lesions,
    robust_limits,
    scale_words,
    widest_slices,
)
from myelosketch.reporting.pages.rendering import render
from myelosketch.reporting.pages.slice_panels import (
    AGREEMENT_SIGNS,
    Panel,
    agreement_panel,
    colour_bar,
    map_panel,
)
from myelosketch.reporting.tables.cohort import flair_scans
from myelosketch.reporting.tables.patient import PatientTables

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from myelosketch.io.run_files import RunFolder
    from myelosketch.io.volumes import Volume

TEMPLATE = "patient.html.j2"
MAX_SLICES = 4
MIN_GAP_MM = 6.0  # least distance of two slices; a nearer one shows the same lesions again


class Maps(NamedTuple):
    """The volumes of a patient, all on one canonical grid: arrays (x, y, z)."""

    inputs: dict[str, np.ndarray]
    dvr: np.ndarray  # NaN where the PET has no value
    predicted: dict[str, np.ndarray]
    classes: dict[str, np.ndarray]  # method -> agreement with the PET
    regions: np.ndarray
    lesions: np.ndarray  # number of the lesion as in lesions.tsv, 0 outside
    voxel_size: np.ndarray
    voxel_volume: float

    @property
    def lesion(self) -> np.ndarray:
        return self.regions == REGION_CODES["lesion"]

    @property
    def brain(self) -> np.ndarray:
        return self.regions > 0


def write_patient_pages(
    pages: Mapping[str, str | Path],
    run: RunFolder,
    *,
    methods: Sequence[str],
    method: str,
    k: float,
    colours: str,
    simulated: bool,
    world: str = "",
    external: Collection[str] = (),
) -> None:
    """Write the page of every patient.

    Parameters
    ----------
    pages : dict, scan -> path of its HTML, in the order of the links from page to page
    run : RunFiles or RunFolder
    methods : methods with stored predictions, in order
    method : method of the listed lesions
    k : threshold of the stored demyelination maps
    colours : ``paper`` or ``colourblind``
    simulated, world : whether the cohort is simulated, and its world
    external : scans of external sites
    """
    tables = {
        folder: PatientTables(run, folder, k=k)
        for folder in ("evaluation", *(["evaluation/external"] if external else []))
    }
    flair = flair_scans(run)
    scans = list(pages)
    for place, scan in enumerate(scans):
        maps = load_maps(run, scan, methods)
        numbers = tables["evaluation/external" if scan in external else "evaluation"]
        content = {
            "scan": scan,
            "cohort_words": cohort_words(simulated, world),
            "simulated": simulated,
            "external": scan in external,
            "flair": scan in flair,
            "method_name": method_name(method),
            "before": scans[place - 1] if place else None,
            "after": scans[place + 1] if place + 1 < len(scans) else None,
            "facts": patient_facts(maps),
            "tables": numbers.of(scan, methods=methods, method=method),
            "slices": [
                slice_rows(maps, z, palette=style.AGREEMENT_COLOURS[colours]) for z in choose_slices(maps)
            ],
            "lesions": lesion_pictures(maps, numbers.lesions(scan, method=method), method=method),
            "legend": agreement_legend(style.AGREEMENT_COLOURS[colours]),
            "scale": {
                "image": colour_bar(style.DVR_CMAP),
                "limits": [f"{x:.2f}" for x in dvr_limits(maps)],
            },
            "k": k,
        }
        write_text(pages[scan], render(TEMPLATE, **content))


def load_maps(run: RunFolder, scan: str, methods: Sequence[str]) -> Maps:
    """Read all volumes of a patient onto one canonical grid; see :class:`Maps`."""
    regions, grid = load_canonical(run.derivative("regions", scan=scan), dtype=np.int16)

    def read(key: str, dtype: DTypeLike = np.float32, **entities: str) -> tuple[Volume, Volume]:
        return load_canonical(run.derivative(key, scan=scan, **entities), like=grid, dtype=dtype)

    dvr = read("dvr")[0].data
    seen = has_value(dvr)
    masks = {name: read("demyelinated", np.uint8, method=name)[0].data for name in ("pet", *methods)}
    lesion = seen & (regions.data == REGION_CODES["lesion"])
    return Maps(
        inputs={name: read(name.lower())[0].data for name in INPUT_MAPS},
        dvr=np.where(seen, dvr, np.nan),
        predicted={name: read("predicted", method=name)[0].data for name in methods},
        classes={name: classify_agreement(masks["pet"], masks[name], lesion) for name in methods},
        regions=regions.data,
        lesions=number_lesions(grid, grid.data),
        voxel_size=regions.voxel_size,
        voxel_volume=regions.voxel_volume,
    )


def choose_slices(maps: Maps) -> list[int]:
    """Return axial slices where the largest lesions are widest, or the middle of the brain if there is no lesion.

    Returns
    -------
    list of int, at most :data:`MAX_SLICES`, from the largest lesion down
    """
    return widest_slices(maps.lesions, maps.brain, maps.voxel_size, most=MAX_SLICES, gap_mm=MIN_GAP_MM)


def slice_rows(maps: Maps, z: int, *, palette: Mapping[str, str]) -> dict[str, Any]:
    """Return number, lesions and rows of panels of a slice: MRI, true and predicted DVR, and lesions enlarged."""
    window = brain_window(maps.regions, z, maps.voxel_size)
    shared: dict[str, Any] = {"lesion": maps.lesion, "brain": maps.brain}
    mri = []
    for name, data in maps.inputs.items():
        limits = robust_limits(data[maps.brain])
        mri.append(map_panel(name, scale_words(name, limits), data, window, limits=limits, **shared))
    dvr: dict[str, Any] = {"limits": dvr_limits(maps), "cmap": style.DVR_CMAP, **shared}
    predictions = [map_panel("True DVR", _mean_dvr(maps.dvr, maps), maps.dvr, window, **dvr)]
    for name, data in maps.predicted.items():
        predictions.append(map_panel(method_name(name), _mean_dvr(data, maps), data, window, **dvr))
    here = [str(number) for number in np.unique(maps.lesions[:, :, z]) if number]
    rows = [("MRI", mri), ("DVR, one scale", predictions)]
    if here:
        rows.append(
            ("Enlarged: the true PET, and which voxels agree with it", _enlarged(maps, z, palette, dvr))
        )
    return {"z": z, "lesions": ", ".join(here), "rows": rows}


def _enlarged(maps: Maps, z: int, palette: Mapping[str, str], dvr: Mapping[str, Any]) -> list[Panel]:
    """Return the largest lesion of a slice enlarged: true DVR, and agreement of every method with it."""
    window = lesion_window(maps.regions, z, maps.voxel_size)
    low, high = robust_limits(maps.dvr[maps.brain])
    background = np.nan_to_num((maps.dvr - low) / (high - low))
    panels = [map_panel("True DVR", "", maps.dvr, window, **dvr)]
    for name, classes in maps.classes.items():
        shown = window.cut(classes)
        note = f"{int(((shown == 0) | (shown == 1)).sum())} of {int((shown >= 0).sum())} voxels agree"
        panel = agreement_panel(
            method_name(name), note, background, classes, window, palette=palette, brain=maps.brain
        )
        panels.append(panel)
    return panels


def agreement_legend(palette: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return class, colour and sign of the agreement maps."""
    signs = {name: sign for name, sign, _ in AGREEMENT_SIGNS}
    return [
        (style.AGREEMENT_LABELS[name], palette[name], signs.get(name, "")) for name in style.AGREEMENT_CLASSES
    ]


def patient_facts(maps: Maps) -> list[tuple[str, str]]:
    """Return volumes of the regions and the number of lesions, as (name, text)."""
    volumes = {
        name: (maps.regions == code).sum() * maps.voxel_volume / 1000 for name, code in REGION_CODES.items()
    }
    return [
        ("Lesion load", f"{volumes['lesion']:.1f} mL"),
        ("Lesions on the PET grid", str(int(maps.lesions.max()))),
        ("NAWM", f"{volumes['nawm']:.0f} mL"),
        ("Other brain", f"{volumes['other']:.0f} mL"),
        ("Brain with a measured DVR", f"{100 * np.isfinite(maps.dvr[maps.brain]).mean():.1f} %"),
        ("Voxel of the PET grid", " \u00d7 ".join(f"{side:.3g}" for side in maps.voxel_size) + " mm"),
    ]


def _mean_dvr(data: np.ndarray, maps: Maps) -> str:
    values = data[maps.lesion & np.isfinite(data) & np.isfinite(maps.dvr)]
    return f"mean of all lesions {values.mean():.2f}" if values.size else "no lesion voxel"
