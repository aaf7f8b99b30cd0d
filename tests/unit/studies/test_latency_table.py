"""Times looked up against models whose time is known."""

import numpy as np
import pytest
from latency_tables import SHARES, TABLE, pruned
from tiny_models import random_raner, tiny_config, tiny_tokenizer

from utils.measure.latency import Latency, Rounds
from utils.model.pruned_shape import pruning_map
from utils.model.torch_tagger import torch_tagger
from utils.studies import latency_table
from utils.studies.latency_table import measure_tables, probe


def test_a_models_time_is_its_layers_and_the_rest():
    assert TABLE.milliseconds(pruning_map(pruned(4, 20).config)) == pytest.approx(10 + 9 + 9)
    assert TABLE.milliseconds(pruning_map(pruned(0, 0).config)) == pytest.approx(10 + 3 + 7)
    assert TABLE.milliseconds(pruning_map(pruned(3, 15).config)) == pytest.approx(10 + 7.5 + 8.5)


def test_equal_layers_take_what_their_shares_say():
    found = TABLE.of_shares(np.array([1, 0.25]), np.array([0, 0.75]), layers=12)
    assert found == pytest.approx([10 + 12 * 7, 10 + 12 * 4])


def test_the_table_is_read_off_models_of_one_and_two_layers(monkeypatch):
    """A clock that charges 5 ms a text, 2 ms a layer, 3 ms a head and 0.1 ms a neuron, and a second engine double.

    The whole model is as slow as its parts say in the first engine, and half as slow again in the second.
    """

    class Fake:
        def __init__(self, config, factor):
            heads, neurons = (sum(map(len, kept)) for kept in (config.kept_heads, config.kept_neurons))
            self.milliseconds = factor * (5 + 2 * config.num_hidden_layers + 3 * heads + 0.1 * neurons)

    def clock(taggers, texts, rounds):
        assert (texts, rounds) == (["天地"], Rounds(1))
        return {key: Latency(tagger.milliseconds, 0, ()) for key, tagger in taggers.items()}

    monkeypatch.setattr(latency_table, "measure_taggers", clock)
    names = []

    def build(model, name):
        names.append(name)
        return {"one": Fake(model.config, 1), "double": Fake(model.config, 2)}

    whole = probe(tiny_config(), 12, 1, 1).config
    unpruned = {"one": Fake(whole, 1), "double": Fake(whole, 3)}
    found = measure_tables(tiny_config(num_hidden_layers=12), build, unpruned, "天地", SHARES, Rounds(1))
    assert len(set(names)) == 6
    assert found["one"].rest == pytest.approx(5) and found["double"].rest == pytest.approx(15)
    kept = pruning_map(pruned(3, 12).config)
    assert found["one"].milliseconds(kept) == pytest.approx(5 + 2 * 2 + 3 * 7 + 0.1 * 32)
    assert found["double"].milliseconds(kept) == pytest.approx(3 * found["one"].milliseconds(kept))
    assert found["double"].of_shares(np.ones(()), np.ones(()), 12) == pytest.approx(unpruned["double"].milliseconds)


def test_probes_run_in_torch():
    def build(model, name):
        return {"torch": torch_tagger(model, tiny_tokenizer())}

    unpruned = {"torch": torch_tagger(random_raner(), tiny_tokenizer())}
    config = tiny_config(attn_implementation="eager")
    table = measure_tables(config, build, unpruned, "天地玄黄", (0, 1 / 3, 1), Rounds(1))["torch"]
    assert table.attention.shape == table.feed_forward.shape == (3,)
    assert np.isfinite([table.attention, table.feed_forward]).all() and table.feed_forward[0] == 0
