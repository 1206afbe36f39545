"""What tests look at in figures: their texts, and colours printed in grey."""

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.text import Text


def luma(colour: str) -> float:
    """Return the brightness of a colour printed in grey (Rec. 601, as image viewers convert), 0 to 1."""
    red, green, blue = mpl.colors.to_rgb(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def cut_texts(figure: Figure) -> list[str]:
    """Return the texts of a figure that extend beyond its edge (a correct figure has none).

    Returns
    -------
    list of str
    """
    figure.canvas.draw()
    box = figure.bbox
    cut = []
    for text in drawn_texts(figure):
        extent = text.get_window_extent()
        inside = extent.x0 >= -1 and extent.y0 >= -1 and extent.x1 <= box.x1 + 1 and extent.y1 <= box.y1 + 1
        if text.get_visible() and text.get_text().strip() and not inside:
            cut.append(text.get_text())
    return cut


def drawn_texts(figure: Figure) -> list[Text]:
    """Return all texts except tick labels that are never drawn: unused, out of view, or of a hidden axis."""
    axes_of_ticks = [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]
    every_tick = [tick for axis in axes_of_ticks for tick in (*axis.majorTicks, *axis.minorTicks)]
    labels = {label for tick in every_tick for label in (tick.label1, tick.label2)}
    drawn = [text for text in figure.findobj(mpl.text.Text) if text not in labels]
    for axis in axes_of_ticks:
        coordinate = 0 if axis is axis.axes.xaxis else 1
        low, high = sorted(axis.get_view_interval())
        if axis.axes.axison:
            shown = axis.get_ticklabels(which="both")
            drawn += [label for label in shown if low <= label.get_position()[coordinate] <= high]
    return drawn
