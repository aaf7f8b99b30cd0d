"""Pictures of notebook 05: what a cut broke, and where learning by heart begins."""

from collections.abc import Mapping, Sequence

from utils.compress.curves import Epoch
from utils.course.figures.style import BLUE, GREY, MARKERS, ORANGE, SERIES, Picture, picture, plain_axes


def error_profile_figure(damages: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Picture:
    """One panel a question, one line a model, one dot a group.

    Args:
        damages: model -> title of a panel -> group -> value, as `measure.error_analysis.error_profile` gives
            them; every model has the same panels and groups.
    """
    panels = next(iter(damages.values()))
    figure = picture(12, 1.7 + 0.32 * len(damages))
    places = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (title, groups) in zip(places, panels.items(), strict=True):
        axes.grid(axis="y", color="#eeeeee")
        for colour, marker, group in zip(SERIES, MARKERS, groups, strict=False):
            values = [panel[title][group] for panel in damages.values()]
            axes.plot(values, list(damages), marker, color=colour, label=group, markersize=7)
        axes.legend(frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0, 1), fontsize=9.5)
        plain_axes(axes, "", title)
    axes.invert_yaxis()
    return figure


def overfitting_figure(curve: Sequence[Epoch], kept: Epoch) -> Picture:
    """Training loss above, F1 on dev below, by steps of the optimizer; the dashed line is the point that is kept.

    Args:
        curve: points of a training; a loss that is NaN is not drawn.
    """
    figure = picture(10, 4.6)
    above, below = figure.subplots(2, 1, sharex=True)
    steps = [point.step for point in curve]
    above.plot(steps, [point.loss for point in curve], "o-", color=ORANGE, markersize=4)
    above.set_ylim(bottom=0)
    below.plot(steps, [point.f1 for point in curve], "o-", color=BLUE, markersize=4)
    for axes in (above, below):
        axes.axvline(kept.step, color=GREY, linestyle="--", linewidth=1)
    plain_axes(above, "", y="training loss (nats a character)")
    plain_axes(below, "", "steps of the optimizer", "F1 on dev (points)")
    return figure
