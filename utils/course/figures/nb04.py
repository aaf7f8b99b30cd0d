"""Pictures of notebook 04: what a cut saves, where it is made, what it costs, and what is left of time and size."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch, Rectangle
from numpy.typing import ArrayLike
from scipy.stats import rankdata
from transformers import BertConfig

from utils.course.figures.base import head_grid
from utils.course.figures.style import BLUE, GREY, MARKERS, ORANGE, SERIES, Picture, picture, plain_axes
from utils.model.pruned_shape import head_size


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


def rank_grid(scores: ArrayLike, chosen: Mapping[int, Collection[int]], title: str) -> Picture:
    """`head_grid` of the scores' ranks, 1 for the lowest: sizes of scores may lie powers of ten apart.

    Args:
        scores, chosen: as in `head_grid`.
    """
    grid = np.asarray(scores, float)
    ranks = rankdata(grid, axis=None, nan_policy="omit").reshape(grid.shape)
    figure = head_grid(ranks, chosen, title)
    figure.axes[1].set_ylabel("rank (1: the lowest score)")
    return figure


class Matrix(NamedTuple):
    """One weight matrix of a layer: `(rows, columns)`, of which some go, and how many numbers its bias has.

    `x`, `y` is its upper left corner, in rows and columns of the drawing.
    """

    name: str
    x: float
    y: float
    rows_gone: np.ndarray
    columns_gone: np.ndarray

    def cut(self) -> "Matrix":
        """The same matrix after the surgery, at the same place."""
        return self._replace(rows_gone=_staying(self.rows_gone), columns_gone=_staying(self.columns_gone))


def _staying(gone: np.ndarray) -> np.ndarray:
    return gone[~gone]


def surgery_figure(config: BertConfig, heads: Collection[int], neurons: Collection[int]) -> Picture:
    """The six matrices of one layer before and after a cut, all to one scale; what goes is orange.

    Args:
        config: of a model that is whole.
        heads, neurons: those that go, counted from 0.
    """
    matrices = _layer(config, heads, neurons)
    figure = picture(12, 4.8)
    before, after = figure.subplots(1, 2)
    whole = f"{config.num_attention_heads} heads and {config.intermediate_size:,} neurons"
    _draw_layer(before, f"before: of {whole}, {len(heads)} and {len(neurons):,} are to go", matrices, matrices)
    _draw_layer(after, "after: the dashed lines are the old sizes", matrices, [matrix.cut() for matrix in matrices])
    handles = [Patch(color=colour, label=name) for name, colour in (("stays", BLUE), ("goes", ORANGE))]
    before.legend(handles=handles, loc="lower left", frameon=False)
    return figure


def _layer(config: BertConfig, heads: Collection[int], neurons: Collection[int]) -> list[Matrix]:
    """Attention's matrices in a row, W_2 below them, W_1 to their right."""
    hidden = config.hidden_size
    all_stay = np.zeros(hidden, bool)
    features = np.repeat(np.isin(np.arange(config.num_attention_heads), list(heads)), head_size(config))
    fired = np.isin(np.arange(config.intermediate_size), list(neurons))
    step, below = 1.22 * hidden, 1.75 * hidden
    makers = [Matrix(name, i * step, 0, features, all_stay) for i, name in enumerate(("W_q", "W_k", "W_v"))]
    beside = max(4 * step, len(fired) + step - hidden)
    return [
        *makers,
        Matrix("W_o", 3 * step, 0, all_stay, features),
        Matrix("W_1", beside, 0, fired, all_stay),
        Matrix("W_2", 0, below, all_stay, fired),
    ]


def _draw_layer(axes: Axes, title: str, whole: list[Matrix], matrices: list[Matrix]) -> None:
    """`matrices` as they are now, inside the frames that they had when they were `whole`."""
    for old, matrix in zip(whole, matrices, strict=True):
        gone = matrix.rows_gone[:, None] | matrix.columns_gone
        extent = (matrix.x, matrix.x + gone.shape[1], matrix.y + gone.shape[0], matrix.y)
        axes.add_patch(_frame(old, edgecolor=GREY, linestyle="--"))
        axes.imshow(gone, cmap=ListedColormap([BLUE, ORANGE]), vmin=0, vmax=1, extent=extent, interpolation="nearest")
        axes.add_patch(_frame(matrix, edgecolor="black"))
        axes.annotate(matrix.name, (old.x, old.y), (0, 3), textcoords="offset points", fontsize=10)
        shape = f"{gone.shape[0]:,} × {gone.shape[1]:,}\nbias {gone.shape[0]:,}"
        below = old.x, old.y + len(old.rows_gone)
        axes.annotate(shape, below, (0, -3), textcoords="offset points", fontsize=8.5, va="top")
    width, height = np.max([(m.x + len(m.columns_gone), m.y + len(m.rows_gone)) for m in whole], axis=0)
    axes.set(xlim=(-0.02 * width, 1.06 * width), ylim=(1.16 * height, -0.12 * height), aspect="equal")
    axes.set_axis_off()
    axes.set_title(title, fontsize=10.5, loc="left")


def _frame(matrix: Matrix, **style) -> Rectangle:
    size = len(matrix.columns_gone), len(matrix.rows_gone)
    return Rectangle((matrix.x, matrix.y), *size, fill=False, linewidth=0.8, **style)


def loss_curves(
    curves: Mapping[str, Mapping[float, tuple[float, float, float]]], marked: Mapping[str, float], allowed: float
) -> Picture:
    """F1 against the untouched model along pruning curves, each with the band of its 95 % interval.

    The left panel shows all, the right one the same around the allowed loss.

    Args:
        curves: what is removed -> ratio (0 to 1) -> `(difference, low, high)` in points, paired.
        marked: name -> ratio, drawn as a vertical line.
        allowed: loss in points, drawn as a horizontal line.
    """
    figure = picture(12, 3.9)
    panels = figure.subplots(1, 2, sharex=True)
    for axes in panels:
        _draw_losses(axes, curves, marked, allowed)
    panels[1].set_ylim(-4 * allowed, 2 * allowed)
    panels[1].legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    plain_axes(panels[0], "without retraining (band: 95 % interval)", "removed (%)", "F1 against untouched (points)")
    plain_axes(panels[1], "the same, enlarged", "removed (%)")
    return figure


def _draw_losses(axes: Axes, curves: Mapping, marked: Mapping[str, float], allowed: float) -> None:
    for colour, marker, (name, curve) in zip(SERIES, MARKERS, curves.items(), strict=False):
        percent, (lost, low, high) = 100 * np.array(list(curve)), np.array(list(curve.values())).T
        axes.plot(percent, lost, marker=marker, markersize=5, color=colour, label=name)
        axes.fill_between(percent, low, high, color=colour, alpha=0.18, linewidth=0)
    axes.axhline(-allowed, color=GREY, linewidth=1, label=f"{allowed} points less")
    for style, (name, ratio) in zip(("--", ":", "-."), marked.items(), strict=False):
        axes.axvline(100 * ratio, color="black", linestyle=style, linewidth=1, label=f"{name}: {100 * ratio:.0f} %")


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
