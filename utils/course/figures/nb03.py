"""Pictures of notebook 03: scores of heads beside the oracle, what is left after a cut, where heads look."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from utils.course.figures.style import BLUE, ORANGE, Picture, panel_axes, picture, plain_axes


def score_grids(scores: Mapping[str, ArrayLike]) -> Picture:
    """How each score ranks the heads: one small grid a score, layers from bottom to top, dark is high.

    Ranks, because scores have different units: only the order decides which head goes.

    Args:
        scores: name -> `(layers, heads)`; NaN, a head that is gone already, stays white.
    """
    figure, panels = panel_axes(len(scores), 2.5)
    for axes, (name, grid) in zip(panels, scores.items(), strict=False):
        ranks = _ranks(np.asarray(grid, float))
        layers, heads = ranks.shape
        extent = (0.5, heads + 0.5, 0.5, layers + 0.5)
        image = axes.imshow(ranks, cmap="cividis_r", vmin=0, vmax=100, origin="lower", extent=extent, aspect="auto")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_title(name, fontsize=10.5, loc="left")
    figure.supxlabel("head", fontsize=10)
    figure.supylabel("layer", fontsize=10)
    figure.colorbar(image, ax=panels, label="percent of the heads that score lower", shrink=0.6, aspect=30)
    return figure


def _ranks(grid: np.ndarray) -> np.ndarray:
    """Percent of the other heads that score lower, 0 to 100; NaN stays NaN."""
    present = ~np.isnan(grid)
    ranks = np.full(grid.shape, np.nan)
    ranks[present] = 100 * grid[present].argsort().argsort() / max(present.sum() - 1, 1)
    return ranks


def agreement_figure(
    agreement: Mapping[str, Mapping[str, float]],
    chance: Mapping[str, tuple[float, float]],
    itself: Mapping[str, float],
) -> Picture:
    """How well scores agree with the oracle, by several measures; the best of the first measure on top.

    Args:
        agreement: measure -> score -> value.
        chance: measure -> lowest and highest value of random scores, drawn as a grey band.
        itself: measure -> agreement of the oracle's own two halves, drawn as a dashed line.
    """
    first = next(iter(agreement.values()))
    names = sorted(first, key=first.get)
    figure = picture(11, 1.3 + 0.3 * len(names))
    panels = figure.subplots(1, len(agreement), sharey=True, squeeze=False)[0]
    for axes, (measure, values) in zip(panels, agreement.items(), strict=True):
        axes.axvspan(*chance[measure], color="#d9d9d9", label="random scores")
        axes.axvline(itself[measure], color="black", linestyle="--", linewidth=1, label="the oracle's two halves")
        axes.plot([values[name] for name in names], names, "o", color=BLUE, markersize=7)
        axes.grid(axis="y", color="#eeeeee")
        plain_axes(axes, "", measure)
    panels[0].legend(frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0, 1), fontsize=9.5)
    return figure


def contest_figure(
    ratios: Sequence[float], f1: Mapping[str, Sequence[float]], random: ArrayLike, oracle: Sequence[float]
) -> Picture:
    """F1 along the pruning curve of each score, one panel a score, over the band of random choices.

    Args:
        ratios: share of the heads that are gone at each point, 0 to 1.
        f1: score -> F1 in points at each of `ratios`.
        random: `(seeds, ratios)` F1 of random choices.
        oracle: F1 of the oracle at each of `ratios`.
    """
    figure, panels = panel_axes(len(f1), 2.1)
    percent, random = 100 * np.asarray(ratios), np.asarray(random)
    for axes, (name, values) in zip(panels, f1.items(), strict=True):
        axes.fill_between(percent, random.min(0), random.max(0), color="#cccccc", linewidth=0, label="random")
        axes.plot(percent, oracle, color="black", linestyle="--", linewidth=1, label="oracle")
        axes.plot(percent, values, "o-", color=BLUE, markersize=4, label="this score")
        axes.set(ylim=(0, 100), xlim=(0, 100))
        plain_axes(axes, name)
    panels[0].legend(frameon=False, fontsize=8.5, loc="lower left")
    figure.supxlabel("heads masked (%)", fontsize=10)
    figure.supylabel("F1 (points)", fontsize=10)
    return figure


def attention_figure(maps: Mapping[str, ArrayLike], characters: Sequence[str], named: Collection[int]) -> Picture:
    """Which position each position looks at, one panel a head; positions inside a name are drawn in orange.

    Args:
        maps: title -> `(length, length)` attention weights, from the row to the column.
        characters: what stands at each position.
        named: positions that belong to an entity.
    """
    size = min(1.2 + 0.23 * len(characters), 7.2)
    figure = picture(2 * size, size)
    panels = figure.subplots(1, len(maps), squeeze=False)[0]
    for axes, (title, weights) in zip(panels, maps.items(), strict=True):
        image = axes.imshow(np.asarray(weights), cmap="Blues", vmin=0, vmax=1)
        _name_positions(axes, characters, named)
        axes.set_xlabel("is looked at")
        axes.set_title(title, fontsize=10.5, loc="left")
    panels[0].set_ylabel("looks")
    figure.colorbar(image, ax=panels, shrink=0.7, label="attention")
    return figure


def _name_positions(axes: Axes, characters: Sequence[str], named: Collection[int]) -> None:
    places = range(len(characters))
    axes.set_xticks(places, characters, fontsize=9)
    axes.set_yticks(places, characters, fontsize=9)
    axes.tick_params(length=0)
    for place, x, y in zip(places, axes.get_xticklabels(), axes.get_yticklabels(), strict=True):
        colour = ORANGE if place in named else "black"
        x.set(color=colour, rotation=90 if len(characters[place]) > 1 else 0)
        y.set(color=colour)


def survivors_figure(gone: Mapping[str, Mapping[int, Collection[int]]], layers: int, heads: int) -> Picture:
    """Which heads are left, one small grid a choice, layers from bottom to top; blue is left, white is gone.

    Args:
        gone: title -> layer -> head numbers, both from 0.
    """
    figure, panels = panel_axes(len(gone), 2.6)
    edges = np.arange(heads + 1) + 0.5, np.arange(layers + 1) + 0.5
    for axes, (title, choice) in zip(panels, gone.items(), strict=True):
        left = np.ones((layers, heads))
        for layer, numbers in choice.items():
            left[layer, list(numbers)] = 0
        axes.pcolormesh(*edges, left, cmap="Blues", vmin=0, vmax=1.3, edgecolors="#dddddd")
        axes.set_title(title, fontsize=9.5, loc="left")
    figure.supxlabel("head", fontsize=10)
    figure.supylabel("layer", fontsize=10)
    return figure
