"""Picture of notebook 07: the plot for a decision memo."""

from collections.abc import Collection, Sequence

from matplotlib.axes import Axes

from utils.course.figures.style import ENGINE_COLOURS, GREY, Picture, label_heights, picture
from utils.engines.pareto import Choice


def decision_figure(choices: Sequence[Choice], chosen: Collection[Choice] = ()) -> Picture:
    """Time over size, one point an engine with its F1; lower left is better. Chosen ones have a ring."""
    figure = picture(11, 5.6)
    axes = figure.subplots()
    top, right = 1.15 * max(c.milliseconds for c in choices), 1.45 * max(c.megabytes for c in choices)
    axes.set(xlabel="file size (MB)", ylabel="median time (ms)", xlim=(0, right), ylim=(0, top))
    heights = label_heights([(c.megabytes, c.milliseconds) for c in choices], right / 8, top / 20)
    for choice, height in zip(choices, heights, strict=True):
        _engine_name(axes, choice, (choice.megabytes + right / 50, height))
    for choice in chosen:
        axes.plot(choice.megabytes, choice.milliseconds, "o", markersize=17, fillstyle="none", color=GREY)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _engine_name(axes: Axes, choice: Choice, label: tuple[float, float]) -> None:
    point = (choice.megabytes, choice.milliseconds)
    f1 = "F1 not measured" if choice.f1 is None else f"F1 {choice.f1:.1f}"
    axes.plot(*point, "o", color=ENGINE_COLOURS[choice.backend.split("-")[0]], markersize=8)
    line = {"arrowstyle": "-", "color": GREY, "linewidth": 0.6, "relpos": (0, 0.5)}
    axes.annotate(f"{choice.name}: {f1}", point, label, va="center", fontsize=9, arrowprops=line)
