"""Pictures of notebook 09: edits, confidence, waits under load, threads and processes."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

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
from utils.measure.calibration import Bin
from utils.measure.verdict import median_estimate
from utils.serving.load import PATIENCE, Load
from utils.serving.trials import Edit, Throughput

LONGEST = 1000 * PATIENCE
"""Milliseconds: the upper edge of a picture of waits, where stands what got no answer."""


def edits_figure(edits: Sequence[Edit]) -> Picture:
    """Time of each state of an edited text, analysed from nothing and with what is known already."""
    figure = picture(9, 3.5)
    axes = figure.subplots()
    numbers = range(len(edits))
    axes.plot(numbers, [edit.full for edit in edits], "s-", color=ORANGE, markersize=4, label="from nothing")
    axes.plot(numbers, [edit.incremental for edit in edits], "o-", color=BLUE, markersize=4, label="incremental")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    plain_axes(axes, "", "edits so far", "time of the analysis (ms)")
    return figure


def reliability_figure(bands: Sequence[Bin]) -> Picture:
    """Share of right entities over their confidence, with their number; on the dashed line confidence is honest."""
    figure = picture(6.5, 4.6)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1)
    axes.plot([band.confidence for band in bands], [band.right for band in bands], "o-", color=BLUE)
    for band in bands:
        place = (band.confidence, band.right)
        axes.annotate(f"{band.count}", place, (6, -12), textcoords="offset points", fontsize=9)
    axes.set(xlim=(0, 1.05), ylim=(0, 1.05))
    plain_axes(axes, "Numbers: how many entities", "mean confidence", "share that is right")
    return figure


def load_figure(curves: Mapping[str, Mapping[int, Load]], limit: float) -> Picture:
    """Wait and share of answered edits over the number of typists, one line and one bar a model.

    The wait is the median over the parts of a run (`Load.parts`), with a bar from the least to the most. A line ends
    where in most parts fewer than 95 % of the edits were answered; a cross at the top says that in one they were.

    Args:
        curves: model -> typists -> what they saw.
        limit: milliseconds, drawn as a dashed line.
    """
    figure = picture(12, 4)
    wait, answered = figure.subplots(1, 2)
    for number, (colour, marker, (name, curve)) in enumerate(zip(SERIES, MARKERS, curves.items(), strict=False)):
        style = {"color": colour, "marker": marker, "markersize": 6, "alpha": 0.85, "label": name}
        _waits(wait, curve, 1 + 0.02 * (number - (len(curves) - 1) / 2), style)
        _answered(answered, curve, (number + 0.5) / len(curves) - 0.5, 0.8 / len(curves), colour)
    wait.axhline(limit, color="black", linestyle="--", linewidth=1)
    wait.set_yscale("log")
    plain_logarithm(wait.yaxis)
    answered.set_ylim(0, 105)
    plain_axes(
        wait,
        f"Dashed: {limit:g} ms; bars: parts of a run; ×: no answer",
        "typists",
        "95 % of edits answered within (ms)",
    )
    plain_axes(answered, "The rest was shed, or typed over", "typists", "edits answered (%)")
    figure.legend(*wait.get_legend_handles_labels(), loc="outside right center", frameon=False, fontsize=9)
    return figure


def _waits(axes: Axes, curve: Mapping[int, Load], shift: float, style: Mapping[str, object]) -> None:
    """One line of waits with its bars, moved to the side by the factor `shift` so that lines do not hide each other."""
    found = {count * shift: median_estimate(load.parts(95)) for count, load in curve.items()}
    axes.plot(list(found), [wait.value for wait in found.values()], **style)
    for place, wait in found.items():
        if math.isfinite(wait.low):
            axes.vlines(place, wait.low, min(wait.high, LONGEST), color=style["color"], linewidth=1.5)
    unanswered = [place for place, wait in found.items() if math.isinf(wait.high)]
    axes.scatter(unanswered, [LONGEST] * len(unanswered), marker="x", s=60, color=style["color"], zorder=3)


def _answered(axes: Axes, curve: Mapping[int, Load], shift: float, width: float, colour: str) -> None:
    """A bar for each number of typists, beside those of the other models."""
    shares = [100 * len(load.milliseconds) / load.sent for load in curve.values()]
    axes.bar([place + 0.8 * shift for place in range(len(curve))], shares, width, color=colour)
    axes.set_xticks(range(len(curve)), list(curve))


def throughput_figure(found: Mapping[str, Throughput]) -> Picture:
    """Answers a second and memory, one bar an arrangement of processes and threads."""
    figure = picture(11, 1.2 + 0.6 * len(found))
    speed, memory = figure.subplots(1, 2, sharey=True)
    _bars(speed, [one.per_second for one in found.values()], "answers a second")
    _bars(memory, [one.megabytes for one in found.values()], "memory of all processes (MB)")
    speed.set_yticks(range(len(found)), list(found))
    speed.invert_yaxis()
    return figure


def _bars(axes: Axes, values: Sequence[float], title: str) -> None:
    bars = axes.barh(range(len(values)), values, color=BLUE, height=0.55)
    axes.bar_label(bars, fmt="%.0f", padding=4)
    axes.set_xlim(0, 1.15 * max(values))
    axes.tick_params(axis="y", length=0)
    plain_axes(axes, title)
