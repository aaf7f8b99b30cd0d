"""The card's numbers are those of the studies and of an evaluation of the model beside it."""

import json
import shutil
from dataclasses import asdict

import pytest

from utils.measure.evaluation import evaluate
from utils.model.checkpoint import load_raner
from utils.model.torch_tagger import torch_tagger
from utils.studies import card
from utils.studies.card import removal_table, write_card
from utils.studies.mixed_batches import Mixture
from utils.text.formats.bracketed import parse_bracketed

SENTENCES = [parse_bracketed(line) for line in ("[北京](LOC)很大。", "[唐虹](PER)到[北京](LOC)。", "今天天气很好。")]


def row(stage, lost, recovered=None):
    found = {"stage": stage, "difference": {"f1": -lost, "low": -lost - 1, "high": -lost + 1}}
    return found | ({"recovered": row("", recovered)} if recovered is not None else {})


def study(f1, rows, ratio):
    channels = [{"channel": 3, "largest": ratio * 2.0, "median": 2.0}] * 2
    return {
        "original": {"f1": f1},
        "sentences": {"train": 1527, "test": 1019},
        "rows": rows,
        "largest_channels": channels,
    }


@pytest.fixture
def model(tiny_published, tmp_path, monkeypatch):
    path = tmp_path / "model"
    shutil.copytree(tiny_published, path)
    training = {
        "command": "python -m utils.studies.train_from_base --steps 7",
        "mixture": asdict(Mixture(steps=7777)),
        "positions_a_batch": 3072,
        "base": {"file": "a file", "sha256": "abc"},
        "sentences": {"MSRA": 27752, "ours": 1527},
        "news_characters": 1234567,
        "machine": {"cpu": "a CPU", "cores": 2},
    }
    (path / "training.json").write_text(json.dumps(training), "utf-8")
    for name in ("REDUNDANCY", "PREDECESSORS", "INGREDIENTS"):
        monkeypatch.setattr(card, name, tmp_path / f"{name}.json")
    return path


def test_a_card_without_studies_says_how_well_the_model_tags(model):
    write_card(model, {"ours": SENTENCES})
    text = (model / "README.md").read_text("utf-8")
    found = evaluate(torch_tagger(*load_raner(model)), SENTENCES)
    assert f"| ours | 3 | {found.scores.precision:.1f} | {found.scores.recall:.1f} | {found.scores.f1:.1f} |" in text
    assert "7,777 steps" in text and "1,234,567 characters" in text and "there twice" not in text


def test_a_card_shows_what_the_studies_found(model, tmp_path):
    cut = "50% of the heads, at random"
    found = study(88.0, [row("layer 1", 30.0), *(row(f"{cut}, draw {n}", 10.0 * n) for n in (1, 2))], 40)
    (tmp_path / "REDUNDANCY.json").write_text(json.dumps(found), "utf-8")
    (tmp_path / "PREDECESSORS.json").write_text(json.dumps(study(82.6, [row("layer 1", 0.5)], 4)), "utf-8")
    trainings = {
        "steps": 600,
        "dev": {"ours": 200, "MSRA": 900},
        "rows": [{"stage": "all", "f1": {"a": 80.0, "b": 70.0}}],
    }
    (tmp_path / "INGREDIENTS.json").write_text(json.dumps(trainings), "utf-8")
    write_card(model, {"ours": SENTENCES})
    text = (model / "README.md").read_text("utf-8")
    assert "| layer 1 | 30.0 [29.0, 31.0] | – | 0.5 [-0.5, 1.5] | – |" in text
    assert f"| {cut} | 15.0 (10.0 to 20.0) | – | – | – |" in text
    assert "| this model | 40 | 40 |" in text and "| predecessor | 4 | 4 |" in text
    assert "| all | 80.0 | 70.0 |" in text


def test_draws_stand_together_and_recoveries_beside_them():
    rows = [row("x, draw 1", 4.0, recovered=1.0), row("x, draw 2", 6.0), row("y", 3.0, recovered=0.0)]
    table = removal_table({"rows": rows}, {"rows": rows[2:]})
    assert table["x"] == ["5.0 (4.0 to 6.0)", "1.0 [0.0, 2.0]", "–", "–"]
    assert table["y"] == ["3.0 [2.0, 4.0]", "0.0 [-1.0, 1.0]"] * 2
