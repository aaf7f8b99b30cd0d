"""Picture of notebook 08: what a search predicts."""

import math
from collections.abc import Mapping, Sequence

from utils.course.figures.style import GREY, SERIES, Picture, picture, plain_logarithm
from utils.engines.pareto import front
from utils.studies.cut_search import Candidate


def search_figure(found: Sequence[Candidate], budgets: Mapping[str, float], noise: float) -> Picture:
    """The highest F1 that a search finds within any time, one line an engine; budgets in ms as dashed lines.

    Args:
        noise: points of F1 by which two cuts may differ by chance: a budget's line is thick so far down from the
            highest point that fits.
    """
    figure = picture(11, 4.8)
    axes = figure.subplots()
    for colour, engine in zip(SERIES, dict.fromkeys(c.engine for c in found), strict=False):
        best = front([c for c in found if c.engine == engine])
        axes.step([c.milliseconds for c in best], [c.f1 for c in best], where="post", color=colour, label=engine)
    for name, budget in budgets.items():
        axes.axvline(budget, color=GREY, linestyle="--", linewidth=0.8)
        axes.text(budget, 1.01, name, transform=axes.get_xaxis_transform(), ha="center", fontsize=9)
        highest = max((c.f1 for c in found if c.milliseconds <= budget), default=math.nan)
        axes.vlines(budget, highest - noise, highest, color=GREY, linewidth=6, alpha=0.5)
    axes.set(xscale="log", xlabel="predicted time (ms)", ylabel="F1 before recovery (points)")
    plain_logarithm(axes.xaxis)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    return figure
