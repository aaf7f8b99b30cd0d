"""What is taken out is gone, what is left answers, and large channels are found where they were put."""

import json

import pytest
import torch

from utils.compress.batches import make_batches
from utils.compress.training import Schedule
from utils.model.checkpoint import load_raner
from utils.model.pruned_shape import size_of
from utils.studies import redundancy
from utils.studies.published import published_panels
from utils.studies.recovery_bars import Study
from utils.studies.redundancy import largest_channels, measure_redundancy, removals, without_layers
from utils.text.entities import Corpus
from utils.text.formats.bracketed import parse_bracketed

SENTENCES = [parse_bracketed(line) for line in ("[北京](LOC)很大。", "[唐虹](PER)到[北京](LOC)。", "今天天气很好。")]


@pytest.fixture
def study(tiny_published, tmp_path):
    model, tokenizer = load_raner(tiny_published)
    corpus = Corpus(SENTENCES * 4, SENTENCES, SENTENCES)
    return Study(model, tokenizer, corpus, tmp_path / "training", Schedule(epochs=1, learning_rate=1e-2))


@pytest.fixture
def sample(study):
    return make_batches(SENTENCES, study.tokenizer, study.model.labels)


def test_a_layer_that_is_skipped_leaves_what_came_in(study, sample):
    model = study.model
    batch = {name: sample[0][name] for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        states = model.bert(**batch, output_hidden_states=True).hidden_states
        skipped = without_layers(model, {0}).bert(**batch, output_hidden_states=True).hidden_states
        nothing = without_layers(model, range(len(states) - 1)).bert(**batch).last_hidden_state
    torch.testing.assert_close(skipped[0], states[0])
    torch.testing.assert_close(nothing, states[0])
    assert len(skipped) == len(states) - 1 and len(model.bert.encoder.layer) == len(states) - 1


def test_removals_take_what_their_names_say(study, sample):
    whole, found = size_of(study.model), removals(study, sample)
    for kind, shares in redundancy.SHARES.items():
        for share in shares:
            for name in [name for name in found if name.startswith(f"{share:.0%} of the {kind}")]:
                left = size_of(found[name][0]())
                assert getattr(left, kind) == getattr(whole, kind) - round(share * getattr(whole, kind)), name
    assert size_of(found["attention of layer 1"][0]()).heads < whole.heads
    assert size_of(study.model) == whole


def test_random_draws_differ_and_one_of_them_is_recovered(study, sample):
    found = removals(study, sample)
    draws = [name for name in found if name.startswith("67% of the neurons, at random")]
    kept = {str(found[name][0]().config.kept_neurons) for name in draws}
    assert len(draws) == len(kept) == redundancy.DRAWS
    assert [found[name][1] for name in draws] == [True] + [False] * (redundancy.DRAWS - 1)


def test_a_large_channel_is_found_in_the_layers_that_see_it(study, sample):
    before = largest_channels(study.model, sample)
    with torch.no_grad():
        study.model.bert.encoder.layer[0].output.LayerNorm.bias[3] += 100
    after = largest_channels(study.model, sample)
    assert after[0] == before[0]
    assert after[1]["channel"] == 3 and after[1]["largest"] > 90 > 9 > after[1]["median"]


def test_padding_is_not_counted(study):
    alone = [make_batches([s], study.tokenizer, study.model.labels)[0] for s in SENTENCES]
    together = make_batches(SENTENCES, study.tokenizer, study.model.labels)
    for one, other in zip(largest_channels(study.model, alone), largest_channels(study.model, together), strict=True):
        assert one["largest"] == pytest.approx(other["largest"], rel=1e-5)


def test_a_row_a_removal_with_its_paired_difference(study, tmp_path, monkeypatch):
    monkeypatch.setattr(redundancy, "SHARES", {"heads": (0.5,), "neurons": (0.5,)})
    found = measure_redundancy(study, tmp_path / "found.json", "the command")
    assert json.loads((tmp_path / "found.json").read_text("utf-8")) == found
    layers = study.model.config.num_hidden_layers
    assert len(found["rows"]) == 2 * layers + 1 + 2 * (1 + redundancy.DRAWS)
    for row in found["rows"]:
        assert row["difference"]["f1"] == pytest.approx(row["f1"] - found["original"]["f1"])
    assert sum("recovered" in row for row in found["rows"]) == 4


def removed(stage, lost, recovered=None):
    found = {"stage": stage, "difference": {"f1": -lost, "low": -lost - 1, "high": -lost + 2}}
    return found | ({"recovered": removed(stage, recovered)} if recovered is not None else {})


def test_what_single_layers_cost_is_read_with_its_interval():
    rows = [removed("layer 1", 7.0), removed("layer 12", 0.5), removed("attention of layer 1", 3.0)]
    found = redundancy.lost_without_layers({"rows": rows})
    assert found == {"layer 1": (7.0, 5.0, 8.0), "layer 12": (0.5, -1.5, 1.5)}


def test_panels_hold_shares_of_the_full_score_and_means_of_random_draws():
    cut = "20% of the heads"
    rows = [removed(f"{cut}, by score", 4.0, recovered=0.0), removed(f"{cut}, at random, draw 1", 8.0, recovered=2.0)]
    rows += [removed(f"{cut}, at random, draw 2", 16.0), removed("67% of the neurons, by score", 40.0)]
    panels = redundancy.loss_panels({"a": {"original": {"f1": 80.0}, "rows": rows}})
    assert panels["heads, nothing trained"] == {"a, by score": {0.2: 5.0}, "a, at random": {0.2: 15.0}}
    assert panels["heads, recovered"] == {"a, by score": {0.2: 0.0}, "a, at random": {0.2: 2.5}}
    assert panels["neurons, nothing trained"] == {"a, by score": {0.67: 50.0}, "a, at random": {}}
    assert set(published_panels()) < set(panels)


def test_studies_that_are_not_there_are_left_out(tmp_path, monkeypatch):
    (tmp_path / "one.json").write_text('{"rows": []}', "utf-8")
    monkeypatch.setattr(redundancy, "STUDIES", {"one": tmp_path / "one.json", "other": tmp_path / "other.json"})
    assert redundancy.read_studies() == {"one": {"rows": []}}
