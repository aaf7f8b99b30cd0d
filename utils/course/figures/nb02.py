"""TODO course.figures.nb02."""

from collections.abc import Mapping, Sequence

import numpy as np

from utils.course.figures.base import BLUE, ORANGE, SERIES, SKY, Picture, picture, plain_axes
from utils.measure.memory import Memory


def samples_figure(samples: Sequence[float], title: str) -> Picture:
    """One call after another, and how the calls spread, with median and mean.

    Args:
        samples: milliseconds, in the order in which they were taken.
    """
    figure = picture(11, 3.2)
    order, spread = figure.subplots(1, 2, width_ratios=(1.6, 1))
    order.plot(range(1, len(samples) + 1), samples, "o", color=BLUE, markersize=3.5, alpha=0.8)
    plain_axes(order, title, "call", "ms")
    order.set_ylim(0, 1.08 * max(samples))
    spread.hist(samples, bins=30, color=SKY, edgecolor="white")
    median, mean = np.median(samples), np.mean(samples)
    spread.axvline(median, color=ORANGE, label=f"median {median:.2f} ms")
    spread.axvline(mean, color="black", linestyle="--", label=f"mean {mean:.2f} ms")
    spread.legend(frameon=False)
    plain_axes(spread, "the same calls, sorted into bins", "ms", "calls")
    return figure


def memory_figure(memories: Mapping[str, Memory]) -> Picture:
    """Peak memory of each variant's own process, split into what the imports held and the rest."""
    figure = picture(10, 1.2 + 0.55 * len(memories))
    axes = figure.subplots()
    names, base = list(memories), [memory.baseline for memory in memories.values()]
    rest = [memory.peak - memory.baseline for memory in memories.values()]
    axes.barh(names, base, color="#bdbdbd", label="Python and libraries", height=0.55)
    bars = axes.barh(names, rest, left=base, color=BLUE, label="model and its work", height=0.55)
    axes.bar_label(bars, [f"{memory.peak:,.0f} MB" for memory in memories.values()], padding=4)
    axes.margins(x=0.14)
    axes.invert_yaxis()
    axes.legend(frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0, 1.02))
    plain_axes(axes, "", "peak memory of a fresh process (MB)")
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
        low, high = np.percentile(values, [2.5, 97.5])
        axes.hist(values, bins=40, color=colour, alpha=0.85)
        axes.axvspan(low, high, color=colour, alpha=0.15)
        if zero:
            axes.axvline(0, color="black", linewidth=1)
        plain_axes(axes, f"{name}: 95 % within [{low:.2f}, {high:.2f}], width {high - low:.2f}", y="resamples")
    axes.set_xlabel(unit)
    return figure
