"""Budgets and amounts of data, each with several seeds: what is tried, what is kept, what is read off it."""

import json
import math

import numpy as np
import pytest
from scipy.stats import ttest_rel

from utils.measure.bands import SPREAD
from utils.model.checkpoint import load_raner
from utils.studies import recovery_seeds
from utils.studies.recovery_seeds import STUDY, Lesson, Trial, curves, distillation_ahead, trials
from utils.text.entities import Corpus
from utils.text.formats.bracketed import parse_bracketed

SENTENCES = [parse_bracketed(line) for line in ("[北京](LOC)很大。", "[唐虹](PER)到[北京](LOC)。", "今天天气很好。")]


def row(method, steps, sentences, seed, f1):
    return Trial(method, steps, sentences, seed)._asdict() | {"f1": f1}


ROWS = [
    row("fine-tuning", 10, 320, 1, 60.0),
    row("fine-tuning", 10, 320, 2, 62.0),
    row("fine-tuning", 30, 320, 1, 70.0),
    row("fine-tuning", 30, 320, 2, 72.0),
    row("distillation", 30, 320, 1, 71.0),
    row("distillation", 30, 320, 2, 73.5),
    row("distillation", 10, 320, 2, 65.0),
    row("distillation", 10, 320, 1, 61.5),
    row("fine-tuning", 30, 100, 1, 55.0),
]


def test_every_budget_and_every_amount_is_tried_with_every_seed_and_none_twice():
    asked = trials([1, 2])
    assert len(asked) == len(set(asked)) == 2 * (2 * 3 + 4 - 1)
    assert len({trial.stage for trial in asked}) == len(asked)
    assert {trial.steps for trial in asked if trial.sentences != 320} == {30}


def test_a_row_has_the_f1_of_its_training_and_finished_rows_are_kept(tiny_published, tmp_path, monkeypatch):
    model, tokenizer = load_raner(tiny_published)
    lesson = Lesson(model, model, tokenizer, Corpus(SENTENCES * 4, SENTENCES, SENTENCES))
    asked = [Trial("fine-tuning", 1, 4, 1), Trial("distillation", 2, 4, 1)]
    monkeypatch.setattr(recovery_seeds, "trials", lambda seeds: asked)
    out = tmp_path / "seeds.json"
    found = recovery_seeds.measure(lesson, [1], out, "the command")
    assert json.loads(out.read_text("utf-8")) == found and recovery_seeds.read_rows(out) == found["rows"]
    assert [(r["method"], r["steps"]) for r in found["rows"]] == [("fine-tuning", 1), ("distillation", 2)]
    assert found["original"] == pytest.approx(lesson.f1(model), abs=1e-3) == found["cut"]
    monkeypatch.setattr(recovery_seeds, "try_one", lambda *_: pytest.fail("this one is done"))
    assert recovery_seeds.measure(lesson, [1], out, "the command") == found


def test_a_seed_draws_its_own_sentences(tiny_published, monkeypatch):
    model, tokenizer = load_raner(tiny_published)
    corpus = Corpus([parse_bracketed(f"第{number}句") for number in range(30)], SENTENCES, SENTENCES)
    seen = []

    def watched(method, pruned, tokenizer, corpus, schedule):
        seen.append(tuple(sentence.text for sentence in corpus.train))
        raise KeyboardInterrupt

    monkeypatch.setattr(recovery_seeds, "run_recovery", watched)
    for seed in (1, 1, 2):
        with pytest.raises(KeyboardInterrupt):
            recovery_seeds.try_one(Lesson(model, model, tokenizer, corpus), Trial("fine-tuning", 1, 5, seed))
    assert seen[0] == seen[1] != seen[2] and all(len(set(texts)) == 5 for texts in seen)


def test_curves_hold_the_other_axis_still():
    assert curves(ROWS, "steps") == {
        "fine-tuning": {10: [60.0, 62.0], 30: [70.0, 72.0]},
        "distillation": {10: [65.0, 61.5], 30: [71.0, 73.5]},
    }
    assert curves(ROWS, "sentences") == {"fine-tuning": {100: [55.0], 320: [70.0, 72.0]}}
    assert curves([], "steps") == {} == distillation_ahead([])


def test_distillation_is_compared_seed_by_seed():
    found = distillation_ahead(ROWS)
    assert found[10].value == pytest.approx((1.5 + 3.0) / 2) and found[30].value == pytest.approx(1.25)
    interval = ttest_rel([71.0, 73.5], [70.0, 72.0]).confidence_interval(0.95)
    assert (found[30].low, found[30].high) == pytest.approx((interval.low, interval.high))


def test_one_sample_has_no_interval():
    with pytest.raises(ValueError, match="takes two"):
        recovery_seeds.mean_estimate([1.0])


def test_seeds_of_cuts_are_those_of_the_stored_study():
    rows = json.loads(SPREAD.read_text("utf-8"))["rows"]
    found = recovery_seeds.seeds_of_cuts()
    assert sum(map(len, found.values())) == len(rows)
    assert np.isfinite([f1 for seeds in found.values() for f1 in seeds]).all()
    assert math.isclose(found["heads-20"][0], rows[0]["fp32"]["f1"])


def test_nothing_is_read_where_no_study_is(tmp_path):
    assert recovery_seeds.read_rows(tmp_path / "none.json") == []


@pytest.mark.skipif(not STUDY.is_file(), reason="the study has not been made with this model yet")
def test_the_committed_rows_are_those_of_the_command_that_would_go_on_with_them():
    recorded = json.loads(STUDY.read_text("utf-8"))["command"]
    assert recovery_seeds.command_of(recovery_seeds.command_line().parse_args([])) == recorded
