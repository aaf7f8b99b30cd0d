"""Which parts go: the lowest scores, of the whole network or of each layer, as original numbers by layer."""

from collections.abc import Collection

from torch import Tensor

from utils.compress.checks import check_count, check_share
from utils.model.pruned_shape import Numbers


def select_globally(scores: Tensor, count: int, protected: Collection[int] = ()) -> Numbers:
    """The `count` lowest scores of the whole network, whatever layers they are in.

    Args:
        scores: `(layers, heads)` or `(layers, neurons)`; NaN where a part is already gone.
        protected: layers from which nothing is taken.

    Raises:
        ValueError: `count` is below 0 or no whole number, fewer are left outside the protected layers, or there is
            no such layer.
    """
    check_count("count", count)
    if unknown := sorted(set(protected) - set(range(len(scores)))):
        raise ValueError(f"protected layers {unknown}: there are {len(scores)}, from 0")
    candidates = _available(scores, protected)
    if count > len(candidates):
        raise ValueError(f"{count} are to go, but only {len(candidates)} are left outside the protected layers")
    return _by_layer(candidates[:count])


def select_per_layer(scores: Tensor, ratio: float) -> Numbers:
    """The lowest `ratio` (0 to 1, rounded to whole parts) of what each layer has left.

    Args:
        scores: as in `select_globally`.

    Raises:
        ValueError: `ratio` is not from 0 to 1.
    """
    check_share("ratio", ratio)
    layers = [[] for _ in scores]
    for layer, number in _available(scores, protected=()):
        layers[layer].append((layer, number))
    return _by_layer([pair for present in layers for pair in present[: round(ratio * len(present))]])


def _available(scores: Tensor, protected: Collection[int]) -> list[tuple[int, int]]:
    """`(layer, number)` of every part that may go, lowest score first."""
    order = scores.flatten().argsort(stable=True).tolist()
    pairs = [divmod(position, scores.shape[1]) for position in order]
    return [(layer, n) for layer, n in pairs if layer not in protected and not scores[layer, n].isnan()]


def _by_layer(pairs: list[tuple[int, int]]) -> Numbers:
    chosen: Numbers = {}
    for layer, number in sorted(pairs):
        chosen.setdefault(layer, []).append(number)
    return chosen
