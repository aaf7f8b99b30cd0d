"""Pictures of notebook 05: what a cut broke, what data, steps and seeds give, where learning by heart begins."""

import statistics
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from utils.compress.curves import Epoch
from utils.course.figures.style import (
    BLUE,
    GREY,
    MARKERS,
    ORANGE,
    SERIES,
    Picture,
    picture,
    plain_axes,
    plain_logarithm,
)
from utils.measure.evaluation import Evaluation


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


def amounts_figure(
    curve: Mapping[int, Evaluation], besides: Mapping[str, tuple[int, Evaluation]], cut: Evaluation
) -> Picture:
    """F1 on test by the number of annotated sentences, each with its interval; dashed: the cut without recovery.

    Args:
        curve: sentences -> the model that was trained on them.
        besides: name -> sentences and model, beside the curve.
    """
    figure = picture(10, 3.9)
    axes = figure.subplots()
    _draw_with_intervals(axes, curve, "o-", BLUE, "as annotated")
    for marker, colour, (name, (count, found)) in zip(MARKERS[1:], SERIES[1:], besides.items(), strict=False):
        _draw_with_intervals(axes, {1.06 * count: found}, marker, colour, name)
    axes.axhline(cut.scores.f1, color="black", linestyle="--", linewidth=1, label="the cut")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    _logarithmic(axes, list(curve))
    plain_axes(axes, "", "annotated sentences", "F1 on test (points, 95 % interval)")
    return figure


def _draw_with_intervals(axes: Axes, curve: Mapping[float, Evaluation], style: str, colour: str, label: str) -> None:
    f1 = [found.scores.f1 for found in curve.values()]
    below = [found.scores.f1 - found.f1_low for found in curve.values()]
    above = [found.f1_high - found.scores.f1 for found in curve.values()]
    axes.errorbar(list(curve), f1, [below, above], fmt=style, color=colour, label=label, capsize=3, markersize=6)


def seeds_figure(panels: Mapping[str, Mapping[str, Mapping[int, Sequence[float]]]]) -> Picture:
    """One panel an axis, one line a method through the medians, one dot a seed.

    Args:
        panels: what the axis counts -> method -> count -> F1 of every seed, in points.
    """
    figure = picture(11, 3.9)
    places = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (counted, methods) in zip(places, panels.items(), strict=True):
        for colour, marker, (method, curve) in zip(SERIES, MARKERS, methods.items(), strict=False):
            dots = [(count, f1) for count, found in curve.items() for f1 in found]
            axes.plot(*zip(*dots, strict=True), marker, color=colour, alpha=0.45, markersize=6)
            medians = [statistics.median(found) for found in curve.values()]
            axes.plot(list(curve), medians, color=colour, marker=marker, markersize=3, label=method)
            _logarithmic(axes, list(curve))
        if methods:
            axes.legend(frameon=False, loc="lower right")
        else:
            axes.text(0.5, 0.5, "this study has not been made yet", transform=axes.transAxes, ha="center", color=GREY)
        plain_axes(axes, "dots: seeds; line: their median", counted, "F1 on test (points)")
    return figure


def _logarithmic(axes: Axes, counts: Sequence[int]) -> None:
    axes.set_xscale("log")
    plain_logarithm(axes.xaxis)
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.minorticks_off()
