"""Pictures of notebook 03: scores of heads beside the oracle, what is left after a cut, where heads look,
and what a model loses part by part."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from utils.course.figures.style import BLUE, GREY, ORANGE, SERIES, Picture, crosses, panel_axes, picture, plain_axes
from utils.measure.verdict import Estimate


def oracle_figure(damage: ArrayLike, chosen: Mapping[int, Collection[int]]) -> Picture:
    """What the loss does without each head: its rank in the grid, chosen heads crossed, and the sizes, sorted.

    Ranks, and a scale that is linear near 0 and logarithmic farther out: one head may be worth more than all others.

    Args:
        damage: `(layers, heads)`; NaN, a head that is gone already, stays white.
        chosen: layer -> head numbers, both from 0.
    """
    figure = picture(11, 4.6)
    grid, sizes = figure.subplots(1, 2, width_ratios=(1, 1.1))
    image = _draw_ranks(grid, damage)
    crossed = [(head, layer) for layer, heads in chosen.items() for head in heads]
    crosses(grid, *np.reshape(crossed, (-1, 2)).T + 0.5)
    plain_axes(grid, f"crossed: the lowest {len(crossed)}", "head", "layer")
    figure.colorbar(image, ax=grid, label="percent of the heads that score lower")
    _draw_sizes(sizes, np.sort(np.asarray(damage, float), axis=None)[::-1])
    return figure


def _draw_sizes(axes: Axes, values: np.ndarray) -> None:
    values = values[~np.isnan(values)]
    colours = [BLUE if value >= 0 else ORANGE for value in values]
    axes.bar(range(1, len(values) + 1), values, color=colours, width=1)
    middle = max(float(np.median(np.abs(values))), 1e-12)
    axes.set_yscale("symlog", linthresh=10 ** np.ceil(np.log10(middle)))  # a power of ten: no tick inside touches 0
    axes.axhline(0, color="black", linewidth=1)
    plain_axes(axes, "every head, the largest rise first", "heads, sorted", "rise of the loss (nats, logarithmic)")


def score_grids(scores: Mapping[str, ArrayLike]) -> Picture:
    """How each score ranks the heads: one small grid a score, layers from bottom to top, dark is high.

    Ranks, because scores have different units: only the order decides which head goes.

    Args:
        scores: name -> `(layers, heads)`; NaN, a head that is gone already, stays white.
    """
    figure, panels = panel_axes(len(scores), 2.5)
    for axes, (name, grid) in zip(panels, scores.items(), strict=False):
        image = _draw_ranks(axes, grid)
        axes.set_title(name, fontsize=10.5, loc="left")
    figure.supxlabel("head", fontsize=10)
    figure.supylabel("layer", fontsize=10)
    figure.colorbar(image, ax=panels, label="percent of the heads that score lower", shrink=0.6, aspect=30)
    return figure


def _draw_ranks(axes: Axes, scores: ArrayLike) -> AxesImage:
    ranks = _ranks(np.asarray(scores, float))
    layers, heads = ranks.shape
    extent = (0.5, heads + 0.5, 0.5, layers + 0.5)
    image = axes.imshow(ranks, cmap="cividis_r", vmin=0, vmax=100, origin="lower", extent=extent, aspect="auto")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    return image


def _ranks(grid: np.ndarray) -> np.ndarray:
    """Percent of the other heads that score lower, 0 to 100; NaN stays NaN."""
    present = ~np.isnan(grid)
    ranks = np.full(grid.shape, np.nan)
    ranks[present] = 100 * grid[present].argsort().argsort() / max(present.sum() - 1, 1)
    return ranks


def agreement_figure(
    agreement: Mapping[str, Mapping[str, float]],
    chance: Mapping[str, tuple[float, float]],
    oracle: Mapping[str, float],
    ceiling: Mapping[str, Mapping[str, float]],
) -> Picture:
    """How well scores agree with the oracle, by several measures; the best of the first measure on top.

    Args:
        agreement: measure -> score -> value.
        chance: measure -> lowest and highest value of random scores, drawn as a grey band.
        oracle: measure -> agreement of the oracle's own two halves, drawn as a dashed line.
        ceiling: as `agreement`: each score's own two halves, drawn as hollow points.
    """
    first = next(iter(agreement.values()))
    names = sorted(first, key=first.get)
    figure = picture(11, 1.4 + 0.3 * len(names))
    panels = figure.subplots(1, len(agreement), sharey=True, squeeze=False)[0]
    for axes, (measure, values) in zip(panels, agreement.items(), strict=True):
        axes.axvspan(*chance[measure], color="#d9d9d9", label="random scores")
        axes.axvline(oracle[measure], color="black", linestyle="--", linewidth=1, label="the oracle's two halves")
        own = [ceiling[measure][name] for name in names]
        axes.plot(own, names, "o", color=GREY, markerfacecolor="white", markersize=8, label="the score's two halves")
        axes.plot([values[name] for name in names], names, "o", color=BLUE, markersize=7, label="score and oracle")
        axes.grid(axis="y", color="#eeeeee")
        plain_axes(axes, "", measure)
    figure.legend(
        *panels[0].get_legend_handles_labels(), frameon=False, ncols=4, loc="outside upper left", fontsize=9.5
    )
    return figure


def contest_figure(
    ratios: Sequence[float], f1: Mapping[str, Sequence[float]], random: ArrayLike, oracle: Sequence[float]
) -> Picture:
    """F1 along the pruning curve of each score, one panel a score, over the band of random choices.

    The axis of F1 is logarithmic in what is missing to 100, so that good scores are seen apart.

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
        plain_axes(axes, name)
    _stretch_towards_100(panels, max(np.max(random), np.max(oracle), *(max(values) for values in f1.values())))
    panels[0].legend(frameon=False, fontsize=8.5, loc="lower left")
    figure.supxlabel("heads masked (%)", fontsize=10)
    figure.supylabel("F1 (points, stretched towards 100)", fontsize=10)
    return figure


