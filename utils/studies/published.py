"""What pruning costs a real BERT, as others published it, to stand beside our own curves.

A small model may make pruning look cheap. So no price of ours is shown alone.
"""

from typing import NamedTuple


class PublishedCut(NamedTuple):
    """BERT-base without a share of its heads (0 to 1): a task's own score in points, mean of five seeds.

    `cut` is the score before, `retrained` the one after training again; both once more for random heads.
    """

    task: str
    removed: float
    full: float
    cut: float
    retrained: float
    random_cut: float
    random_retrained: float


PRASANNA = (
    PublishedCut("MNLI", 0.51, 84.5, 78.0, 83.0, 74.1, 82.8),
    PublishedCut("QNLI", 0.47, 91.5, 84.7, 90.6, 76.8, 89.8),
    PublishedCut("QQP", 0.62, 90.9, 83.5, 90.4, 76.5, 90.0),
    PublishedCut("SST-2", 0.72, 92.6, 85.5, 91.6, 73.9, 90.1),
    PublishedCut("STS-B", 0.76, 88.7, 81.6, 87.3, 46.1, 82.9),
    PublishedCut("MRPC", 0.525, 83.9, 77.8, 81.4, 70.1, 75.7),
)
"""Heads chosen by a score of Michel's kind, until a tenth of the score is lost.

Source: Prasanna et al. 2020, "When BERT Plays the Lottery, All Tickets Are Winning", computed from the authors'
files (https://github.com/sai-prasanna/bert-experiments).
"""


def published_panels() -> dict[str, dict[str, dict[float, float]]]:
    """`PRASANNA` as `utils.studies.redundancy.loss_panels` shows what we found: percent of the full score lost."""

    def lost(score: str) -> dict[float, float]:
        return {cut.removed: 100 * (1 - getattr(cut, score) / cut.full) for cut in PRASANNA}

    return {
        "heads, nothing trained": {"by score": lost("cut"), "at random": lost("random_cut")},
        "heads, recovered": {"by score": lost("retrained"), "at random": lost("random_retrained")},
    }
