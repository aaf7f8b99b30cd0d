"""Linear-chain conditional random field: the log-likelihood, in torch. (The best path: `utils.tagger.viterbi`.)

A tag sequence y of length n over emissions e has the score

    s(y) = start[y_1] + sum_t e[t, y_t] + sum_t transitions[y_t-1, y_t] + end[y_n]

(Lafferty et al. 2001; the parameters and their meaning are those of pytorch-crf.) With all three
parameters at zero the field is the plain softmax tagger: every position decides alone.
"""

import numpy as np
import torch
from torch import Tensor, nn


class LinearChainCRF(nn.Module):
    """Scores of starting, ending and moving between tags, and the likelihood they give."""

    def __init__(self, num_tags: int):
        super().__init__()
        self.start_transitions = nn.Parameter(torch.zeros(num_tags))
        self.end_transitions = nn.Parameter(torch.zeros(num_tags))
        self.transitions = nn.Parameter(torch.zeros(num_tags, num_tags))

    def log_likelihood(self, emissions: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        """log p(tags | emissions) of each sequence, in nats; 0 for an empty one.

        Args:
            emissions: `(batch, length, tags)` float; positions from `lengths` on are ignored.
            tags: `(batch, length)` int64.
            lengths: `(batch,)` int64, 0 allowed.

        Returns:
            `(batch,)` float.
        """
        score = self._score(emissions, tags, lengths)
        return torch.where(lengths > 0, score - self._log_partition(emissions, lengths), 0.0)

    def _score(self, emissions: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        inside = torch.arange(tags.shape[1], device=tags.device) < lengths[:, None]
        moves = self.transitions[tags[:, :-1], tags[:, 1:]]
        last = tags.gather(1, (lengths - 1).clamp(min=0)[:, None])[:, 0]
        return (
            self.start_transitions[tags[:, 0]]
            + (emissions.gather(2, tags[..., None])[..., 0] * inside).sum(1)
            + (moves * inside[:, 1:]).sum(1)
            + self.end_transitions[last]
        )

    def _log_partition(self, emissions: Tensor, lengths: Tensor) -> Tensor:
        alpha = self.start_transitions + emissions[:, 0]
        for t in range(1, emissions.shape[1]):
            longer = torch.logsumexp(alpha[:, :, None] + self.transitions, dim=1) + emissions[:, t]
            alpha = torch.where((t < lengths)[:, None], longer, alpha)
        return torch.logsumexp(alpha + self.end_transitions, dim=1)

    def scores(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """`(start, transitions, end)` as float32 numpy arrays, for `utils.tagger.viterbi.viterbi`."""
        parameters = (self.start_transitions, self.transitions, self.end_transitions)
        return tuple(p.detach().float().cpu().numpy().copy() for p in parameters)


def compact(rows: Tensor, mask: Tensor) -> Tensor:
    """Move the rows where `mask` is true to the front of each sequence, in order.

    Word pieces that carry no label ([CLS], [SEP], continuation pieces) must not enter the CRF.

    Args:
        rows: `(batch, length, ...)`.
        mask: `(batch, length)` bool.
    """
    order = (~mask).to(torch.uint8).argsort(dim=1, stable=True)
    return rows[torch.arange(rows.shape[0], device=rows.device)[:, None], order]


def sequence_losses(crf: LinearChainCRF, emissions: Tensor, labels: Tensor) -> Tensor:
    """Negative CRF log-likelihood of each sentence, `(batch,)`, in nats.

    Args:
        labels: `(batch, length)` int64, below 0 where a position carries none.
    """
    labelled = labels >= 0
    rows, tags = compact(emissions, labelled), compact(labels.clamp(min=0), labelled)
    lengths = labelled.sum(1)
    longest = max(int(lengths.max()), 1)
    with torch.autocast(emissions.device.type, enabled=False):
        return -crf.log_likelihood(rows[:, :longest].float(), tags[:, :longest], lengths)
