"""Pictures of notebook 10: what a temperature does to a teacher's answers, and what depth costs."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from utils.course.figures.style import MARKERS, SERIES, Picture, picture, plain_axes


def soft_targets_figure(
    targets: Mapping[str, ArrayLike], characters: Sequence[str], tags: Sequence[str], labels: Sequence[str]
) -> Picture:
    """The probability of every tag at every character, one panel a temperature; rings are the annotation.

    Args:
        targets: title -> `(characters, tags)` probabilities.
        labels: the annotated tag of each character.
    """
    figure = picture(12, 0.8 + 0.26 * len(tags) * len(targets))
    panels = figure.subplots(len(targets), 1, sharex=True, squeeze=False)[:, 0]
    places = range(len(characters))
    for axes, (title, probabilities) in zip(panels, targets.items(), strict=True):
        image = axes.imshow(np.asarray(probabilities).T, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        annotated = [tags.index(label) for label in labels]
        axes.plot(places, annotated, "o", markerfacecolor="none", markeredgecolor="black", markersize=7)
        axes.set_yticks(range(len(tags)), tags, fontsize=8)
        axes.set_xticks(places, characters)
        axes.tick_params(length=0)
        axes.set_title(title, fontsize=10.5, loc="left")
    figure.colorbar(image, ax=panels, shrink=0.5, label="probability")
    return figure


def entropy_figure(curves: Mapping[str, Mapping[float, float]], highest: float) -> Picture:
    """Entropy of soft targets against the temperature; dashed: every tag equally likely.

    Args:
        curves: which characters -> temperature -> nats.
        highest: nats of the uniform distribution.
    """
    figure = picture(9, 3.5)
    axes = figure.subplots()
    for colour, marker, (name, curve) in zip(SERIES, MARKERS, curves.items(), strict=False):
        axes.plot(list(curve), list(curve.values()), marker=marker, markersize=5, color=colour, label=name)
    axes.axhline(highest, color="black", linestyle="--", linewidth=1, label="all tags equally likely")
    axes.set_xscale("log")
    temperatures = list(next(iter(curves.values())))
    axes.set_xticks(temperatures, [f"{temperature:g}" for temperature in temperatures])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    plain_axes(axes, "", "temperature", "mean entropy (nats)")
    return figure


def depth_figure(times: Mapping[str, Mapping[int, float]]) -> Picture:
    """Time of shallow models in percent of the deepest; dashed: what it would be if layers were all that costs.

    Args:
        times: scale -> layers -> percent.
    """
    figure = picture(9, 3.7)
    axes = figure.subplots()
    for colour, marker, (scale, curve) in zip(SERIES, MARKERS, times.items(), strict=False):
        axes.plot(list(curve), list(curve.values()), marker=marker, markersize=6, color=colour, label=scale)
    depths = sorted({depth for curve in times.values() for depth in curve})
    line = [100 * depth / depths[-1] for depth in depths]
    axes.plot(depths, line, color="black", linestyle="--", linewidth=1, label="a layer, a share")
    axes.set_xticks(depths)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    plain_axes(axes, "", "encoder layers", f"time on the article (% of {depths[-1]} layers)")
    return figure
