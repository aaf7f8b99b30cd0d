"""Pictures of notebook 08: the Pareto front of the measured models, and what a search predicts."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from utils.course.figures.style import ENGINE_COLOURS, GREY, SERIES, Picture, label_heights, picture, plain_logarithm
from utils.engines.pareto import Choice, front
from utils.studies.cut_search import Candidate


def front_figure(
    choices: Sequence[Choice], best: Sequence[Choice], intervals: Mapping[str, tuple[float, float]]
) -> Picture:
    """F1 over time, the file's size as area; upper left is better. A line joins `best`, the Pareto front.

    Args:
        intervals: of F1, low and high in points, by the name of a choice; drawn where there is one.
    """
    figure = picture(11, 5.6)
    axes = figure.subplots()
    scored = [c for c in choices if c.f1 is not None]
    right, spread = 1.3 * max(c.milliseconds for c in scored), max(c.f1 for c in scored) - min(c.f1 for c in scored)
    axes.set(xlabel="median time (ms)", ylabel="F1 (points)", xlim=(0, right))
    axes.margins(y=0.1)  # room for the largest circle
    axes.plot([c.milliseconds for c in best], [c.f1 for c in best], color=GREY, linewidth=1, zorder=0)
    heights = label_heights([(c.milliseconds, c.f1) for c in scored], right / 4, max(spread, 1) / 16)
    for choice, height in zip(scored, heights, strict=True):
        axes.vlines(
            choice.milliseconds, *intervals.get(choice.name, 2 * [choice.f1]), color=GREY, linewidth=1, zorder=0
        )
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
