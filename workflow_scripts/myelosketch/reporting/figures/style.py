"""The common style of all figures: colours, display names, fonts and sizes. It is defined only here."""

from __future__ import annotations

import contextlib
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

import matplotlib as mpl
import seaborn as sns

from myelosketch.learning.ladder import base_of
from myelosketch.reporting.display import cohort_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.typing import MarkerType, RcKeyType

# colours of the paper (Wei et al. 2018, captions of Fig. 4 and 5); we chose shades that differ in grey too
GROUPS_TRUE = "#3b78b5"  # Fig. 4A, blue
GROUPS_PREDICTED = "#f4c542"  # Fig. 4A, yellow
INDIVIDUALS_TRUE = "#c62f2f"  # Fig. 4B, red
INDIVIDUALS_PREDICTED = "#5aa2dc"  # Fig. 4B, blue
PERCENTAGE_TRUE = "#2f6db3"  # Fig. 5A, blue
PERCENTAGE_PREDICTED = "#c4c4c4"  # Fig. 5A, grey

# Fig. 5B: agreement classes in fixed order; the second set is our choice, safe for red-green colour blindness
AGREEMENT_CLASSES = ("both", "neither", "true_only", "predicted_only")
AGREEMENT_LABELS = {
    "both": "both",
    "neither": "neither",
    "true_only": "true PET only",
    "predicted_only": "predicted only",
}
AGREEMENT_COLOURS = {
    "paper": {"both": "#ffe119", "neither": "#ffffff", "true_only": "#d7191c", "predicted_only": "#ff8c1a"},
    "colourblind": {
        "both": "#f0e442",
        "neither": "#ffffff",
        "true_only": "#00508c",
        "predicted_only": "#56b4e9",
    },
}

# our choice: colour of the mark on demyelinated voxels of a predicted map, distinct from every colour of DVR_CMAP
DEMYELINATED_COLOURS = {"paper": AGREEMENT_COLOURS["paper"]["predicted_only"], "colourblind": "#ffffff"}

# regions of the label map (Fig. 3): background, other, white matter, lesion; they differ in grey too
REGION_COLOURS = ("black", "#8f8f8f", "#e8e8e8", "#c4121c")

# our choice: methods, ceilings and reference lines
METHOD_COLOUR, CEILING_COLOUR, REFERENCE_COLOUR = "#2f6db3", "#6b6b6b", "#333333"
MUTED_COLOUR, FAINT_COLOUR = "#888888", "#b5b5b5"  # lines and bars in the background
EXTERNAL_COLOUR = "#e0a93b"  # scans of an external site, next to METHOD_COLOUR
NOTED_COLOUR = "#c4121c"  # beyond its limit, or under review
GAIN_COLOUR = "#2a7f9e"  # better than its limit
# several methods in one axes: colour, dashes and marker. Colours darken from the simplest method to the last, so that
# they differ in grey and for colour-blind readers
METHOD_LOOKS = {
    "pet": ("#000000", (1, 0), "*"),
    "template": ("#e0a93b", (1, 1), "v"),
    "ridgevoxel": ("#63b6b8", (5, 1), "H"),
    "ridgemeans": ("#4fa3a5", (8, 2), "^"),
    "trees": ("#7f8c2d", (3, 2, 1, 2), "p"),
    "dnn2": ("#b9572f", (3, 1, 1, 1), "P"),
    "unet": ("#2f6db3", (4, 2), "D"),
    "unetroi": ("#6f2f7d", (3, 1, 1, 1, 1, 1), "X"),
    "sketcher": ("#0f4a2c", (2, 2), "s"),
    "refiner": ("#6e0418", (1, 0), "o"),
    "transfer": ("#0e0e50", (7, 2, 2, 2), "h"),
    "rescan": ("#555555", (6, 2), "<"),
    "noisefree": ("#888888", (6, 2, 1, 2), ">"),
    "visible": ("#b0b0b0", (6, 2, 1, 2, 1, 2), "d"),
    "attainable": ("#6b6b6b", (2, 1), "p"),
}
# marker of a method -> marker of the same method recalibrated: stars with a number of points and a rotation in
# degrees
RECALIBRATED_MARKERS: dict[str, MarkerType] = {
    "H": (6, 1, 0), "^": (3, 1, 0), "p": (7, 1, 0), "P": (4, 1, 0), "D": (4, 1, 45), "X": (3, 1, 60), "s": (8, 1, 0),
    "o": (3, 1, 30),
}  # fmt: skip
OTHER_LOOK = ("#3d3d3d", (1, 3), "8")  # a user-defined method
# levels of a stratum (size, place, kind) and folds, in order: colour, marker, dashes
LEVEL_LOOKS = (
    ("#0b2545", "o", "-"),
    ("#2a7f9e", "s", "--"),
    ("#c8792a", "^", ":"),
    ("#c9b04a", "D", "-."),
    ("#7a1f3d", "v", (0, (3, 1, 1, 1))),
    ("#5b5b5b", "P", (0, (1, 3))),
)

