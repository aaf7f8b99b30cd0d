"""One training of many seeds: a row for every cut and seed, and nothing but the seed differs."""

import json

import pytest

from utils.compress.training import Schedule
from utils.measure.bands import SPREAD
from utils.model.checkpoint import load_raner
from utils.studies import recovery_bars, seed_spread
from utils.studies.recovery_bars import Study
from utils.text.entities import Corpus
from utils.text.formats.bracketed import parse_bracketed

SENTENCES = [parse_bracketed(line) for line in ("[北京](LOC)很大。", "[唐虹](PER)到[北京](LOC)。", "今天天气很好。")]


@pytest.fixture
def study(tiny_published, tmp_path):
    model, tokenizer = load_raner(tiny_published)
    corpus = Corpus(SENTENCES * 4, SENTENCES, SENTENCES)
    return Study(model, tokenizer, corpus, tmp_path / "training", Schedule(epochs=1, learning_rate=1e-2, seed=0))


def test_a_measurement_has_a_row_for_every_cut_and_seed_and_keeps_finished_ones(study, tmp_path, monkeypatch):
    out = tmp_path / "spread.json"
    found = seed_spread.measure(study, [1, 2], out, "the command")
    assert json.loads(out.read_text("utf-8")) == found
    assert [(row["cut"], row["seed"]) for row in found["rows"]] == [(c, s) for c in seed_spread.TRIED for s in (1, 2)]
    assert found["entities"] == 3
    for row in found["rows"]:
        assert row["int8_minus_fp32"] == pytest.approx(row["int8"]["f1"] - row["fp32"]["f1"], abs=2e-3)
    monkeypatch.setattr(seed_spread, "try_seed", lambda *_: pytest.fail("this seed is done"))
    assert seed_spread.measure(study, [1, 2], out, "the command") == found


def test_seeds_differ_in_the_training_only(study, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(recovery_bars, "fine_tune", lambda model, *rest: seen.append(rest[-1].seed) or model)
    rows = seed_spread.measure(study, [3, 4], tmp_path / "spread.json", "the command")["rows"]
    assert seen == [3, 4, 3, 4]
    assert rows[0]["fp32"] == rows[1]["fp32"] and rows[2]["int8"] == rows[3]["int8"]


def test_the_committed_rows_are_those_of_the_command_that_would_go_on_with_them():
    recorded = json.loads(SPREAD.read_text("utf-8"))["command"]
    assert seed_spread.command_of(seed_spread.command_line().parse_args([])) == recorded
