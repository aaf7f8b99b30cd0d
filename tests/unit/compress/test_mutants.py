"""Would the checks notice? Each mutant is a module with one small mistake in its head arithmetic; none survives.

The checks share no code with what they check: a head is taken out by writing zeros into its columns of
the output matrix, parameters and multiply-adds are counted on the model, slopes are finite differences.
"""

import inspect
import sys
import types

import pytest
import torch
from tiny_models import emissions, multiply_adds, parameters, random_raner, random_rows, slope, stack, summed_loss

from utils.compress import gates
from utils.compress.importance import gradients, oracle
from utils.compress.pruning import cost, remove, select
from utils.model import pruned_shape

LAYERS, HEADS, SIZE = 2, 4, 6
GONE = {0: [1], 1: [0, 3]}
FACTORS = torch.tensor([[0.0, 1.0, 0.5, 2.0], [1.0, 0.25, 1.0, 0.0]])
KILLED = (AssertionError, ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)


def close(found, truth):
    torch.testing.assert_close(found, truth, rtol=0, atol=1e-5)


def rescaled(factors):
    """The model with factors `(layers, heads)` on the columns that mix the heads."""
    model = random_raner()
    for layer, row in zip(model.bert.encoder.layer, factors, strict=True):
        layer.attention.output.dense.weight.data *= row.repeat_interleave(SIZE)
    return model


def without(gone):
    return rescaled(
        torch.tensor([[float(h not in gone.get(layer, ())) for h in range(HEADS)] for layer in range(LAYERS)])
    )


def check_removal(module):
    model = random_raner()
    (batch,) = stack(random_rows(model), 5)
    truth, removed = emissions(without(GONE), batch), module.prune_heads(model, GONE)
    close(emissions(removed, batch), truth)
    close(emissions(module.prune_heads(module.prune_heads(model, {1: [0]}), {0: [1], 1: [3]}), batch), truth)
    with module.masked_heads(model, GONE):
        close(emissions(model, batch), truth)


def check_cost(module):
    model = random_raner()
    for gone in ({}, GONE):
        removed = remove.prune_heads(model, gone)
        found = module.predict_cost(model.config, pruned_shape.pruning_map(removed.config), length=7)
        assert (found.parameters, found.multiply_adds) == (parameters(removed), multiply_adds(removed, 7))
        assert found.bytes == 4 * found.parameters


def check_selection(module):
    scores = torch.tensor([[0.5, 0.1, 0.9, 0.3], [0.2, 0.8, torch.nan, 0.6]])
    assert module.select_globally(scores, 3) == {0: [1, 3], 1: [0]}
    assert module.select_per_layer(scores, 0.5) == {0: [1, 3], 1: [0, 3]}


def check_gates(module):
    model = random_raner()
    (batch,) = stack(random_rows(model), 5)
    truth, sites = emissions(rescaled(FACTORS), batch), module.head_sites(model)
    with module.gated(sites.projections, list(FACTORS)):
        close(emissions(model, batch), truth)
    assert (sites.width, sites.kept) == (HEADS, [list(range(HEADS))] * LAYERS)


def slopes(model, rows):
    """`(sentences, layers, heads)`; 0 for heads whose columns are zero."""
    weights = [layer.attention.output.dense.weight for layer in model.bert.encoder.layer]
    columns = [slice(h * SIZE, (h + 1) * SIZE) for h in range(HEADS)]
    return torch.tensor([[[slope(model, row, w, c) for c in columns] for w in weights] for row in rows])


def check_scores(module):
    model = random_raner().double()
    rows = random_rows(model, lengths=(6, 4, 5))
    batches, truth = stack(rows, 2), slopes(model, rows)
    characters = sum(int((labels >= 0).sum()) for _, labels in rows)
    close(module.taylor(model, batches).float(), -truth.sum(0) / characters)
    close(module.michel_per_example(model, batches).float(), truth.abs().sum(0) / characters)
    close(module.fisher(model, batches).float(), truth.square().mean(0))


def check_places(module):
    """Scores of a pruned model stand under the original numbers of its heads; the oracle is literal removal."""
    model = remove.prune_heads(random_raner(), GONE).double()
    rows = random_rows(model, lengths=(6, 4, 5))
    characters = sum(int((labels >= 0).sum()) for _, labels in rows)
    found = module.leave_one_out(model, stack(rows, 2))
    for layer, head in ((0, 0), (0, 3), (1, 1), (1, 2)):
        fewer = without({n: GONE[n] + [head] * (n == layer) for n in GONE}).double()
        close(float(found[layer, head]), (loss(fewer, rows) - loss(model, rows)) / characters)
    assert found.isnan().nonzero().tolist() == [[layer, head] for layer in GONE for head in GONE[layer]]


def loss(model, rows) -> float:
    """Of all sentences, in nats."""
    return sum(summed_loss(model, *row) for row in rows)


