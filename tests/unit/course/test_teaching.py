"""What learners read: one stable line for a claim, a hint that fits the mistake."""

import json

import numpy as np
import pytest

from utils.course import teaching
from utils.course.teaching import check, exercise, number, reveal, show_minutes
from utils.measure.verdict import Estimate, Verdict

EIGHT = number(8, {4: "you halved", 0.08: "in percent, please"})


@pytest.mark.parametrize(
    ("holds", "line"),
    [
        (True, "✓ water is wet\n"),
        (False, "✗ water is wet\n"),
        (np.float64(2) > 1, "✓ water is wet\n"),
        (np.float64(2) < 1, "✗ water is wet\n"),
        (Verdict.YES, "✓ water is wet\n"),
        (Verdict.NO, "✗ water is wet\n"),
        (Verdict.UNSURE, "? water is wet (cannot tell)\n"),
    ],
)
def test_a_claim_is_one_line(capsys, holds, line):
    check("water is wet", holds)
    assert capsys.readouterr().out == line


@pytest.mark.parametrize("number", [0.0, 1, Estimate(1.0, 0.5, 1.5), [], None, "yes"])
def test_only_a_bool_or_a_verdict_says_whether_a_claim_holds(capsys, number):
    with pytest.raises(TypeError, match="a bool or a Verdict"):
        check("water is wet", number)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("answer", [..., [...], ["B-PER", ...], (..., 1)])
def test_an_open_answer_is_not_attempted(capsys, answer):
    exercise(answer, EIGHT)
    assert capsys.readouterr().out == "… not attempted yet\n"


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (8, "✓ right"),
        (8.05, "✓ right"),
        (4, "✗ you halved"),
        (0.08, "✗ in percent, please"),
        (7, "✗ too small"),
        (-4, "✗ too small"),
        (9, "✗ too large"),
        ("8", "✗ a number is expected, not '8'"),
        (True, "✗ a number is expected, not True"),
        (float("nan"), "✗ a number is expected, not nan"),
    ],
)
def test_a_number_gets_the_hint_for_its_mistake(capsys, answer, line):
    exercise(answer, EIGHT)
    assert capsys.readouterr().out == f"{line}\n"


def test_a_number_of_numpy_counts(capsys):
    for answer in (np.float32(8), np.int64(8)):
        exercise(answer, EIGHT)
    assert capsys.readouterr().out == "✓ right\n" * 2


def test_an_array_is_an_answer(capsys):
    exercise(np.ones(3), lambda answer: None if answer.sum() == 3 else "sum it")
    assert capsys.readouterr().out == "✓ right\n"


def test_the_right_number_wins_over_a_hint_near_by():
    assert number(100, {100.5: "no"}, tolerance=0.01)(100.4) is None


@pytest.mark.parametrize(
    ("guess", "line"),
    [(..., "no prediction yet; it is 320 ms\n"), (99.96, "you said 99.96 ms; it is 320 ms\n")],
)
def test_a_prediction_stands_beside_the_measurement(capsys, guess, line):
    reveal(guess, 320.0, "ms")
    assert capsys.readouterr().out == line


def test_minutes_come_from_the_reference_run_which_is_named(tmp_path, monkeypatch):
    run = tmp_path / "run.json"
    monkeypatch.setattr(teaching, "REFERENCE_RUN", run)
    assert "not measured" in show_minutes("00").data
    entries = [{"name": "00_start", "minutes": 0.44}, {"name": "01_data", "minutes": None}]
    machine = {"cpu": "Some CPU", "cores": 2, "flags": ["avx2", "avx512_vnni"]}
    state = {"notebooks": entries, "started": "2026-01-31T09:30:00+00:00", "machine": machine, "commit": "0123456789ab"}
    run.write_text(json.dumps(state), "utf-8")
    assert "0.4 " in show_minutes("00").data
    for words in ("of 2026-01-31", "code 0123456", "on Some CPU, 2 cores, avx2 avx512_vnni"):
        assert words in show_minutes("00").data
    assert "not measured" in show_minutes("01").data
    assert "not measured" in show_minutes("07").data


def test_numbers_are_not_swallowed_by_a_wide_tolerance():
    assert number(1.0, {}, 0.01)(1.02) is not None
