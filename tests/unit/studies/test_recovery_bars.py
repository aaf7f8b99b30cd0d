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
from utils.studies.recovery_bars import AGAIN, STUDY, TRIALS, Study, keep_rows, part_of, run_study, time_left
from utils.text.entities import Corpus, Sentence
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


def test_a_study_says_which_stage_begins_and_how_long_it_takes_to_the_end(tmp_path, monkeypatch, capsys):
    out, jobs = tmp_path / "rows.json", {name: lambda name=name: {"stage": name} for name in ("one", "two", "three")}
    out.write_text(json.dumps({"command": "the command", "rows": [{"stage": "one"}]}), "utf-8")
    clock = iter([0.0, 0.0, 250.0])
    monkeypatch.setattr(recovery_bars.time, "monotonic", lambda: next(clock))
    keep_rows(out, {"command": "the command"}, jobs)
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("stage 2 of 3: two (") and "known after this one" in first
    assert second == "stage 3 of 3: three (about 5 min to the end)"


def test_time_left_is_the_mean_of_the_stages_so_far():
    assert time_left(seconds=600, done=2, left=3) == "about 15 min to the end"
    assert time_left(seconds=10, done=1, left=1) == "about 1 min to the end"


def test_a_part_of_a_corpus_reaches_from_the_start_of_each_split_to_its_end():
    corpus = Corpus(*([Sentence(f"{split}{number}") for number in range(10)] for split in ("train", "dev", "test")))
    part = part_of(corpus, sentences=2, test=5)
    assert [sentence.text for sentence in part.train] == ["train0", "train5"]
    assert [sentence.text for sentence in part.dev] == ["dev0", "dev5"]
    assert [sentence.text for sentence in part.test] == ["test0", "test2", "test4", "test6", "test8"]
    assert part_of(corpus, None, None) == corpus == part_of(corpus, 10, 99)
    assert part_of(corpus, 3, None).test == corpus.test


def test_the_header_counts_the_part_that_was_taken(study, tmp_path, monkeypatch):
    monkeypatch.setattr(recovery_bars, "TRIALS", {})
    part = replace(study, corpus=part_of(study.corpus, 30, 2))
    assert run_study(part, tmp_path / "bars.json", "the command")["sentences"] == {"train": 30, "dev": 3, "test": 2}


def given(*words):
    return recovery_bars.command_line().parse_args(["--corpus", "some/msra", "--out", "there/rows.json", *words])


def test_the_command_records_how_many_sentences_were_taken():
    words = ["--sentences", "3000", "--test", "500", "--epochs", "2"]
    recorded = recovery_bars.command_of(given(*words)).split()
    assert recorded[:3] == ["python", "-m", "utils.studies.recovery_bars"]
    assert recorded[3:7] == ["--corpus", "msra", "--out", "rows.json"]
    assert recorded[7:] == [*words, "--learning-rate", "0.0001", "--seed", "1"]
    assert recovery_bars.command_of(given("--model", "another")).split()[-2:] == ["--model", "another"]
    assert not {"--sentences", "--test"} & set(recovery_bars.command_of(given()).split())


@pytest.mark.parametrize("count", ["0", "-5", "many"])
def test_a_number_of_sentences_is_at_least_one(count, capsys):
    with pytest.raises(SystemExit):
        given("--sentences", count)
    assert "--sentences" in capsys.readouterr().err


@pytest.mark.skipif(not STUDY.is_file(), reason="the study on MSRA has not been made with this model yet")
def test_the_committed_rows_are_those_of_the_command_that_would_go_on_with_them():
    words = json.loads(STUDY.read_text("utf-8"))["command"].split()
    again = recovery_bars.command_line().parse_args(words[3:])
    assert (again.corpus.name, again.out.name) == ("msra", STUDY.name)
    assert recovery_bars.command_of(again).split() == words
