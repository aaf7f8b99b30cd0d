"""Pictures of notebook 07: curves of several engines, and the plot for a decision memo."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, ScalarFormatter

from utils.course.figures.style import ENGINE_COLOURS, GREY, SERIES, Picture, label_heights, picture, plain_logarithm
from utils.engines.pareto import Choice


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


def decision_figure(choices: Sequence[Choice], chosen: Choice | None = None) -> Picture:
    """Time over size, one point an engine with its F1; lower left is better. The chosen one has a ring."""
    figure = picture(11, 5.6)
    axes = figure.subplots()
    top, right = 1.15 * max(c.milliseconds for c in choices), 1.45 * max(c.megabytes for c in choices)
    axes.set(xlabel="file size (MB)", ylabel="median time (ms)", xlim=(0, right), ylim=(0, top))
    heights = label_heights([(c.megabytes, c.milliseconds) for c in choices], right / 8, top / 20)
    for choice, height in zip(choices, heights, strict=True):
        _engine_name(axes, choice, (choice.megabytes + right / 50, height))
    if chosen:
        axes.plot(chosen.megabytes, chosen.milliseconds, "o", markersize=17, fillstyle="none", color=GREY)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _engine_name(axes: Axes, choice: Choice, label: tuple[float, float]) -> None:
    point = (choice.megabytes, choice.milliseconds)
    f1 = "F1 not measured" if choice.f1 is None else f"F1 {choice.f1:.1f}"
    axes.plot(*point, "o", color=ENGINE_COLOURS[choice.backend.split("-")[0]], markersize=8)
    line = {"arrowstyle": "-", "color": GREY, "linewidth": 0.6, "relpos": (0, 0.5)}
    axes.annotate(f"{choice.name}: {f1}", point, label, va="center", fontsize=9, arrowprops=line)