DVR_CMAP = "viridis"
MAX_WIDTH_PX = 1600  # Snakemake's report crops wider images
# inches; a figure fills two columns of a printed page (180 mm) or one (85 mm), as set in the catalogue
WIDTH, COLUMN = 180 / 25.4, 85 / 25.4
SMALLEST_FONT = 6.0  # points, in print

_RC: dict[RcKeyType, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # part of matplotlib, so that every machine draws the same figure
    "svg.fonttype": "none",  # text stays text; reporting.figures.saving embeds the font
    "svg.hashsalt": "myelosketch",
    "figure.constrained_layout.use": True,
    "figure.titlesize": 10,
    "figure.titleweight": "bold",
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.6,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


_ONE_COLUMN: dict[RcKeyType, Any] = {
    "figure.titlesize": 8,
    "axes.titlesize": 7,
    "axes.labelsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
}


@contextlib.contextmanager
def figure_style() -> Iterator[None]:
    """Use seaborn's ticks theme with this project's sizes inside a with block."""
    with mpl.rc_context(), sns.axes_style("ticks"):
        mpl.rcParams.update(_RC)
        yield


@contextlib.contextmanager
def one_column() -> Iterator[None]:
    """Return the text sizes of a figure of one column of a printed page."""
    with mpl.rc_context():
        mpl.rcParams.update(_ONE_COLUMN)
        yield


def figure_title(figure: Figure, text: str, *, simulated: bool) -> None:
    """Set the title of a figure, always with the kind of cohort, wrapped to the width of the figure."""
    words = f"{text}, {cohort_words(simulated)}"
    title = figure.suptitle(words)
    title.set_text(balanced(words, int(figure.get_figwidth() * 115 / float(title.get_fontsize()))))


def balanced(words: str, width: int) -> str:
    """Wrap words to as few lines of ``width`` characters as needed, of similar length. No word is broken."""

    def wrapped(least: int) -> list[str]:
        return textwrap.wrap(words, least, break_long_words=False, break_on_hyphens=False)

    lines = wrapped(width)
    while width > 12 and len(wrapped(width - 1)) == len(lines):
        width -= 1
    return "\n".join(wrapped(width))


def method_look(method: str) -> tuple[str, tuple[int, ...], MarkerType]:
    """Return colour, dashes and marker of a method or ceiling in an axes that shows several.

    A recalibrated method has the colour of the method it corrects, with a different marker and dashes.
    """
    base = base_of(method)
    if base in METHOD_LOOKS:
        colour, dashes, marker = METHOD_LOOKS[base]
        return colour, (*dashes, 1, 2), RECALIBRATED_MARKERS[marker]
    return METHOD_LOOKS.get(method, OTHER_LOOK)


def level_look(place: int) -> tuple[str, str, str | tuple[int, tuple[int, ...]]]:
    """Return colour, marker and dashes of the n-th level of a stratum, or n-th fold. They repeat after six."""
    return LEVEL_LOOKS[place % len(LEVEL_LOOKS)]


def tidy_axes(axes: Axes, *, grid: Literal["x", "y", "both"] | None = "y") -> None:
    """Draw spines at the left and bottom only, and the grid along one direction."""
    sns.despine(ax=axes)
    axes.grid(False)
    if grid:
        axes.grid(True, axis=grid)


def participant_ticks(axes: Axes, labels: Sequence[str]) -> None:
    """Label an x axis with participants: horizontal if they fit, else rotated, and only some if there are too
    many."""
    width = cast("Figure", axes.figure).get_figwidth()
    step = max(1, -(-len(labels) // int(8.5 * width)))
    axes.set_xticks(range(0, len(labels), step), [str(label) for label in labels[::step]])
    if len(labels) > 2 * width:
        axes.tick_params(axis="x", labelrotation=90, labelsize=7)


def empty_panel(axes: Axes, reason: str) -> None:
    """Write the reason into an axes without data."""
    figure = cast("Figure", axes.figure)  # no figure here has subfigures
    width = int(axes.get_position().width * figure.get_figwidth() * 11)
    axes.clear()
    axes.set_axis_off()
    axes.text(
        0.5,
        0.5,
        balanced(f"Not drawn: {reason}", max(14, min(60, width))),
        ha="center",
        va="center",
        transform=axes.transAxes,
        fontsize=9,
        color=REFERENCE_COLOUR,
    )


def empty_figure(reason: str, *, title: str, simulated: bool) -> Figure:
    """Return a figure with a title and the reason why nothing was drawn."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(WIDTH, 2.2))
    empty_panel(axes, reason)
    figure_title(figure, title, simulated=simulated)
    return figure
