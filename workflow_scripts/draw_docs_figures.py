"""Make the pictures of README and docs from a finished default run (make docs-figures).

docs/overview.png and docs/pictures/registration.png are drawn from its maps. docs/pictures/report.png shows the top
of its report in a browser. The others are its figures, smaller.
"""

from __future__ import annotations

import argparse
import io
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Patch
from PIL import Image

from myelosketch.imaging.registration.fractions import read_fractions
from myelosketch.io.names import INPUT_MAPS, REGION_CODES
from myelosketch.io.run_files import RunFolder
from myelosketch.reporting.figures import style
from myelosketch.reporting.figures.agreement import classify_agreement, paint_agreement
from myelosketch.reporting.figures.qualitative import MAP_UNITS, choose_patient
from myelosketch.reporting.figures.slices import (
    brain_window,
    largest_lesion_slice,
    lesion_window,
    load_canonical,
    orientation_marks,
    outline,
    show,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs/pictures"
DVR_LIMITS = (0.7, 1.5)
# figures of the report that docs/reading.md explains
FIGURES = ("ladder", "fig5b_agreement", "bland_altman")
WIDTH_PX, COLOURS = 900, 256
# how far the wrong example of the registration is moved to the front
MOVED_MM = 7.5
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def draw_overview(run: RunFolder, *, method: str = "refiner") -> Figure:
    """Draw MRI maps, true and predicted DVR and their agreement for the patient with the median lesion load."""
    patients = sorted({path.name for path in run.matching("derivatives/sub-MS*")})
    scan = choose_patient(patients, run.path("evaluation/region_volumes.tsv"))
    regions, grid = load_canonical(run.derivative("regions", scan=scan), dtype=np.uint8)
    z = largest_lesion_slice(regions.data)
    window = brain_window(regions.data, z, regions.voxel_size)
    zoom = lesion_window(regions.data, z, regions.voxel_size)

    def load(key: str, **entities: str) -> np.ndarray:
        return load_canonical(run.derivative(key, scan=scan, **entities), like=grid)[0].data

    brain, lesion = regions.data > 0, regions.data == REGION_CODES["lesion"]
    figure, axes = plt.subplots(2, 4, figsize=(8, 5.5), layout="none")
    figure.subplots_adjust(left=0.01, right=0.99, top=0.94, bottom=0.08, wspace=0.04, hspace=0.14)
    gray, colours = (mpl.colormaps[name].with_extremes(bad="black") for name in ("gray", style.DVR_CMAP))
    for panel, name in zip(axes[0], INPUT_MAPS, strict=True):
        image = np.where(brain, load(name.lower()), np.nan)
        low, high = np.nanpercentile(window.cut(image), [2, 98])
        show(panel, window.cut(image), window, cmap=gray, limits=(low, high))
        panel.set_title(f"{name} ({MAP_UNITS[name]})", fontsize=9)
    measured = np.where(brain, load("dvr"), np.nan)
    predicted = np.where(brain, load("predicted", method=method), np.nan)
    for panel, title, image in zip(
        axes[1], ("DVR, true PET", "DVR, predicted"), (measured, predicted), strict=False
    ):
        shown = show(panel, window.cut(image), window, cmap=colours, limits=DVR_LIMITS)
        panel.set_title(title, fontsize=9)
    classes = classify_agreement(
        load("demyelinated", method="pet"), load("demyelinated", method=method), lesion
    )
    palette = style.AGREEMENT_COLOURS["colourblind"]
    background = np.nan_to_num((zoom.cut(measured) - DVR_LIMITS[0]) / (DVR_LIMITS[1] - DVR_LIMITS[0]))
    painted = paint_agreement(background, zoom.cut(classes), palette)
    show(axes[1, 2], painted, zoom, cmap=None, limits=(None, None))
    axes[1, 2].set_title("Demyelinated lesion voxels", fontsize=9)
    for panel, part in zip(axes.flat, [window] * 6 + [zoom], strict=False):
        outline(panel, part.cut(lesion), part, width=0.7)
        orientation_marks(panel)
    axes[1, 3].set_axis_off()
    handles = [
        Patch(facecolor=palette[name], edgecolor="black", linewidth=0.5, label=style.AGREEMENT_LABELS[name])
        for name in style.AGREEMENT_CLASSES
    ]
    axes[1, 3].legend(handles=handles, title="Called demyelinated by", loc="upper left", fontsize=9)
    words = f"Simulated patient {scan.removeprefix('sub-')},\nheld out of training.\nOutlines: lesions."
    axes[1, 3].text(0.06, 0.28, words, transform=axes[1, 3].transAxes, fontsize=9, va="top")
    left, right = axes[1, 0].get_position().x0, axes[1, 1].get_position().x1
    bar = figure.colorbar(
        shown,
        cax=figure.add_axes((left + 0.02, 0.055, right - left - 0.04, 0.015)),
        orientation="horizontal",
        extend="both",
    )
    bar.ax.tick_params(labelsize=8, length=2, pad=1)
    return figure


def draw_registration(run: RunFolder) -> Figure:
    """A registered FA map with the borders of the T1w's white matter, and the same map moved: right and wrong."""
    scan = choose_patient(
        sorted({path.name for path in run.matching("derivatives/sub-MS*")}),
        run.path("evaluation/region_volumes.tsv"),
    )
    regions, grid = load_canonical(run.derivative("regions", scan=scan), dtype=np.uint8)
    fa = load_canonical(run.derivative("fa", scan=scan), like=grid)[0].data
    white = read_fractions(run.derivative("fractions", scan=scan))[0]["white"]
    z = largest_lesion_slice(regions.data)
    window = brain_window(regions.data, z, regions.voxel_size)
    moved = np.roll(fa, round(MOVED_MM / regions.voxel_size[1]), axis=1)
    figure, axes = plt.subplots(1, 2, figsize=(7, 4.4), layout="constrained")
    for panel, title, image in zip(axes, ("right", f"wrong: {MOVED_MM:g} mm off"), (fa, moved), strict=True):
        show(panel, window.cut(image), window, cmap="gray", limits=(0, float(np.percentile(fa[fa > 0], 98))))
        outline(panel, window.cut(white) > 0.5, window, colour="#F0E442", width=1.1)
        orientation_marks(panel, size=10)
        panel.set_title(f"FA, {title}", fontsize=10)
    return figure


def top_of(page: Path, height: int) -> Image.Image | None:
    """What a browser shows of a page at first; None where there is no Chromium.

    ``height`` in pixels; the width is WIDTH_PX.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not browser:
        return None
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "page.png"
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        options += [
            f"--user-data-dir={folder}",
            f"--window-size={WIDTH_PX},{height}",
            f"--screenshot={picture}",
        ]
        subprocess.run(
            [browser, *options, page.resolve().as_uri()], check=True, capture_output=True, timeout=120
        )
        return Image.open(io.BytesIO(picture.read_bytes()))


def save_small(image: Image.Image, path: Path) -> None:
    """Write a picture at most WIDTH_PX wide, with a palette of COLOURS."""
    image = image.convert("RGB")
    if image.width > WIDTH_PX:
        image = image.resize(
            (WIDTH_PX, round(image.height * WIDTH_PX / image.width)), Image.Resampling.LANCZOS
        )
    path.parent.mkdir(exist_ok=True)
    image.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"Wrote {path.relative_to(ROOT)}, {path.stat().st_size / 1000:.0f} kB.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "results", nargs="?", default=ROOT / "results", type=Path, help="folder of a finished run"
    )
    run = RunFolder(parser.parse_args().results)
    with style.figure_style():
        draw_overview(run).savefig(ROOT / "docs/overview.png", dpi=110)
        print("Wrote docs/overview.png.")
        stream = io.BytesIO()
        draw_registration(run).savefig(stream, dpi=110)
    save_small(Image.open(stream), PICTURES / "registration.png")
    for name in FIGURES:
        save_small(Image.open(run.path(f"figures/{name}.png")), PICTURES / f"{name}.png")
    report = top_of(Path(run.path("report.html")), height=860)
    if report is None:
        print("No Chromium on this machine: docs/pictures/report.png stays as it is.")
    else:
        save_small(report, PICTURES / "report.png")


if __name__ == "__main__":
    main()
