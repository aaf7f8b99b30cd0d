"""Times looked up against models whose time is known, candidates against brute force."""

import numpy as np
import pytest
import torch
from tiny_models import random_raner, random_texts, tiny_config, tiny_tokenizer

from utils.compress.importance.weights import random_score
from utils.compress.pruning.remove import prune_heads, prune_neurons
from utils.compress.pruning.select import select_globally
from utils.measure.latency import Latency, Rounds
from utils.measure.scores import entity_scores
from utils.model.pruned_shape import pruning_map
from utils.model.torch_tagger import torch_tagger
from utils.studies import latency_table
from utils.studies.cut_search import Candidate, best_within, candidates, cut_f1
from utils.studies.latency_table import LatencyTable, measure_tables
from utils.text.entities import Span, annotate

SHARES = (0.0, 0.5, 1.0)
TABLE = LatencyTable(SHARES, np.array([1.0, 4, 7]), np.array([0.0, 1, 2]), rest=10, heads=4, neurons=20)


def pruned(heads: int, neurons: int):
    model = prune_heads(random_raner(), {0: range(heads, 4)})
    return prune_neurons(model, {1: range(neurons, 20)})


def test_a_models_time_is_its_layers_and_the_rest():
    assert TABLE.milliseconds(pruning_map(pruned(4, 20).config)) == pytest.approx(10 + 9 + 9)
    assert TABLE.milliseconds(pruning_map(pruned(0, 0).config)) == pytest.approx(10 + 3 + 7)
    assert TABLE.milliseconds(pruning_map(pruned(3, 15).config)) == pytest.approx(10 + 7.5 + 8.5)


def test_equal_layers_take_what_their_shares_say():
    found = TABLE.of_shares(np.array([1, 0.25]), np.array([0, 0.75]), layers=12)
    assert found == pytest.approx([10 + 12 * 7, 10 + 12 * 4])


def test_the_table_is_read_off_models_of_one_and_two_layers(monkeypatch):
    """A clock that charges 5 ms a text, 2 ms a layer, 3 ms a head and 0.1 ms a neuron, and a second engine double."""

    class Fake:
        def __init__(self, config, factor):
            heads, neurons = (sum(map(len, kept)) for kept in (config.kept_heads, config.kept_neurons))
            self.milliseconds = factor * (5 + 2 * config.num_hidden_layers + 3 * heads + 0.1 * neurons)

    def clock(taggers, texts, rounds):
        assert (texts, rounds) == (["天地"], Rounds(1))
        return {key: Latency(tagger.milliseconds, 0, 0, ()) for key, tagger in taggers.items()}

    monkeypatch.setattr(latency_table, "measure_taggers", clock)
    names = []

    def build(model, name):
        names.append(name)
        return {"one": Fake(model.config, 1), "double": Fake(model.config, 2)}

    found = measure_tables(tiny_config(num_hidden_layers=12), build, "天地", SHARES, Rounds(1))
    assert len(set(names)) == 6
    assert found["one"].rest == pytest.approx(5) and found["double"].rest == pytest.approx(10)
    kept = pruning_map(pruned(3, 12).config)
    assert found["one"].milliseconds(kept) == pytest.approx(5 + 2 * 2 + 3 * 7 + 0.1 * 32)
    assert found["double"].milliseconds(kept) == pytest.approx(2 * found["one"].milliseconds(kept))


def test_probes_run_in_torch():
    def build(model, name):
        return {"torch": torch_tagger(model, tiny_tokenizer())}

    table = measure_tables(tiny_config(attn_implementation="eager"), build, "天地玄黄", (0, 1 / 3, 1), Rounds(1))[
        "torch"
    ]
    assert table.attention.shape == table.feed_forward.shape == (3,)
    assert np.isfinite([table.attention, table.feed_forward]).all() and table.feed_forward[0] == 0


def test_f1_of_cuts_is_that_of_the_models_cut_by_hand():
    model, tokenizer = random_raner(), tiny_tokenizer()
    texts = random_texts(6)
    answers = torch_tagger(model, tokenizer).predict(texts)
    sentences = [
        annotate(t, [Span(e.start, e.end, e.type) for e in found]) for t, found in zip(texts, answers, strict=True)
    ]
    scores = random_score(model), torch.rand(2, 20, generator=torch.Generator().manual_seed(1))
    found = cut_f1(model, tokenizer, scores, sentences, SHARES)
    assert found[2, 2] == 100
    by_hand = prune_neurons(prune_heads(model, select_globally(scores[0], 4)), select_globally(scores[1], 40))
    assert found[1, 0] == entity_scores(sentences, torch_tagger(by_hand, tokenizer).predict(texts)).f1


def test_f1_of_cuts_leaves_a_model_that_has_fewer_parts_as_it_is():
    model = prune_heads(random_raner(), {0: [0, 1, 2], 1: [3]})
    scores = torch.rand(2, 4), torch.rand(2, 20)
    scores[0][0, :3] = scores[0][1, 3] = float("nan")
    found = cut_f1(model, tiny_tokenizer(), scores, [annotate("天地", [])], SHARES)
    assert found.shape == (3, 3)


F1 = np.array([[0.0, 10, 20], [30, 60, 70], [40, 80, 90]])


def test_candidates_lie_on_the_measured_points_and_pay_for_their_bits():
    found = candidates({"a": TABLE, "b": TABLE._replace(rest=0)}, {"a": 0, "b": 2}, SHARES, F1, layers=1)
    assert len(found) == 2 * 25 * 25
    assert Candidate("a", 1, 0.5, 18, 80) in found
    assert Candidate("b", 0.5, 1, 6, 68) in found


@pytest.mark.parametrize("budget", [0.5, 3, 5.5, 12, 100])
def test_the_best_within_a_budget_is_the_best_of_all_that_are_fast_enough(budget):
    found = candidates({"a": TABLE, "b": TABLE._replace(rest=0)}, {"a": 0, "b": 2}, SHARES, F1, layers=1)
    best = best_within(found, budget)
    allowed = [c for c in found if c.milliseconds <= budget]
    assert best is None if not allowed else best.f1 == max(c.f1 for c in allowed)
