"""Gradual pruning: a cut in several steps, with a recovery after each, so that later steps see what is needed."""

from collections.abc import Callable, Sequence

from utils.compress.checks import check_count
from utils.model.pruned_shape import Size, size_of
from utils.model.raner import RanerModel


def gradual_targets(start: Size, final: Size, steps: int) -> list[Size]:
    """What is left after each step, fast at first and slowly towards the end: final + (start - final) (1 - t/n)^3.

    Source: Zhu and Gupta 2017, "To prune, or not to prune", equation 1, for parts left instead of sparsity.

    Raises:
        ValueError: no step, or `final` is more than `start`, or below 0.
    """
    check_count("heads", final.heads)
    check_count("neurons", final.neurons)
    if steps < 1 or final.heads > start.heads or final.neurons > start.neurons:
        raise ValueError(f"from {start} to {final} in {steps} steps: pruning takes at least one step, and never adds")
    shares = [(1 - step / steps) ** 3 for step in range(1, steps + 1)]
    return [Size(*(round(f + (s - f) * share) for s, f in zip(start, final, strict=True))) for share in shares]


def gradual_recovery(
    model: RanerModel,
    targets: Sequence[Size],
    prune: Callable[[RanerModel, Size], RanerModel],
    recover: Callable[[RanerModel, int], RanerModel],
) -> RanerModel:
    """Prune to the next target, recover, and again: later cuts see what the recovered model needs.

    Args:
        targets: what is to be left after each step, as `gradual_targets` plans it.
        prune: `(model, target) -> model`; scores are to be computed anew inside.
        recover: `(model, step) -> model`, `step` from 1; give each step a directory of its own.

    Raises:
        ValueError: `prune` left another number of heads or neurons than asked.
    """
    for step, target in enumerate(targets, 1):
        model = prune(model, target)
        if size_of(model) != target:
            raise ValueError(f"step {step}: {target} was to be left, but prune left {size_of(model)}")
        model = recover(model, step)
    return model
