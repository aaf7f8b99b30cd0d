"""The course's own versions: a student is the original's, cut and mended; a cut is chosen by what sentences can see."""

import json

import pytest
import torch

from utils.compress.recipes import COMPRESSED, Cut, left_after, prune_to
from utils.compress.recovery.distillation import Distillation
from utils.course.prepare import write_corpus
from utils.measure.run import open_run
from utils.model.pruned_shape import size_of
from utils.studies import own_versions
from utils.studies.own_versions import STUDY, chosen, measure, school_of, try_cut
from utils.text.entities import Corpus
from utils.text.formats.bracketed import parse_bracketed

SENTENCES = [parse_bracketed(line) for line in ("[北京](LOC)很大。", "[唐虹](PER)到[北京](LOC)。", "今天天气很好。")]


def row(share, dev):
    return {"heads": share, "neurons": share, "difference": {"dev": [dev, dev - 2, dev + 2], "beside": [-9, -10, -8]}}


def test_the_deepest_cut_that_dev_allows_is_chosen():
    rows = [row(0.4, -0.2), row(0.5, -1.3), row(0.6, -1.0), row(0.7, -2.1)]
    assert chosen(rows, 2.0) == (0.6, 0.6) and chosen(rows, 4.2) == (0.7, 0.7)
    assert chosen(rows[1:2], 2.0) is None


@pytest.fixture
def school(tiny_published, tmp_path):
    write_corpus(Corpus(SENTENCES * 12, SENTENCES * 2, SENTENCES), tmp_path / "corpus")
    return school_of(open_run(str(tmp_path / "run"), str(tiny_published), str(tmp_path / "corpus"), quick=True))


GONE = (0.5, 0.5)


def test_a_student_is_the_originals_weakest_parts_cut_and_mended(school):
    size = left_after(school.original, Cut(*GONE, 1.0))
    student, plain = school.student(size), prune_to(school.original, *school.scores, size)
    assert size_of(student) == size and student.config.kept_heads == plain.config.kept_heads
    assert not torch.equal(
        student.bert.encoder.layer[0].output.dense.weight, plain.bert.encoder.layer[0].output.dense.weight
    )


def test_a_version_is_made_once_a_run_and_leaves_no_checkpoints(school, monkeypatch):
    first = school.fair_baseline()
    monkeypatch.setattr(own_versions, "distil", lambda *_: pytest.fail("it is there"))
    again = school.fair_baseline()
    assert all(torch.equal(a, b) for a, b in zip(first.state_dict().values(), again.state_dict().values(), strict=True))
    folders = [path.name for path in (school.run.artifacts / "mini").iterdir() if path.is_dir()]
    assert folders == ["original-again-own-seed1"]
    assert isinstance(school.lessons, Distillation) and school.lessons.teacher is school.original


def test_a_row_for_every_cut_and_finished_ones_are_kept(school, tmp_path, monkeypatch):
    monkeypatch.setattr(own_versions, "TRIED", (GONE, (0.75, 0.5)))
    out, beside = tmp_path / "rows.json", school.run.corpus.dev[:2]
    found = measure(school, beside, out, "the command")
    assert json.loads(out.read_text("utf-8")) == found
    assert [(each["heads"], each["neurons"]) for each in found["rows"]] == [(0.5, 0.5), (0.75, 0.5)]
    assert found["sentences"] == {"dev": len(school.run.corpus.dev), "beside": 2}
    assert all(low <= value <= high for each in found["rows"] for value, low, high in each["difference"].values())
    monkeypatch.setattr(own_versions, "try_cut", lambda *_: pytest.fail("this cut is done"))
    assert measure(school, beside, out, "the command") == found


def test_what_is_lost_is_counted_from_the_fair_baseline(school):
    """Against itself, a baseline that answers as the student does has lost nothing."""
    dev = school.run.corpus.dev
    student = school.taught(own_versions.name_of(*GONE), school.student(left_after(school.original, Cut(*GONE, 1.0))))
    own = {"dev": own_versions._read(school, student, dev)}
    assert try_cut(school, {"dev": dev}, own, GONE)["difference"] == {"dev": [0.0, 0.0, 0.0]}


def test_the_versions_of_the_course_are_the_chosen_ones():
    rows = json.loads(STUDY.read_text("utf-8"))["rows"]
    assert [(row["heads"], row["neurons"]) for row in rows] == list(own_versions.TRIED)
    assert all((cut.heads, cut.neurons) == chosen(rows, cut.allowed) for cut in COMPRESSED.values())
