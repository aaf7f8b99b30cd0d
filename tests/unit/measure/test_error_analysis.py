"""What broke is counted as by hand; a recovery is watched, and leaves nothing behind but what it returns."""

import json
import math
from functools import partial

import pytest
import torch
from tiny_models import random_raner, random_texts, tiny_tokenizer

from utils.compress.batches import make_batches
from utils.compress.curves import Epoch
from utils.compress.pruning.remove import prune_heads
from utils.compress.recipes import CUTS
from utils.compress.recovery.distillation import Distillation, distil
from utils.compress.recovery.fine_tuning import fine_tune
from utils.compress.recovery.rescaling import rescale_heads
from utils.compress.training import Schedule, dev_f1
from utils.course.report import study_table
from utils.measure.error_analysis import error_profile, found_names, names_of
from utils.measure.evaluation import evaluate
from utils.model.checkpoint import load_raner
from utils.model.torch_tagger import torch_tagger
from utils.studies.recovery_bars import AGAIN, Study, run_study
from utils.studies.recovery_race import concatenate_curves, run_recovery, run_rescaling
from utils.text.entities import Corpus, Span, annotate
from utils.text.formats.bracketed import parse_bracketed

GOLD = [
    parse_bracketed(line)
    for line in ("[北京](LOC)与[上海](LOC)。", "[唐虹](PER)说。", "[新华社](ORG)记者[王](PER)。", "今天。")
]
ANSWERS = [
    parse_bracketed(line).entities
    for line in ("[北京](LOC)与上海。", "[唐虹说](PER)。", "[新华社](LOC)记者[王](PER)。", "[今](LOC)天。")
]
"""Two right (北京, 王); 上海 missed; 唐虹 with a wrong end; 新华社 of a wrong type; 今 spurious."""
KNOWN = names_of([parse_bracketed("[北京](LOC)的[上海](ORG)"), parse_bracketed("[唐虹](PER)，[王](PER)")])


def test_damage_is_what_a_reader_counts():
    found = error_profile(GOLD, ANSWERS, KNOWN)
    by_type, errors, names = found.values()
    assert by_type == pytest.approx({"LOC": 200 / (2 + 3), "ORG": 0, "PER": 200 / (2 + 2)})
    assert errors == pytest.approx(dict.fromkeys(("missed", "wrong boundary", "wrong type", "spurious"), 100 / 5))
    assert names == pytest.approx({"seen in train": 100 * 2 / 3, "new": 0})


def test_nothing_is_broken_where_all_is_right():
    by_type, errors, names = error_profile(GOLD, [sentence.entities for sentence in GOLD], KNOWN).values()
    assert set(by_type.values()) == {100} and set(errors.values()) == {0} and set(names.values()) == {100}


def test_a_type_that_is_never_annotated_has_no_f1():
    assert list(error_profile(GOLD[:1], [ANSWERS[2]], KNOWN)["F1 by type (points)"]) == ["LOC"]


def test_a_name_is_known_with_its_type_only():
    assert found_names(GOLD[:1], ANSWERS[:1], names_of(GOLD)) == {"seen in train": 50}
    assert found_names(GOLD[:1], ANSWERS[:1], {("北京", "PER")}) == {"new": 50}


SENTENCES = [annotate(text, [Span(0, 2, "ORG")]) for text in random_texts(96)]
CORPUS = Corpus(SENTENCES, SENTENCES[:8], SENTENCES[:8])


@pytest.mark.parametrize("method", [fine_tune, partial(distil, distillation=Distillation(random_raner(5)))])
def test_recover_returns_the_best_epoch_of_its_curve(method, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    model = random_raner()
    found = run_recovery(method, model, tiny_tokenizer(), CORPUS, Schedule(epochs=3, learning_rate=1e-2))
    first, *later = found.curve
    assert first[:2] == (0, 0) and math.isnan(first.loss)
    assert first.f1 == evaluate(torch_tagger(model, tiny_tokenizer()), CORPUS.dev).scores.f1
    assert dev_f1(found.model, tiny_tokenizer(), CORPUS) == pytest.approx(max(point.f1 for point in later))
    assert [point.epoch for point in later] == [1, 2, 3] and later[-1].seconds <= found.seconds
    assert list(tmp_path.iterdir()) == []


def test_rescaling_has_a_curve_of_before_and_after():
    original, tokenizer = random_raner(), tiny_tokenizer()
    pruned = prune_heads(original, {0: [0, 1]})
    batches = make_batches(SENTENCES, tokenizer, original.labels)
    found = run_rescaling(pruned, original, tokenizer, CORPUS, batches)
    weights = zip(found.model.parameters(), rescale_heads(pruned, original, batches).parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in weights)
    assert [point.f1 for point in found.curve] == [dev_f1(m, tokenizer, CORPUS) for m in (pruned, found.model)]
    assert [point.seconds for point in found.curve] == [0, found.seconds]


def test_a_curve_goes_on_where_the_last_one_ended():
    first = [Epoch(0, 0, math.nan, 10), Epoch(1, 2.0, 0.5, 30)]
    second = [Epoch(0, 0, math.nan, 20), Epoch(1, 3.0, 0.4, 40), Epoch(1.5, 4.0, 0.3, 50)]
    found = concatenate_curves([first, second, second])
    assert [point.epoch for point in found] == [0, 1, 1, 2, 2.5, 2.5, 3.5, 4]
    assert [point.seconds for point in found] == [0, 2, 2, 5, 6, 6, 9, 10]
    assert [point.f1 for point in found] == [10, 30, 20, 40, 50, 20, 40, 50]


def test_a_study_is_shown_row_by_row(tiny_published, tmp_path):
    sentences = GOLD * 8
    study = Study(*load_raner(tiny_published), Corpus(sentences, GOLD, GOLD), tmp_path / "run", Schedule(1, 1e-3, 1))
    found = run_study(study, tmp_path / "study.json", "a command")
    lines = study_table(tmp_path / "study.json").data.splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [row[0] for row in cells[2:]] == ["original", *CUTS, AGAIN]
    assert {len(row) for row in cells} == {8}
    for shown, row in zip(cells[3:], found["rows"], strict=True):
        assert float(shown[5]) == pytest.approx(row["difference"]["f1"], abs=0.005)
    assert [cells[-1][i] for i in (1, 2, 3, 7)] == [""] * 4


def test_a_bar_that_is_missed_is_crossed(tmp_path):
    row = {"stage": "heads-50", "heads": 72, "neurons": 9216, "f1_pruned": 80.0, "f1_recovered": 83.0, "seconds": 9.7}
    row |= {"difference": {"f1": -1.6, "low": -2.5, "high": -0.5}, "allowed": 0.5, "holds": False}
    path = tmp_path / "study.json"
    path.write_text(json.dumps({"original": {"f1": 84.59}, "rows": [row]}))
    last = study_table(path).data.splitlines()[-1]
    assert last == "| heads-50 | 72 | 9216 | 80.0 | 83.0 | -1.60 | -2.50 to -0.50 | -0.5 ✗ |"


def test_a_study_that_is_not_there_is_said_so(tmp_path):
    assert "not been made" in study_table(tmp_path / "none.json").data