def _stretch_towards_100(panels: Sequence[Axes], highest: float) -> None:
    """A logarithmic axis of 101 - F1, upside down, from 0 to a little above the highest F1."""
    top = min(100.0, highest + 0.3 * (100 - highest))
    for axes in panels:
        axes.set_yscale("function", functions=(lambda f1: -np.log10(np.maximum(101 - f1, 1)), lambda y: 101 - 10**-y))
        axes.set_ylim(0, top)
        axes.set_yticks([f1 for f1 in (0, 50, 80, 90, 95, 98) if f1 <= top])


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


def layers_figure(losses: Mapping[str, Mapping[str, Estimate]]) -> Picture:
    """Points of F1 lost without each single layer, a bar a model with its 95 % interval.

    Args:
        losses: model -> layer -> points lost.
    """
    figure = picture(11, 3.4)
    axes = figure.subplots()
    width = 0.8 / max(len(losses), 1)
    for number, (colour, (name, layers)) in enumerate(zip(SERIES, losses.items(), strict=False)):
        places = np.arange(len(layers)) + (number - (len(losses) - 1) / 2) * width
        axes.bar(places, [lost.value for lost in layers.values()], width, color=colour, label=name)
        axes.vlines(places, *np.transpose([(lost.low, lost.high) for lost in layers.values()]), color="black")
        axes.set_xticks(range(len(layers)), [layer.split()[-1] for layer in layers])
    axes.axhline(0, color="black", linewidth=1)
    if losses:
        axes.legend(frameon=False, ncols=len(losses), loc="lower left", bbox_to_anchor=(0, 1))
    plain_axes(axes, "", "the layer that is left out", "F1 lost (points, 95 % interval)")
    return figure


def removal_figure(
    ours: Mapping[str, Mapping[str, Mapping[float, float]]],
    published: Mapping[str, Mapping[str, Mapping[float, float]]],
) -> Picture:
    """Percent of the full score that is lost when parts go: what we found as lines, what others published in grey.

    Choices by score are filled, random ones hollow and dashed. The two panels of a row share a scale: what is lost
    after a recovery is too little to be seen on that of before.

    Args:
        ours: title of a panel -> model and way of choosing -> share that went (0 to 1) -> percent lost.
        published: the same, by the way of choosing alone, for some of the panels.
    """
    figure = picture(11, 1.5 * len(ours))
    panels = figure.subplots(len(ours) // 2, 2, sharex=True, sharey="row", squeeze=False).ravel()
    for axes, (title, lines) in zip(panels, ours.items(), strict=True):
        for way, points in published.get(title, {}).items():
            _removal_line(axes, points, GREY, "s", f"BERT-base, {way} (published)", linestyle="none")
        for number, (name, points) in enumerate(lines.items()):
            _removal_line(axes, points, SERIES[number // 2], "o", name)
        plain_axes(axes, title, "taken out (%)", "of the full score lost (%)")
    for axes in panels:
        axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
        axes.tick_params(labelbottom=True, labelleft=True)
    if panels[0].lines:
        panels[0].legend(frameon=False, fontsize=9)
    return figure


def _removal_line(
    axes: Axes, points: Mapping[float, float], colour: str, marker: str, name: str, linestyle: str | None = None
) -> None:
    by_score = "by score" in name
    axes.plot(
        [100 * share for share in points], list(points.values()), marker=marker, color=colour, label=name,
        linestyle=linestyle or ("-" if by_score else "--"), markerfacecolor=colour if by_score else "white",
    )  # fmt: skip
