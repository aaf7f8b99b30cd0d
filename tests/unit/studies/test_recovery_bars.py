"""The study writes one row a cut, keeps finished rows, and refuses another command's file."""

import json

import pytest

from utils.compress.recipes import CUTS
from utils.compress.training import Schedule
from utils.measure.evaluation import evaluate
from utils.model.checkpoint import load_raner
from utils.model.torch_tagger import torch_tagger
from utils.studies import recovery_bars
from utils.studies.recovery_bars import AGAIN, STUDY, Study, run_study
from utils.text.entities import Corpus
from utils.text.formats.bracketed import parse_bracketed

SENTENCES = [parse_bracketed(line) for line in ("[北京](LOC)很大。", "[唐虹](PER)到[北京](LOC)。", "今天天气很好。")]


@pytest.fixture
def study(tiny_published, tmp_path):
    model, tokenizer = load_raner(tiny_published)
    corpus = Corpus(SENTENCES * 20, SENTENCES, SENTENCES)
    return Study(model, tokenizer, corpus, tmp_path / "training", Schedule(epochs=1, learning_rate=1e-2, seed=1))


def test_every_cut_and_the_unpruned_model_get_a_row(study, tmp_path):
    out = tmp_path / "bars.json"
    found = run_study(study, out, "the command")
    assert json.loads(out.read_text("utf-8")) == found
    assert [row["stage"] for row in found["rows"]] == [*CUTS, AGAIN]
    original = evaluate(torch_tagger(study.model, study.tokenizer), SENTENCES).scores.f1
    assert found["original"]["f1"] == pytest.approx(original)
    for row in found["rows"]:
        assert row["difference"]["f1"] == pytest.approx(row["f1_recovered"] - original)
        assert row.get("holds", True) == (row["difference"]["f1"] >= -row.get("allowed", 100))


def test_an_interrupted_study_goes_on_where_it_stopped(study, tmp_path, monkeypatch):
    out, done = tmp_path / "bars.json", []

    def one_then_power_cut(study, name, original):
        if done:
            raise KeyboardInterrupt
        done.append(name)
        return {"stage": name, "difference": {"f1": 0.0}}

    monkeypatch.setattr(recovery_bars, "recover_cut", one_then_power_cut)
    with pytest.raises(KeyboardInterrupt):
        run_study(study, out, "the command")
    again = []
    monkeypatch.setattr(
        recovery_bars, "recover_cut", lambda study, name, original: again.append(name) or {"stage": name}
    )
    monkeypatch.setattr(recovery_bars, "train_original", lambda study, original: {"stage": AGAIN})
    rows = run_study(study, out, "the command")["rows"]
    assert again == [name for name in CUTS if name not in done] and len(rows) == len(CUTS) + 1


def test_rows_of_another_command_are_not_mixed_in(study, tmp_path):
    out = tmp_path / "bars.json"
    out.write_text(json.dumps({"command": "another", "rows": []}), "utf-8")
    with pytest.raises(ValueError, match="was made by `another`"):
        run_study(study, out, "the command")


def test_the_committed_rows_are_those_of_the_command_that_would_go_on_with_them():
    words = json.loads(STUDY.read_text("utf-8"))["command"].split()
    given = recovery_bars.command_line().parse_args(["--corpus", "some/msra", "--out", f"there/{STUDY.name}"])
    assert recovery_bars.command_of(given).split() == words
    given = recovery_bars.command_line().parse_args([*words[3:], "--model", "another"])
    assert recovery_bars.command_of(given).split() == [*words, "--model", "another"]
