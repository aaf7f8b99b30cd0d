"""The study holds every cut against the fair baseline, keeps finished rows, and refuses another command's file."""

import json
from dataclasses import replace

import pytest

from utils.compress.recipes import CUTS
from utils.compress.training import Schedule
from utils.measure.evaluation import evaluate
from utils.measure.verdict import Estimate, verdict
from utils.model.checkpoint import load_raner
from utils.model.torch_tagger import torch_tagger
from utils.studies import recovery_bars
from utils.studies.recovery_bars import AGAIN, STUDY, TRIALS, Study, run_study
from utils.text.entities import Corpus
from utils.text.formats.bracketed import parse_bracketed

SENTENCES = [parse_bracketed(line) for line in ("[北京](LOC)很大。", "[唐虹](PER)到[北京](LOC)。", "今天天气很好。")]


@pytest.fixture
def study(tiny_published, tmp_path):
    model, tokenizer = load_raner(tiny_published)
    corpus = Corpus(SENTENCES * 20, SENTENCES, SENTENCES)
    return Study(model, tokenizer, corpus, tmp_path / "training", Schedule(epochs=1, learning_rate=1e-2, seed=1))


@pytest.fixture(scope="module")
def counted():
    """Sentences with a name or without; enough of them that an interval is one."""
    return SENTENCES * 12


def test_the_fair_baseline_comes_first_and_every_trial_is_held_against_it(study, tmp_path, counted):
    study, out = replace(study, corpus=study.corpus._replace(test=counted)), tmp_path / "bars.json"
    found = run_study(study, out, "the command")
    assert json.loads(out.read_text("utf-8")) == found
    controls = [f"heads-50-ffn-67, random {parts}" for parts in ("heads", "neurons")]
    assert [row["stage"] for row in found["rows"]] == [AGAIN, *CUTS, *controls]
    original = evaluate(torch_tagger(study.model, study.tokenizer), counted).scores.f1
    again, *trials = found["rows"]
    assert found["original"]["f1"] == pytest.approx(original)
    assert again["difference"]["value"] == pytest.approx(again["f1_recovered"] - original)
    for row in trials:
        difference = row["difference"]
        assert difference["value"] == pytest.approx(row["f1_recovered"] - again["f1_recovered"])
        assert row["verdict"] == verdict(Estimate(**difference), -row["allowed"])
    assert len({row["parameters"] for row in trials[-3:]}) == 1, "controls are as large as the cut itself"


def test_chance_chooses_one_kind_of_parts_and_scores_the_other(study):
    kept = {
        parts: study.prune(recovery_bars.Trial(CUTS["heads-50-ffn-67"], parts)) for parts in ("", "heads", "neurons")
    }
    heads, neurons = (
        {parts: getattr(model.config, f"kept_{kind}") for parts, model in kept.items()} for kind in ("heads", "neurons")
    )
    assert heads["neurons"] == heads[""] != heads["heads"]
    assert neurons["heads"] == neurons[""] != neurons["neurons"]


def test_an_interrupted_study_goes_on_where_it_stopped(study, tmp_path, monkeypatch):
    out, done = tmp_path / "bars.json", []

    def one_then_power_cut(study, stage):
        if done:
            raise KeyboardInterrupt
        done.append(stage)
        return {"stage": stage}

    monkeypatch.setattr(recovery_bars, "recover_cut", one_then_power_cut)
    with pytest.raises(KeyboardInterrupt):
        run_study(study, out, "the command")
    again = []
    monkeypatch.setattr(recovery_bars, "recover_cut", lambda study, stage: again.append(stage) or {"stage": stage})
    monkeypatch.setattr(recovery_bars, "train_original", lambda *_: pytest.fail("the baseline is trained"))
    rows = run_study(study, out, "the command")["rows"]
    assert again == [stage for stage in TRIALS if stage not in done] and len(rows) == len(TRIALS) + 1


def test_rows_of_another_command_are_not_mixed_in(study, tmp_path):
    out = tmp_path / "bars.json"
    out.write_text(json.dumps({"command": "another", "rows": []}), "utf-8")
    with pytest.raises(ValueError, match="was made by `another`"):
        run_study(study, out, "the command")


def test_rows_of_older_code_are_not_mixed_in(study, tmp_path):
    out = tmp_path / "bars.json"
    out.write_text(json.dumps({"command": "the command", "rows": [{"stage": "heads-20", "holds": True}]}), "utf-8")
    with pytest.raises(ValueError, match="perhaps by older code"):
        run_study(study, out, "the command")


@pytest.mark.skipif(not STUDY.is_file(), reason="the study on MSRA has not been made with this model yet")
def test_the_committed_rows_are_those_of_the_command_that_would_go_on_with_them():
    words = json.loads(STUDY.read_text("utf-8"))["command"].split()
    given = recovery_bars.command_line().parse_args(["--corpus", "some/msra", "--out", f"there/{STUDY.name}"])
    assert recovery_bars.command_of(given).split() == words
    given = recovery_bars.command_line().parse_args([*words[3:], "--model", "another"])
    assert recovery_bars.command_of(given).split() == [*words, "--model", "another"]
