"""Pictures of notebook 01: what the corpus holds, and what the CRF thinks of each move from tag to tag."""

from collections.abc import Mapping, Sequence

import numpy as np
import seaborn
from matplotlib.axes import Axes

from utils.course.figures.style import BLUE, ORANGE, SERIES, TYPE_COLOURS, Picture, crosses, picture, plain_axes

DOMAINS = {
    "时政": "politics", "财经": "business", "体育": "sports", "科学": "science", "文化": "culture", "法治": "law",
    "健康": "health", "交通": "transport", "教育": "education", "气象灾害": "disasters", "科技": "technology",
    "国际": "world",
}  # fmt: skip
"""The domains of the course's corpus in English."""


def corpus_figure(
    types_by_domain: Mapping[str, Mapping[str, int]],
    lengths: Sequence[int],
    traps: Mapping[str, int],
    unseen: Mapping[str, float],
) -> Picture:
    """Four looks at a corpus.

    Args:
        types_by_domain: domain -> entity type -> number of entities.
        lengths: characters of each sentence.
        traps: trap -> number of sentences.
        unseen: entity type -> percent of the test's entities whose text the training split never shows.
    """
    figure = picture(12, 7)
    domains, sentences, trapped, new = figure.subplots(2, 2, width_ratios=(1.2, 1)).ravel()
    _stacked(domains, {f"{name} {DOMAINS.get(name, '')}".strip(): row for name, row in types_by_domain.items()})
    plain_axes(domains, "What is named in which domain", "entities")
    sentences.hist(lengths, bins=range(0, max(lengths) + 5, 5), color=BLUE, edgecolor="white")
    sentences.axvline(np.median(lengths), color=ORANGE, linestyle="--")
    plain_axes(sentences, "How long the sentences are (dashed: median)", "characters", "sentences")
    _counts(trapped, traps, "{:.0f}")
    plain_axes(trapped, "Sentences written as traps, by kind", "sentences")
    _counts(new, unseen, "{:.0f} %", [TYPE_COLOURS.get(name, BLUE) for name in unseen])
    new.set_xlim(0, 109)
    plain_axes(new, "Test entities whose text training never showed", "percent")
    return figure


def _stacked(axes: Axes, counts: Mapping[str, Mapping[str, int]]) -> None:
    types = sorted({name for row in counts.values() for name in row})
    left = np.zeros(len(counts))
    for name, spare in zip(types, SERIES * len(types), strict=False):
        width = np.array([row.get(name, 0) for row in counts.values()])
        axes.barh(list(counts), width, left=left, label=name, color=TYPE_COLOURS.get(name, spare), edgecolor="white")
        left += width
    axes.invert_yaxis()
    axes.legend(ncols=len(types), frameon=False, fontsize=9, loc="upper center", bbox_to_anchor=(0.75, 1.12))


def _counts(axes: Axes, counts: Mapping[str, float], label: str, colours: Sequence[str] | str = BLUE) -> None:
    bars = axes.barh(list(counts), list(counts.values()), color=colours)
    axes.bar_label(bars, [label.format(value) for value in counts.values()], padding=3)
    axes.margins(x=0.12)
    axes.invert_yaxis()


def transition_heatmap(labels: Sequence[str], transitions: np.ndarray, legal: np.ndarray) -> Picture:
    """CRF scores of every move from tag to tag; moves that the tag scheme forbids bear a cross.

    Args:
        transitions: `(tags, tags)`, from row to column.
        legal: `(tags, tags)` bool.
    """
    figure = picture(8.2, 6.6)
    axes = figure.subplots()
    limit = float(np.abs(transitions).max()) or 1.0
    seaborn.heatmap(
        transitions, vmin=-limit, vmax=limit, cmap="PuOr_r", square=True, ax=axes, linewidths=0.5,
        xticklabels=labels, yticklabels=labels, cbar_kws={"label": "score of the move", "shrink": 0.8},
    )  # fmt: skip
    rows, columns = np.nonzero(~legal)
    crosses(axes, columns, rows)
    axes.tick_params(axis="x", rotation=90)
    axes.tick_params(axis="y", rotation=0)
    axes.set(xlabel="to", ylabel="from")
    axes.set_title("What the CRF thinks of each move (× = forbidden by BIOES)", fontsize=10.5, loc="left")
    return figure
