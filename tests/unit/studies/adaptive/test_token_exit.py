"""Characters that halt, against a reading that packs those that go on, text by text, in the library's own layers."""

import numpy as np
import pytest
import torch
from tiny_models import random_raner, random_texts, tiny_tokenizer
from torch.utils.flop_counter import FlopCounterMode

from utils.compress.pruning.cost import cost_by_part
from utils.compress.pruning.remove import prune_heads, prune_neurons
from utils.model.crf import LinearChainCRF
from utils.model.exit_head import ExitHead
from utils.model.pruned_shape import pruning_map
from utils.model.torch_tagger import torch_tagger
from utils.studies.adaptive import token_exit
from utils.tagger.marginals import by_brute_force
from utils.tagger.viterbi import viterbi

LAYERS = 4


@pytest.fixture(scope="module")
def model():
    whole = random_raner(5, num_hidden_layers=LAYERS)
    return prune_neurons(prune_heads(whole, {1: [0], 3: [1, 2]}), {0: [3, 4], 2: [0]})


@pytest.fixture(scope="module")
def heads(model):
    found = [ExitHead(model, layer).eval() for layer in (1, 3)]
    for number, head in enumerate(found):
        torch.manual_seed(number)
        torch.nn.init.normal_(head.classifier.weight, std=0.6)
    return found


TOKENIZER, TEXTS = tiny_tokenizer(), random_texts(9, longest=14, seed=8)


def spans(predictions):
    return [[e.span for e in entities] for entities in predictions]


@pytest.mark.parametrize("together", [False, True])
def test_where_nothing_halts_the_network_answers_and_all_is_computed(model, heads, together):
    found = token_exit.simulate(model, heads, TOKENIZER, TEXTS, 1.1, together)
    assert spans(found.predictions) == spans(torch_tagger(model, TOKENIZER).predict(TEXTS))
    parts = [cost_by_part(model.config, pruning_map(model.config), len(text) + 2) for text in TEXTS]
    work = sum(part["attention"].multiply_adds + part["feed-forward"].multiply_adds for part in parts)
    assert found.work == found.whole_work == work and sum(map(len, found.predictions)) > 5


@torch.no_grad()
def attended(layer, active, hidden):
    """What a layer makes of the active positions, `(active, features)`: queries of them, keys and values of all."""
    own, output = layer.attention.self, layer.attention.output
    query, key, value = own.query(hidden[active]), own.key(hidden), own.value(hidden)
    size, context = own.attention_head_size, []
    for first in range(0, query.shape[1], size):
        q, k, v = (part[:, first : first + size] for part in (query, key, value))
        context.append(torch.softmax(q @ k.T / size**0.5, -1) @ v)
    states = output(torch.cat(context, 1), hidden[active])
    return layer.output(layer.intermediate(states), states)


@torch.no_grad()
def packed(model, heads, text, threshold):
    """Emissions of one text, and the numbers of positions computed in each layer."""
    hidden = model.bert.embeddings(torch.tensor([TOKENIZER.encode(text)[0]]))[0]
    active, emissions, computed = torch.arange(len(hidden)), torch.zeros(len(hidden), len(model.labels)), []
    answering = {head.layer: head for head in heads} | {LAYERS: model}
    for number, layer in enumerate(model.bert.encoder.layer, 1):
        computed.append(len(active))
        if len(active):
            hidden[active] = attended(layer, active, hidden)
        if number in answering and len(active):
            emissions[active] = answering[number].classifier(hidden[active])
            certain = certainty(emissions[1:-1].numpy(), answering[number].crf.scores())
            active = torch.tensor([at for at in active.tolist() if certain[at] < threshold], dtype=torch.long)
    return emissions.numpy(), computed


def certainty(rows, crf):
    """Of [CLS], each character and [SEP], by torch's gradients: d log Z / d emission is the marginal."""
    field = LinearChainCRF(rows.shape[1])
    with torch.no_grad():
        for name, scores in zip(("start_transitions", "transitions", "end_transitions"), crf, strict=True):
            getattr(field, name).copy_(torch.from_numpy(scores))
    with torch.enable_grad():
        leaf = torch.from_numpy(rows)[None].clone().requires_grad_()
        field._log_partition(leaf, torch.tensor([len(rows)])).sum().backward()
    (path,) = viterbi(rows[None], np.array([len(rows)]), *crf)
    tags = leaf.grad[0].numpy()[np.arange(len(rows)), path]
    windows = [tags[max(0, at - token_exit.WINDOW) : at + token_exit.WINDOW + 1].min() for at in range(len(tags))]
    return [tags.min(), *windows, tags.min()]


@pytest.mark.parametrize("threshold", [0.1, 0.2, 0.3])
def test_it_reads_as_a_packed_reading_would(model, heads, threshold):
    halted = 0
    for text in TEXTS:
        expected, computed = packed(model, heads, text, threshold)
        found, counted = token_exit._read(model, heads, TOKENIZER.batch([text]), threshold, together=False)
        assert [int(there[0]) for there in counted] == computed
        assert np.abs(found[0] - expected)[1:-1].max() < 1e-4
        halted += computed[0] - computed[-1]
    assert halted > 0


def test_neighbours_in_a_batch_do_not_matter(model, heads):
    together = token_exit.simulate(model, heads, TOKENIZER, TEXTS, 0.3)
    alone = [token_exit.simulate(model, heads, TOKENIZER, [text], 0.3) for text in TEXTS]
    assert spans(together.predictions) == [spans(one.predictions)[0] for one in alone]
    assert together.work == sum(one.work for one in alone) < together.whole_work


def test_together_a_text_goes_on_as_a_whole_or_not_at_all(model, heads):
    for text in TEXTS:
        _, computed = token_exit._read(model, heads, TOKENIZER.batch([text]), 0.3, together=True)
        assert {int(there[0]) for there in computed} <= {0, len(text) + 2}


def test_the_work_of_a_layer_is_the_products_that_the_counter_sees(model):
    """Of ten positions four are computed: what torch counts of the packed layer is what is added up here."""
    layer, hidden = model.bert.encoder.layer[2], torch.randn(10, model.config.hidden_size)
    with FlopCounterMode(display=False) as counter:
        attended(layer, torch.arange(4), hidden)
    nothing = np.array([0])
    counted = token_exit.layers_work(model, np.array([10]), [nothing, nothing, np.array([4]), nothing])
    assert counter.get_total_flops() == 2 * counted


def test_a_position_is_as_certain_as_its_least_certain_neighbour(model):
    draw = np.random.default_rng(1)
    rows, crf = draw.normal(size=(1, 5, 3)), (draw.normal(size=3), draw.normal(size=(3, 3)), draw.normal(size=3))
    mask = np.array([[False, True, True, True, False]])
    (path,) = viterbi(rows[:, 1:4], np.array([3]), *crf)
    one, two, three = (by_brute_force(rows[0, 1:4], crf, [path[at]], at) for at in range(3))
    every = min(one, two, three)
    expected = [every, min(one, two), every, min(two, three), every]
    assert token_exit._certainty(rows, mask, crf)[0] == pytest.approx(expected)
