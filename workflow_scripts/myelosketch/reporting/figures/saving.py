"""Save a figure as PNG, as SVG with real text in an embedded font, and as the table behind it."""

from __future__ import annotations

import base64
import functools
import importlib
import io
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import unescape

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib import font_manager

from myelosketch.io.provenance import write_bytes, write_text
from myelosketch.io.tables import write_table
from myelosketch.reporting.figures.style import MAX_WIDTH_PX, empty_figure, figure_style
from myelosketch.reporting.source_tables import NothingToDrawError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# font weights that figures use, and the pattern in an SVG that shows their use
_WEIGHTS = {"normal": r"<text", "bold": r"font(-weight)?: (bold|[6-9]00)\b"}


def draw_figure(
    build: str,
    tables: Iterable[str | Path],
    *,
    title: str,
    simulated: bool,
    settings: Mapping[str, Any],
    **files: Any,
) -> None:
    """Draw a figure of the catalogue and save it.

    Parameters
    ----------
    build : ``module.function`` of this package, as in :class:`myelosketch.reporting.figures.catalogue.Figure`
    tables : paths of its tables
    settings : dict, its other arguments
    title, simulated, files : as in :func:`draw`
    """
    module, name = build.split(".")
    function = getattr(importlib.import_module(f"myelosketch.reporting.figures.{module}"), name)
    filled = functools.partial(function, *tables, simulated=simulated, **settings)
    draw(filled, title=title, simulated=simulated, **files)


def draw(
    build: Callable[[], tuple[Figure, pd.DataFrame]],
    *,
    title: str,
    simulated: bool,
    png: str | Path,
    svg: str | Path,
    tsv: str | Path,
    dpi: float = 200,
) -> None:
    """Draw a figure in the common style and save it. If there is nothing to draw, save the reason instead.

    Parameters
    ----------
    build : function without arguments -> (matplotlib Figure, pandas.DataFrame of the data drawn)
    title : title of the empty figure if there are no data
    simulated : whether the cohort is simulated
    png, svg, tsv : paths to write
    dpi : see :func:`save_figure`
    """
    with figure_style():
        try:
            figure, data = build()
        except NothingToDrawError as reason:
            print(f"{Path(png).name} is empty: {reason}")
            figure = empty_figure(str(reason), title=title, simulated=simulated)
            data = pd.DataFrame({"not_drawn": [str(reason)]})
        save_figure(figure, data, png=png, svg=svg, tsv=tsv, dpi=dpi)


def save_figure(
    figure: Figure, data: pd.DataFrame, *, png: str | Path, svg: str | Path, tsv: str | Path, dpi: float = 200
) -> None:
    """Write a figure and its data, each file atomically, and close the figure.

    Parameters
    ----------
    figure : matplotlib Figure
    data : pandas.DataFrame, the numbers that are drawn
    png, svg, tsv : paths to write
    dpi : dots per inch, reduced if the PNG would be wider than 1,600 pixels
    """
    Path(png).parent.mkdir(parents=True, exist_ok=True)
    try:
        image = io.BytesIO()
        figure.savefig(image, format="png", dpi=min(dpi, MAX_WIDTH_PX / figure.get_figwidth()))
        write_bytes(png, image.getvalue())
        drawing = io.StringIO()
        figure.savefig(drawing, format="svg", dpi=dpi, metadata={"Date": None})
        write_text(svg, embed_fonts(drawing.getvalue()))
        write_table(data, tsv)
    finally:
        plt.close(figure)


def embed_fonts(svg: str) -> str:
    """Embed the glyphs that an SVG uses, so that it looks the same without DejaVu Sans.

    Parameters
    ----------
    svg : str, as written with ``svg.fonttype: none``

    Returns
    -------
    str
    """
    characters = {
        character
        for text in re.findall(r"<text[^>]*>(.*?)</text>", svg, re.DOTALL)
        for character in unescape(re.sub(r"<[^>]+>", "", text))
    } | set("0123456789")
    rules = []
    for weight, used in _WEIGHTS.items():
        if re.search(used, svg):
            glyphs = base64.b64encode(_font_subset(weight, characters)).decode()
            source = f"url(data:font/woff;base64,{glyphs}) format('woff')"
            rules.append(f"@font-face{{font-family:'DejaVu Sans';font-weight:{weight};src:{source};}}")
    head, tail = svg.split("<defs>", 1)
    return f'{head}<defs>\n  <style type="text/css">{"".join(rules)}</style>{tail}'


def _font_subset(weight: str, characters: Iterable[str]) -> bytes:
    """Return characters of DejaVu Sans as WOFF (zlib, which every browser reads), in reproducible bytes."""
    from fontTools import subset

    path = font_manager.findfont(font_manager.FontProperties(family="DejaVu Sans", weight=weight))
    options = subset.Options(flavor="woff", recalc_timestamp=False, layout_features=["kern"])
    options.drop_tables += ["FFTM"]  # FontForge's table, which viewers do not need
    font = subset.load_font(path, options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=[ord(character) for character in characters])
    subsetter.subset(font)
    stream = io.BytesIO()
    subset.save_font(font, stream, options)
    return stream.getvalue()
