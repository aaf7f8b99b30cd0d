"""Pictures of notebook 08: the Pareto front of the measured models, and what a search predicts."""

from collections.abc import Mapping, Sequence
from math import log10

from matplotlib.axes import Axes

from utils.course.figures.style import ENGINE_COLOURS, GREY, SERIES, Picture, label_heights, picture, plain_logarithm
from utils.engines.pareto import Choice, front
from utils.studies.cut_search import Candidate


def front_figure(
    choices: Sequence[Choice], best: Sequence[Choice], intervals: Mapping[str, tuple[float, float]]
) -> Picture:
    """F1 over time (logarithmic), the file's size as area; upper left is better. A line joins `best`, the Pareto front.

    Numbers stand at the circles, fastest first, and names beside the picture: versions of one speed lie close together.

    Args:
        intervals: of F1, low and high in points, by the name of a choice; drawn where there is one.
    """
    figure = picture(11, 5.6)
    axes = figure.subplots()
    scored = sorted((c for c in choices if c.f1 is not None), key=lambda c: c.milliseconds)
    spread = max(c.f1 for c in scored) - min(c.f1 for c in scored)
    axes.set(xscale="log", xlabel="median time (ms)", ylabel="F1 (points)")
    plain_logarithm(axes.xaxis)
    axes.margins(x=0.12, y=0.1)  # room for the largest circle
    axes.plot([c.milliseconds for c in best], [c.f1 for c in best], color=GREY, linewidth=1, zorder=0)
    heights = label_heights([(log10(c.milliseconds), c.f1) for c in scored], 0.06, max(spread, 1) / 16)
    for number, (choice, height) in enumerate(zip(scored, heights, strict=True), 1):
        low, high = intervals.get(choice.name, 2 * [choice.f1])
        axes.vlines(choice.milliseconds, low, high, color=GREY, linewidth=1, zorder=0)
        _sized(axes, choice, str(number), height)
    names = (f"{number}  {c.name}: {c.megabytes:.0f} MB" for number, c in enumerate(scored, 1))
    axes.text(1.02, 0.98, "\n".join(names), transform=axes.transAxes, va="top", fontsize=9, linespacing=1.8)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _sized(axes: Axes, choice: Choice, label: str, height: float) -> None:
    """A circle, and its number to the right of its line."""
    point = (choice.milliseconds, choice.f1)
    axes.scatter(*point, s=4 * choice.megabytes, color=ENGINE_COLOURS[choice.backend.split("-")[0]], alpha=0.6)
    place = (choice.milliseconds * 1.03, height)
    axes.annotate(label, point, place, va="center", fontsize=10)


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
