"""Random fields, and what enumeration of every tag sequence says of them."""

from itertools import product

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from utils.model.crf import LinearChainCRF


def random_crf(tags: int, seed: int) -> LinearChainCRF:
    generator = torch.Generator().manual_seed(seed)
    crf = LinearChainCRF(tags).double()
    for parameter in crf.parameters():
        parameter.data.normal_(generator=generator)
    return crf


def random_batch(lengths: list[int], tags: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed + 1)
    shape = (len(lengths), max(*lengths, 1))
    emissions = torch.randn(*shape, tags, generator=generator, dtype=torch.float64)
    return emissions, torch.randint(tags, shape, generator=generator), torch.tensor(lengths)


def parameters(crf: LinearChainCRF) -> list[np.ndarray]:
    return [p.detach().numpy() for p in (crf.start_transitions, crf.transitions, crf.end_transitions)]


def path_score(crf: LinearChainCRF, emissions: np.ndarray, path: tuple[int, ...]) -> float:
    """The definition in the module's docstring, term by term."""
    start, transitions, end = (
        p.detach().numpy() for p in (crf.start_transitions, crf.transitions, crf.end_transitions)
    )
    score = start[path[0]] + end[path[-1]]
    score += sum(emissions[t, tag] for t, tag in enumerate(path))
    return score + sum(transitions[a, b] for a, b in zip(path, path[1:], strict=False))


def all_scores(crf: LinearChainCRF, emissions: np.ndarray) -> dict[tuple[int, ...], float]:
    length, tags = emissions.shape
    return {path: path_score(crf, emissions, path) for path in product(range(tags), repeat=length)}


shapes = given(
    lengths=st.lists(st.integers(0, 5), min_size=1, max_size=4), tags=st.integers(1, 4), seed=st.integers(0, 2**31)
)
