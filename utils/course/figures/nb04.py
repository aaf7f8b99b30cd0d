"""Pictures of notebook 04: what a cut saves, what it costs, and what is left of time and size."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from utils.course.figures.style import MARKERS, SERIES, Picture, picture, plain_axes


def savings_figure(
    savings: Mapping[str, Mapping[str, Mapping[float, float]]], promised: Mapping[str, float]
) -> Picture:
    """What goes with a growing share of each part of a model; dashed: what somebody promised.

    Args:
        savings: title of a panel -> part -> percent of that part removed -> percent of the model saved.
        promised: title of a panel -> percent of the model.
    """
    figure = picture(11, 3.9)
    panels = figure.subplots(1, len(savings), sharey=True, squeeze=False)[0]
    for axes, (title, parts) in zip(panels, savings.items(), strict=True):
        _curves(axes, parts)
        axes.axhline(promised[title], color="black", linestyle="--", linewidth=1)
        axes.annotate("promised", (100, promised[title]), (0, 3), textcoords="offset points", ha="right", fontsize=9)
        plain_axes(axes, title, "of that part removed (%)", "saved (%)")
    panels[0].set_ylim(bottom=0)
    panels[0].legend(frameon=False)
    return figure


def _curves(axes: Axes, curves: Mapping[str, Mapping[float, float]]) -> None:
    for colour, marker, (name, curve) in zip(SERIES, MARKERS, curves.items(), strict=False):
        axes.plot(list(curve), list(curve.values()), marker=marker, markersize=4.5, color=colour, label=name)


def f1_curves(curves: Mapping[str, Mapping[float, tuple[float, float, float]]], marked: Mapping[str, float]) -> Picture:
    """F1 along pruning curves, each with the band of its 95 % interval.

    Args:
        curves: what is removed -> ratio (0 to 1) -> `(f1, low, high)` in points.
        marked: name -> ratio, drawn as a vertical line.
    """
    figure = picture(12, 3.9)
    axes = figure.subplots()
    for colour, marker, (name, curve) in zip(SERIES, MARKERS, curves.items(), strict=False):
        percent, (f1, low, high) = 100 * np.array(list(curve)), np.array(list(curve.values())).T
        axes.plot(percent, f1, marker=marker, markersize=5, color=colour, label=name)
        axes.fill_between(percent, low, high, color=colour, alpha=0.18, linewidth=0)
    for style, (name, ratio) in zip(("--", ":", "-."), marked.items(), strict=False):
        axes.axvline(100 * ratio, color="black", linestyle=style, linewidth=1, label=f"{name}: {100 * ratio:.0f} %")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    plain_axes(axes, "without retraining (band: 95 % interval)", "removed (%)", "F1 (points)")
    return figure


def left_figure(left: Mapping[str, Mapping[str, Mapping[float, float]]]) -> Picture:
    """What is left of each cost along a pruning curve.

    Args:
        left: title of a panel -> curve -> ratio (0 to 1) -> percent of the unpruned model.
    """
    figure = picture(12, 3.6)
    panels = figure.subplots(1, len(left), sharey=True, squeeze=False)[0]
    for axes, (title, curves) in zip(panels, left.items(), strict=True):
        _curves(axes, {name: {100 * ratio: v for ratio, v in curve.items()} for name, curve in curves.items()})
        plain_axes(axes, title, "heads removed (%)", "left (%)")
    panels[0].set_ylim(bottom=0)
    panels[0].legend(frameon=False, loc="lower left")
    return figure
