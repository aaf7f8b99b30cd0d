"""Pictures of notebook 11: confidence through compression, and F1 against time where computation adapts."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes

from utils.course.figures.style import GREY, MARKERS, SERIES, Picture, picture, plain_axes
from utils.measure.calibration import Bin
from utils.measure.verdict import Estimate


def reliability_figure(panels: Mapping[str, Mapping[str, Sequence[Bin]]]) -> Picture:
    """Share of right entities over confidence, a line a version, a panel a temperature; dashed: honest.

    Args:
        panels: title -> version -> its bins.
    """
    figure = picture(11, 4.8)
    rows = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    for axes, (title, lines) in zip(rows, panels.items(), strict=True):
        axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1)
        for number, (name, bins) in enumerate(lines.items()):
            style = {"color": SERIES[number % len(SERIES)], "marker": MARKERS[number % len(MARKERS)], "label": name}
            axes.plot([b.confidence for b in bins], [b.right for b in bins], markersize=5, alpha=0.85, **style)
        axes.set(xlim=(0, 1.05), ylim=(0, 1.05))
        plain_axes(axes, title, "mean confidence", "share that is right")
    figure.legend(*rows[0].get_legend_handles_labels(), loc="outside right center", frameon=False, fontsize=9)
    return figure


def intervals_figure(groups: Mapping[str, Mapping[str, Estimate]], zero_at: float) -> Picture:
    """Estimates with their intervals, one panel a group, the same lines in each; a vertical line at `zero_at`."""
    lines = list(next(iter(groups.values())))
    figure = picture(11, 1.2 + 0.4 * len(lines))
    panels = figure.subplots(1, len(groups), sharex=True, sharey=True, squeeze=False)[0]
    for axes, (title, estimates) in zip(panels, groups.items(), strict=True):
        for place, (value, low, high) in enumerate(estimates.values()):
            axes.plot([low, high], [place, place], color=SERIES[0], linewidth=2.5, solid_capstyle="butt")
            axes.plot(value, place, "o", color=SERIES[0], markersize=6)
        axes.axvline(zero_at, color="black", linewidth=1)
        plain_axes(axes, title, "percentage points")
    panels[0].set_yticks(range(len(lines)), lines)
    panels[0].invert_yaxis()
    return figure


class Placed(NamedTuple):
    """A version in a picture of F1 against time: milliseconds, and F1 with its interval."""

    milliseconds: float
    f1: float
    low: float
    high: float


def time_figure(scales: Mapping[str, Mapping[str, Sequence[Placed]]]) -> Picture:
    """F1 over time, a panel a scale, a line a family of versions, each point with the interval of its F1.

    Args:
        scales: title -> family -> its points.
    """
    figure = picture(12, 4.6)
    panels = figure.subplots(1, len(scales), sharey=True, squeeze=False)[0]
    for axes, (title, families) in zip(panels, scales.items(), strict=True):
        for number, (name, points) in enumerate(families.items()):
            _line(axes, sorted(points), SERIES[number % len(SERIES)], MARKERS[number % len(MARKERS)], name)
        axes.set_xlim(left=0)
        plain_axes(axes, title, "ms for a sentence", "F1 on test (points, 95 % interval)")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", frameon=False, fontsize=9)
    return figure


def _line(axes: Axes, points: Sequence[Placed], colour: str, marker: str, name: str) -> None:
    x, y = [p.milliseconds for p in points], [p.f1 for p in points]
    axes.plot(x, y, marker=marker, color=colour, markersize=6, label=name)
    axes.vlines(x, [p.low for p in points], [p.high for p in points], color=colour, alpha=0.4, linewidth=2)


def shares_figure(
    families: Mapping[str, Sequence[tuple[float, float]]], levels: Mapping[str, float], label: str
) -> Picture:
    """F1 over a share of something, a line a family; dashed: what stands beside it.

    Args:
        families: name -> `(share, f1)`, share 0 to 1.
        levels: name -> F1 in points.
        label: what the share is of.
    """
    figure = picture(10, 3.9)
    axes = figure.subplots()
    for colour, marker, (name, points) in zip(SERIES, MARKERS, families.items(), strict=False):
        shares, f1 = zip(*sorted(points), strict=True)
        axes.plot([100 * share for share in shares], f1, marker=marker, color=colour, markersize=5, label=name)
    for style, (name, f1) in zip(("--", ":", "-."), levels.items(), strict=False):
        axes.axhline(f1, color="black", linestyle=style, linewidth=1, label=name)
    axes.set_xlim(-2, 103)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    plain_axes(axes, "", f"{label} (%)", "F1 (points)")
    return figure


def work_figure(families: Mapping[str, Sequence[tuple[float, Estimate]]], margin: float) -> Picture:
    """What F1 loses or gains over the share of the work that is left, a line a family, each point with its interval.

    Args:
        families: name -> `(share, change of F1 in points)`, share 0 to 1.
        margin: points that may be lost, drawn as a dashed line.
    """
    figure = picture(10, 3.9)
    axes = figure.subplots()
    for colour, marker, (name, points) in zip(SERIES, MARKERS, families.items(), strict=False):
        ordered = sorted(points)
        shares, changes = [100 * share for share, _ in ordered], [change for _, change in ordered]
        axes.plot(shares, [c.value for c in changes], marker=marker, color=colour, markersize=5, label=name)
        axes.vlines(shares, [c.low for c in changes], [c.high for c in changes], color=colour, alpha=0.5, linewidth=2)
    axes.axhline(0, color=GREY, linewidth=1)
    axes.axhline(-margin, color="black", linestyle="--", linewidth=1, label=f"{margin:g} lost")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    plain_axes(axes, "", "multiply-adds of the layers that are left (%)", "change of F1 (points, 95 % interval)")
    return figure
