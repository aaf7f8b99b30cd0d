"""Pictures of notebook 02: how single calls and pairs of calls spread, and what a process holds in memory."""

from collections.abc import Mapping, Sequence

import numpy as np

from utils.course.figures.style import BLUE, ORANGE, SKY, Picture, picture, plain_axes
from utils.measure.memory import Memory
from utils.measure.verdict import Estimate


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


def pairs_figure(pairs: Sequence[float], median: Estimate) -> Picture:
    """A thing timed against itself: each pair a dot, and how sure their median is.

    Args:
        pairs: one time divided by the other, pair by pair.
        median: of the pairs, with its interval.
    """
    figure = picture(10, 2.4)
    axes = figure.subplots()
    value, low, high = (100 * (ratio - 1) for ratio in median)
    axes.axvspan(low, high, color=ORANGE, alpha=0.2, label="95 % interval of the median")
    axes.axvline(value, color=ORANGE, label="median")
    places = np.linspace(0.8, 0.2, len(pairs))
    axes.plot(100 * (np.asarray(pairs) - 1), places, "o", color=BLUE, alpha=0.8, label="a pair")
    axes.axvline(0, color="black", linewidth=1)
    axes.set(ylim=(0, 1), yticks=[])
    axes.legend(frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(0, 1.1))
    plain_axes(axes, "", "the second A slower than the first (%); pairs from top to bottom, as they came")
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
