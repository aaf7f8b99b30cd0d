"""Targets follow the cubic; each step prunes what the last recovery left."""

import copy
import random

import pytest
import torch
from tiny_models import (
    random_raner,
    random_rows,
    stack,
)

from utils.compress.importance.gradients import michel_per_example, neuron_importance
from utils.compress.pruning.remove import prune_heads, prune_neurons
from utils.compress.pruning.select import select_globally
from utils.compress.recovery.gradual import gradual_recovery, gradual_targets
from utils.model.pruned_shape import Size, pruning_map, size_of


def test_gradual_follows_the_cubic_and_ends_at_the_target():
    start, final = Size(144, 9216), Size(72, 3072)
    steps = gradual_targets(start, final, 4)
    for t, found in enumerate(steps, 1):
        for s0, sf, value in zip(start, final, found, strict=True):  # in sparsities, as the paper writes it
            sparsity = (1 - sf / s0) + (0 - (1 - sf / s0)) * (1 - t / 4) ** 3
            assert value == pytest.approx(s0 * (1 - sparsity), abs=0.51)
    assert steps[-1] == final and len(steps) == 4


@pytest.mark.parametrize("final, steps", [(Size(5, 1), 0), (Size(9, 1), 2), (Size(1, 50), 2)])
def test_schedule_that_goes_nowhere_is_refused(final, steps):
    with pytest.raises(ValueError, match="at least one step"):
        gradual_targets(Size(8, 40), final, steps)


@pytest.mark.parametrize("final", [Size(-1, 1), Size(1, -40)])
def test_case_29_less_than_nothing_cannot_be_left(final):
    with pytest.raises(ValueError, match="wanted a whole number, 0 or more"):
        gradual_targets(Size(8, 40), final, 2)


def cut_down(model, target):
    now = size_of(model)
    batches = stack(random_rows(model), 5)
    fewer = prune_heads(model, select_globally(michel_per_example(model, batches), now.heads - target.heads))
    return prune_neurons(fewer, select_globally(neuron_importance(fewer, batches), now.neurons - target.neurons))


def test_gradual_recovery_prunes_what_is_left_and_recovers_in_between():
    original, draw, maps = random_raner(), random.Random(0), []

    def recover(model, step):
        maps.append((step, pruning_map(model.config)))
        shaken = copy.deepcopy(model)
        with torch.no_grad():
            for parameter in shaken.parameters():
                parameter += 0.1 * draw.random()
        return shaken

    targets = gradual_targets(size_of(original), Size(3, 12), 3)
    final = gradual_recovery(original, targets, cut_down, recover)
    assert [step for step, _ in maps] == [1, 2, 3]
    assert [(sum(map(len, m.heads)), sum(map(len, m.neurons))) for _, m in maps] == targets
    assert size_of(final) == Size(3, 12)
    for (_, earlier), (_, later) in zip(maps, maps[1:], strict=False):
        for part in ("heads", "neurons"):
            pairs = zip(getattr(earlier, part), getattr(later, part), strict=True)
            assert all(set(b) <= set(a) for a, b in pairs)


def test_pruner_that_misses_its_target_is_caught():
    with pytest.raises(ValueError, match=r"step 1: Size\(heads=4, neurons=10\) was to be left"):
        gradual_recovery(random_raner(), [Size(4, 10)], lambda m, *_: m, lambda m, _: m)
