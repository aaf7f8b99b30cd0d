"""Pictures of notebooks 07 and 08: curves of several engines, the plot for a decision memo, the Pareto front."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, ScalarFormatter

from utils.engines import Choice, front
from utils.plots import BLUE, GREEN, GREY, ORANGE, SERIES, Picture, picture, plain_logarithm
from utils.search import Candidate

ENGINE_COLOURS = {"torch": ORANGE, "onnx": BLUE, "openvino": GREEN}


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
        _engine(axes, choice, (choice.megabytes + right / 50, height))
    if chosen:
        axes.plot(chosen.megabytes, chosen.milliseconds, "o", markersize=17, fillstyle="none", color=GREY)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _engine(axes: Axes, choice: Choice, label: tuple[float, float]) -> None:
    point = (choice.megabytes, choice.milliseconds)
    f1 = "F1 not measured" if choice.f1 is None else f"F1 {choice.f1:.1f}"
    axes.plot(*point, "o", color=ENGINE_COLOURS[choice.backend.split("-")[0]], markersize=8)
    line = {"arrowstyle": "-", "color": GREY, "linewidth": 0.6, "relpos": (0, 0.5)}
    axes.annotate(f"{choice.name}: {f1}", point, label, va="center", fontsize=9, arrowprops=line)


def front_figure(choices: Sequence[Choice], best: Sequence[Choice]) -> Picture:
    """F1 over time, the file's size as area; upper left is better. A line joins `best`, the Pareto front."""
    figure = picture(11, 5.6)
    axes = figure.subplots()
    scored = [c for c in choices if c.f1 is not None]
    right, spread = 1.3 * max(c.milliseconds for c in scored), max(c.f1 for c in scored) - min(c.f1 for c in scored)
    axes.set(xlabel="median time (ms)", ylabel="F1 (points)", xlim=(0, right))
    axes.margins(y=0.1)  # room for the largest circle
    axes.plot([c.milliseconds for c in best], [c.f1 for c in best], color=GREY, linewidth=1, zorder=0)
    heights = label_heights([(c.milliseconds, c.f1) for c in scored], right / 4, max(spread, 1) / 16)
    for choice, height in zip(scored, heights, strict=True):
        _sized(axes, choice, (choice.milliseconds + right / 40, height))
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _sized(axes: Axes, choice: Choice, label: tuple[float, float]) -> None:
    point = (choice.milliseconds, choice.f1)
    axes.scatter(*point, s=4 * choice.megabytes, color=ENGINE_COLOURS[choice.backend.split("-")[0]], alpha=0.6)
    line = {"arrowstyle": "-", "color": GREY, "linewidth": 0.6, "relpos": (0, 0.5)}
    text = f"{choice.name}: {choice.megabytes:.0f} MB"
    axes.annotate(text, point, label, va="center", fontsize=9, arrowprops=line)


def search_figure(found: Sequence[Candidate], budgets: Mapping[str, float]) -> Picture:
    """The highest F1 that a search finds within any time, one line an engine; budgets in ms as dashed lines."""
    figure = picture(11, 4.8)
    axes = figure.subplots()
    for colour, engine in zip(SERIES, dict.fromkeys(c.engine for c in found), strict=False):
        best = front([c for c in found if c.engine == engine])
        axes.step([c.milliseconds for c in best], [c.f1 for c in best], where="post", color=colour, label=engine)
    for name, budget in budgets.items():
        axes.axvline(budget, color=GREY, linestyle="--", linewidth=0.8)
        axes.text(budget, 1.01, name, transform=axes.get_xaxis_transform(), ha="center", fontsize=9)
    axes.set(xscale="log", xlabel="predicted time (ms)", ylabel="F1 before recovery (points)")
    plain_logarithm(axes.xaxis)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    return figure


def label_heights(points: Sequence[tuple[float, float]], near: float, gap: float) -> list[float]:
    """Heights for the points' labels, in their order: each at its point, or `gap` above a neighbour's label.

    Args:
        points: `(x, y)`; labels of points less than `near` apart in x must not overlap.
    """
    heights: dict[int, float] = {}
    for i in sorted(range(len(points)), key=lambda i: points[i][1]):
        below = [heights[j] + gap for j in heights if abs(points[j][0] - points[i][0]) < near]
        heights[i] = max([points[i][1], *below])
    return [heights[i] for i in range(len(points))]
