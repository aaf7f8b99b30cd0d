"""Pictures that several notebooks show; those of one notebook stand in the module of its number.

An axis of costs starts at zero; a score is a point with its interval.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import seaborn
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from utils.compress.curves import Epoch
from utils.course.figures.style import (
    BLUE,
    MARKERS,
    ORANGE,
    SERIES,
    Picture,
    crosses,
    draw_intervals,
    ink,
    picture,
    plain_axes,
    short,
)
from utils.measure.bootstrap import percentile_interval
from utils.measure.latency import Latency


def shares_figure(parts: Mapping[str, Mapping[str, float]], unit: str) -> Picture:
    """Each model a bar of length 100 %, cut into its parts; absolute sizes are written inside.

    Args:
        parts: model -> part -> size in `unit`.
    """
    figure = picture(11, 1.1 + 0.75 * len(parts))
    axes = figure.subplots()
    for place, sizes in enumerate(parts.values()):
        left, total = 0.0, sum(sizes.values())
        for colour, size in zip(SERIES, sizes.values(), strict=False):
            share = 100 * size / total
            axes.barh(place, share, left=left, color=colour, edgecolor="white", height=0.62)
            if share > 6:
                label = f"{share:.1f} %\n{size:,.2f} {unit}"
                axes.text(left + share / 2, place, label, ha="center", va="center", color=ink(colour), fontsize=9.5)
            left += share
    plain_axes(axes, "", "share (%)")
    axes.set(yticks=range(len(parts)), yticklabels=list(parts), xlim=(0, 100))
    axes.invert_yaxis()
    names = list(next(iter(parts.values())))
    handles = [Rectangle((0, 0), 1, 1, color=colour) for colour, _ in zip(SERIES, names, strict=False)]
    axes.legend(handles, names, ncols=len(names), loc="lower left", bbox_to_anchor=(0, 1), frameon=False)
    return figure


def f1_figure(groups: Mapping[str, Mapping[str, tuple[float, float, float]]]) -> Picture:
    """F1 with its interval for several ways to divide a test set, side by side on one axis.

    Args:
        groups: title -> name -> `(f1, low, high)` in points.
    """
    figure = picture(11, 1.2 + 0.45 * max(map(len, groups.values())))
    panels = figure.subplots(1, len(groups), sharex=True, squeeze=False)[0]
    for axes, (title, intervals) in zip(panels, groups.items(), strict=True):
        draw_intervals(axes, list(intervals.values()), BLUE)
        axes.set_yticks(range(len(intervals)), intervals)
        axes.set_ylim(len(intervals) - 0.5, -0.7)
        axes.grid(axis="x", color="#e4e4e4")
        plain_axes(axes, title, "F1 (points, 95 % interval)")
    return figure


def latency_figure(latencies: Mapping[str, Latency]) -> Picture:
    """Every sample of every variant as a dot, the median as a line."""
    figure = picture(10, 1.1 + 0.6 * len(latencies))
    axes = figure.subplots()
    for place, latency in enumerate(latencies.values()):
        jitter = np.linspace(-0.18, 0.18, len(latency.samples))
        axes.plot(latency.samples, place + jitter, "o", color=BLUE, alpha=0.6, markersize=4)
        axes.plot([latency.p50] * 2, [place - 0.32, place + 0.32], color=ORANGE, linewidth=3)
        text = f"{short(latency.p50)} ms"
        axes.annotate(text, (latency.p50, place - 0.34), (0, 2), textcoords="offset points", ha="center", fontsize=9.5)
    axes.set_yticks(range(len(latencies)), latencies)
    axes.set_ylim(len(latencies) - 0.5, -0.75)
    axes.set_xlim(left=0)
    plain_axes(axes, "dots: calls; line: median", "ms")
    return figure


def head_grid(scores: ArrayLike, chosen: Mapping[int, Collection[int]], title: str) -> Picture:
    """A score of every head, layers from bottom to top as in the model; chosen heads bear a cross.

    Args:
        scores: `(layers, heads)`; NaN where a head is gone already.
        chosen: layer -> head numbers, both from 0.
    """
    grid = np.asarray(scores, float)
    figure = picture(7.6, 1.2 + 0.42 * len(grid))
    axes = figure.subplots()
    names = [range(1, size + 1) for size in grid.shape]
    seaborn.heatmap(
        grid, cmap="cividis_r", square=True, ax=axes, linewidths=0.5, xticklabels=names[1], yticklabels=names[0],
        cbar_kws={"label": "score"},
    )  # fmt: skip
    crossed = [(head, layer) for layer, heads in chosen.items() for head in heads]
    crosses(axes, *np.reshape(crossed, (-1, 2)).T)
    axes.invert_yaxis()
    axes.tick_params(axis="y", rotation=0)
    axes.set(xlabel="head", ylabel="layer")
    axes.set_title(title, fontsize=10.5, loc="left")
    return figure


def bootstrap_figure(samples: Mapping[str, np.ndarray], unit: str, zero: bool = False) -> Picture:
    """Histograms of resampled statistics under each other, each with its 95 % interval.

    Args:
        samples: name -> resampled values in `unit`.
        zero: draw a line at 0, for differences.
    """
    figure = picture(10, 0.7 + 1.5 * len(samples))
    panels = figure.subplots(len(samples), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, values), colour in zip(panels, samples.items(), SERIES, strict=False):
        low, high = percentile_interval(values)
        axes.hist(values, bins=40, color=colour, alpha=0.85)
        axes.axvspan(low, high, color=colour, alpha=0.15)
        if zero:
            axes.axvline(0, color="black", linewidth=1)
        plain_axes(axes, f"{name}: 95 % interval [{low:.2f}, {high:.2f}], width {high - low:.2f}", y="resamples")
    axes.set_xlabel(unit)
    return figure


def recovery_figure(curves: Mapping[str, Sequence[Epoch]], levels: Mapping[str, float]) -> Picture:
    """F1 on dev against steps of the optimizer; dashed: models that nobody trained here.

    Args:
        curves: recovery -> its learning curve.
        levels: model -> F1 in points.
    """
    figure = picture(10, 3.9)
    axes = figure.subplots()
    for colour, marker, (name, curve) in zip(SERIES, MARKERS, curves.items(), strict=False):
        steps, f1 = [point.step for point in curve], [point.f1 for point in curve]
        axes.plot(steps, f1, marker=marker, markersize=5, color=colour, label=name)
    for style, (name, f1) in zip(("--", ":", "-."), levels.items(), strict=False):
        axes.axhline(f1, color="black", linestyle=style, linewidth=1, label=name)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    plain_axes(axes, "", "steps of the optimizer", "F1 on dev (points)")
    return figure
