"""Pictures of notebook 07b: curves of several engines, and the rows of a batch."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, ScalarFormatter

from utils.course.figures.style import BLUE, SERIES, SKY, Picture, picture, plain_axes, plain_logarithm

PADDING = "#dddddd"


def engine_curves(panels: Mapping[str, Mapping[str, Mapping[int, float]]], unit: str) -> Picture:
    """Time over a number, one panel a situation, one line an engine; both axes are logarithmic.

    Args:
        panels: title -> engine -> number -> ms.
        unit: what the numbers count.
    """
    figure = picture(1.8 + 4.8 * len(panels), 4.2)
    grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (title, curves) in zip(grid, panels.items(), strict=True):
        for colour, (name, curve) in zip(SERIES, curves.items(), strict=False):
            axes.plot(list(curve), list(curve.values()), "o-", color=colour, label=name, markersize=4)
        axes.set(xscale="log", yscale="log", title=title, xlabel=unit)
        axes.set_xticks(sorted({number for curve in curves.values() for number in curve}))
        _plain_numbers(axes)
    grid[0].set_ylabel("median time (ms)")
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside right center", frameon=False, fontsize=9)
    return figure


def _plain_numbers(axes: Axes) -> None:
    """Both axes are logarithmic; to the right only the numbers that were measured."""
    plain_logarithm(axes.yaxis)
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.spines[["top", "right"]].set_visible(False)


def rows_figure(batches: Mapping[str, Sequence[Sequence[int]]]) -> Picture:
    """Batches, one panel each: a bar a row, a piece of it a sentence, grey what pads it to the longest.

    Args:
        batches: title -> rows -> positions of each sentence.
    """
    figure = picture(12, 1.2 + 0.26 * max(map(len, batches.values())))
    panels = figure.subplots(1, len(batches), sharex=True, sharey=True, squeeze=False)[0]
    for axes, (title, rows) in zip(panels, batches.items(), strict=True):
        width = max(map(sum, rows))
        for number, row in enumerate(rows):
            _row_of_pieces(axes, number, row, width)
        share = 1 - sum(map(sum, rows)) / (width * len(rows))
        plain_axes(axes, f"{title}: {len(rows)} × {width} positions, {share:.0%} padding", "position")
        axes.set_yticks([])
    panels[0].invert_yaxis()
    return figure


def _row_of_pieces(axes: Axes, number: int, row: Sequence[int], width: int) -> None:
    start = 0
    for piece, positions in enumerate(row):
        axes.barh(number, positions, left=start, color=(BLUE, SKY)[piece % 2], edgecolor="white", height=0.8)
        start += positions
    axes.barh(number, width - start, left=start, color=PADDING, height=0.8)
