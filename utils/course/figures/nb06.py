"""Pictures of notebook 06: roundings, few bits, loud channels, which part suffers, and where time is saved."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from utils.course.figures.style import BLUE, MARKERS, SERIES, Picture, picture, plain_axes, plain_logarithm
from utils.measure.verdict import Estimate


def rounding_figure(values: ArrayLike, errors: Mapping[str, ArrayLike], steps: Mapping[str, ArrayLike]) -> Picture:
    """The numbers of a matrix, what rounding adds to them, and how far apart the grid points are.

    Args:
        values: the matrix.
        errors: grid -> rounded minus exact, any shape.
        steps: grid -> scale of each row, or one for all.
    """
    figure = picture(12, 3.5)
    numbers, rounding, rows = figure.subplots(1, 3)
    values = np.asarray(values)
    numbers.hist(values.ravel(), bins=80, color=BLUE)
    numbers.set_yscale("log")
    plain_axes(numbers, "the weights", "value", "how many")
    for colour, (name, error) in zip(SERIES, errors.items(), strict=False):
        rounding.hist(np.asarray(error).ravel(), bins=60, histtype="step", linewidth=1.8, color=colour, label=name)
    rounding.locator_params(axis="x", nbins=5)
    rounding.legend(frameon=False, fontsize=9, loc="upper right")
    plain_axes(rounding, "what rounding adds", "rounded minus exact", "how many")
    for colour, (name, step) in zip(SERIES, steps.items(), strict=False):
        rows.plot(
            np.sort(np.broadcast_to(np.asarray(step).ravel(), len(values))), color=colour, linewidth=1.8, label=name
        )
    rows.set_ylim(bottom=0)
    rows.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(0.02, 0.6))
    plain_axes(rows, "the step of the grid", "row of the matrix, sorted", "step")
    return figure


def channels_figure(channels: Mapping[str, Sequence[Mapping[str, float]]]) -> Picture:
    """How far the largest and the median channel of each layer's input reach, a line of each a model.

    Args:
        channels: model -> one row a layer, as `utils.studies.redundancy.largest_channels` gives it.
    """
    figure = picture(10, 3.6)
    axes = figure.subplots()
    for colour, marker, (name, rows) in zip(SERIES, MARKERS, channels.items(), strict=False):
        for channel, style in (("largest", "-"), ("median", "--")):
            reach = [row[channel] for row in rows]
            label = f"{name}, {channel}"
            axes.plot(range(1, len(rows) + 1), reach, style, marker=marker, markersize=5, color=colour, label=label)
    axes.set_yscale("log")
    plain_logarithm(axes.yaxis)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    plain_axes(axes, "channels of the layer's input", "layer", "largest absolute value")
    return figure


def bits_figure(curves: Mapping[str, Mapping[int, Estimate]]) -> Picture:
    """What weights of fewer and fewer bits do to F1, with intervals.

    Args:
        curves: grid -> bits of a weight -> F1 minus that of float32, points.
    """
    figure = picture(7.5, 3.6)
    axes = figure.subplots()
    for shift, (colour, marker, (name, line)) in enumerate(zip(SERIES, MARKERS, curves.items(), strict=False)):
        places = np.array(list(line)) - 0.08 * shift
        values, lows, highs = np.transpose(list(line.values()))
        axes.plot(places, values, marker=marker, markersize=5, color=colour, label=name)
        axes.vlines(places, lows, highs, color=colour, alpha=0.6)
    axes.axhline(0, color="black", linewidth=1)
    axes.set_xticks(sorted({bits for line in curves.values() for bits in line}))
    axes.invert_xaxis()
    axes.legend(frameon=False, loc="lower left")
    plain_axes(axes, "rounded weights, all else in float32", "bits of a weight", "F1 minus float32 (points)")
    return figure


def layers_figure(left: Mapping[str, Sequence[float]], errors: Mapping[str, Sequence[float]]) -> Picture:
    """Layer by layer: how many steps of a grid are left for what is not loud, and what each rounding does.

    Args:
        left: what shares a grid -> steps left for its median part, a number a layer.
        errors: rounding -> error of the layer's products in percent.
    """
    figure = picture(12, 3.6)
    panels = figure.subplots(1, 2)
    titles = ("steps left for the median, of 255", "error of the products (%)")
    for axes, title, lines in zip(panels, titles, (left, errors), strict=True):
        for colour, marker, (name, line) in zip(SERIES, MARKERS, lines.items(), strict=False):
            axes.plot(range(1, len(line) + 1), line, marker=marker, markersize=5, color=colour, label=name)
        axes.set_ylim(bottom=0)
        plain_axes(axes, title, "layer")
        axes.legend(frameon=False, fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    return figure


def sensitivity_figure(noises: Mapping[str, float]) -> Picture:
    """What INT8 in one part alone does to the emissions.

    Args:
        noises: part -> change of the emissions in percent, the first on top.
    """
    figure = picture(7.5, 1.2 + 0.3 * len(noises))
    axes = figure.subplots()
    bars = axes.barh(range(len(noises)), list(noises.values()), color=BLUE, height=0.6)
    axes.bar_label(bars, [f"{noise:.1f}" for noise in noises.values()], padding=3, fontsize=9)
    axes.set(yticks=range(len(noises)), yticklabels=list(noises))
    axes.set_xlim(0, 1.15 * max(*noises.values(), 1e-9))
    axes.set_ylim(len(noises) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    plain_axes(axes, "INT8 in one part alone", "noise in the emissions (%)")
    return figure


def speedup_figure(ratios: Mapping[str, Mapping[str, Mapping[int, Estimate]]]) -> Picture:
    """How many times as fast as float32, by the length of the text, with intervals; below the line it is slower.

    Args:
        ratios: title of a panel -> line -> characters -> times as fast.
    """
    figure = picture(11, 3.8)
    panels = figure.subplots(1, len(ratios), sharey=True, squeeze=False)[0]
    for axes, (title, lines) in zip(panels, ratios.items(), strict=True):
        for colour, marker, (name, line) in zip(SERIES, MARKERS, lines.items(), strict=False):
            values, lows, highs = np.transpose(list(line.values()))
            axes.plot(list(line), values, marker=marker, markersize=5, color=colour, label=name)
            axes.vlines(list(line), lows, highs, color=colour, alpha=0.6)
        axes.axhline(1, color="black", linewidth=1)
        axes.set_xticks(sorted({length for line in lines.values() for length in line}))
        plain_axes(axes, title, "characters", "times as fast as float32")
    panels[0].set_ylim(bottom=0)
    panels[0].legend(frameon=False, loc="best", fontsize=9)
    return figure