CHECKS = {
    check_removal: remove,
    check_cost: cost,
    check_selection: select,
    check_gates: gates,
    check_scores: gradients,
    check_places: oracle,
}
"""Each check calls functions of this module."""
MUTANTS = [
    (remove, check_removal, "heads[:, None] * size", "(heads[:, None] + 1) % 4 * size"),
    (remove, check_removal, "* size + torch.arange(size)", "* size + torch.arange(size).add(1)"),
    (remove, check_removal, "heads[:, None] * size + torch.arange(size)", "heads[:, None] + 4 * torch.arange(size)"),
    (pruned_shape, check_removal, "config.hidden_size // config.num_attention_heads",
     "config.hidden_size // config.num_attention_heads - 1"),
    (remove, check_removal, "= tensors[name][features]", "= tensors[name][: len(features)]"),
    (remove, check_removal, "[f\"{mixer}.weight\"][:, features]", "[f\"{mixer}.weight\"][:, : len(features)]"),
    (remove, check_removal, "[f\"{mixer}.weight\"][:, features]", "[f\"{mixer}.weight\"][features]"),
    (remove, check_removal, '("query", "key", "value")', '("query", "value")'),
    (remove, check_removal, "[place[number] for number in after]", "[number for number in after]"),
    (pruned_shape, check_removal, "if n not in set(gone.get(layer, ()))", "if n in set(gone.get(layer, ()))"),
    (pruned_shape, check_removal, "gone.get(layer, ())", "gone.get(layer + 1, ())"),
    (remove, check_removal, "float(n in stay)", "float(n not in stay)"),
    (cost, check_cost, "4 * hidden * width + 3 * width", "4 * hidden * width + 4 * width"),
    (cost, check_cost, "4 * hidden * width + 3 * width", "3 * hidden * width + 3 * width"),
    (cost, check_cost, "3 * width + hidden + 2 * hidden", "3 * width + 2 * hidden"),
    (cost, check_cost, "width = heads * head_size(config)", "width = heads * (head_size(config) + 1)"),
    (cost, check_cost, "2 * length * length * width", "length * length * width"),
    (cost, check_cost, "Cost(parameters, 4 * parameters", "Cost(parameters, parameters"),
    (select, check_selection, "divmod(position, scores.shape[1])", "divmod(position, scores.shape[0])"),
    (select, check_selection, "argsort(stable=True)", "argsort(stable=True, descending=True)"),
    (select, check_selection, "[: round(ratio * len(present))]", "[: round(ratio * len(present)) + 1]"),
    (gates, check_gates, "(gate.shape[-1], -1)", "(-1, gate.shape[-1])"),
    (gates, check_gates, "gate.to(parts)[..., None]", "gate.roll(1).to(parts)[..., None]"),
    (gates, check_gates, "parts * gate.to(parts)[..., None]", "parts + 0 * gate.to(parts)[..., None]"),
    (gates, check_gates, "layer.attention.output.dense", "layer.output.dense"),
    (gates, check_gates, "kept_heads(model.config), model.config.num_attention_heads",
     "kept_heads(model.config), model.config.num_attention_heads - 1"),
    (gradients, check_scores, "sites)).cpu() / count_characters(batches)", "sites)).cpu()"),
    (gradients, check_scores, "g.sum(1).abs().sum(0)", "g.sum((0, 1)).abs()"),
    (gradients, check_scores, "g.sum(1).square().sum(0)", "g.square().sum((0, 1))"),
    (gradients, check_scores, "return -sum(", "return sum("),
    (gates, check_places, "spread[..., layer, numbers] = value", "spread[..., layer, : len(numbers)] = value"),
    (oracle, check_places, "gate[slot] = 0", "gate[slot - 1] = 0"),
    (oracle, check_places, "gated([sites.projections[layer]]", "gated([sites.projections[layer - 1]]"),
    (oracle, check_places, "calls, layer) - whole", "calls, layer)"),
]  # fmt: skip


def copied(module, old: str = "", new: str = ""):
    """A copy of the module in which `old`, which must stand in it, is `new`."""
    source = inspect.getsource(module)
    assert old in source
    copy = types.ModuleType(f"{module.__name__}_mutant")
    exec(compile(source.replace(old, new) if old else source, copy.__name__, "exec"), copy.__dict__)
    return copy


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_copy_without_a_mistake_passes(check):
    check(copied(CHECKS[check]))


@pytest.mark.parametrize(("module", "check", "old", "new"), MUTANTS, ids=[f"{m[2]} -> {m[3]}" for m in MUTANTS])
def test_a_mutant_does_not_survive(module, check, old, new, monkeypatch):
    mutant = copied(module, old, new)
    monkeypatch.setitem(sys.modules, module.__name__, mutant)  # where a copy of the tested module looks for it
    with pytest.raises(KILLED):
        check(mutant if module is CHECKS[check] else copied(CHECKS[check]))
