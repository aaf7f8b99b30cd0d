"""Pictures of notebook 10: what a temperature does to a teacher's answers, and what depth costs."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from utils.compress.curves import Epoch
from utils.course.figures.base import recovery_figure
from utils.course.figures.style import MARKERS, ORANGE, SERIES, Picture, picture, plain_axes


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
        axes.plot(places, annotated, "o", markersize=8, fillstyle="none", color=ORANGE, markeredgewidth=1.8)
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
    """Time of shallow models in multiples of their layers' share; dashed: 1, if layers were all that costs.

    Args:
        times: scale -> layers -> percent of the time of the deepest.
    """
    figure = picture(9, 3.7)
    axes = figure.subplots()
    depths = sorted({depth for curve in times.values() for depth in curve})
    for colour, marker, (scale, curve) in zip(SERIES, MARKERS, times.items(), strict=False):
        multiples = [percent / (100 * depth / depths[-1]) for depth, percent in curve.items()]
        axes.plot(list(curve), multiples, marker=marker, markersize=6, color=colour, label=scale)
    axes.axhline(1, color="black", linestyle="--", linewidth=1, label="a layer, a share")
    axes.set_xticks(depths)
    axes.legend(frameon=False)
    plain_axes(
        axes, f"1: so many layers of {depths[-1]}, so much of the time", "encoder layers", "time / share of layers"
    )
    return figure


def contest_figure(curves: Mapping[str, Sequence[Epoch]], levels: Mapping[str, float]) -> Picture:
    """`recovery_figure`, enlarged to what was reached after training began; where that was, the title says.

    Args:
        curves: name -> its learning curve, from step 0 on.
        levels: as in `recovery_figure`.
    """
    figure = recovery_figure(curves, levels)
    heights = [point.f1 for curve in curves.values() for point in curve[1:]] + list(levels.values())
    margin = max(0.08 * (max(heights) - min(heights)), 0.5)
    (axes,) = figure.axes
    axes.set_ylim(min(heights) - margin, max(heights) + margin)
    starts = sorted({f"{curve[0].f1:.1f}" for curve in curves.values()}, key=float)
    axes.set_title(f"at step 0: {', '.join(starts)} points", fontsize=10.5, loc="left")
    return figure
