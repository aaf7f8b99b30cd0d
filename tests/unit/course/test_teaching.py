"""What learners read: one stable line for a claim, a hint that fits the mistake."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from utils.course import teaching
from utils.course.exercises.nb07b import who_has_how_many
from utils.course.teaching import (
    NOTHING_REVEALED,
    Predictions,
    attempted,
    check,
    exercise,
    listed,
    number,
    predictions,
    show_minutes,
)
from utils.measure.run import open_run
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


@pytest.mark.parametrize("answer", [..., [...], ["B-PER", ...], (..., 1), {"a": 1, "b": ...}])
def test_an_open_answer_is_not_attempted(capsys, answer):
    exercise(answer, EIGHT)
    assert capsys.readouterr().out == "… not attempted yet\n"


def test_what_builds_on_an_answer_waits_for_it(capsys):
    assert attempted(0, np.ones(3), len) and capsys.readouterr().out == ""
    assert not attempted(len, ...) and capsys.readouterr().out == "… not attempted yet\n"


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


@pytest.mark.parametrize(
    "answer", [np.float32(8), np.int64(8), np.array(8.0), torch.tensor(8.0), np.array([8.0]), torch.tensor([[8.0]])]
)
def test_a_number_of_numpy_or_torch_counts(capsys, answer):
    exercise(answer, EIGHT)
    assert capsys.readouterr().out == "✓ right\n"


def test_a_list_of_one_number_is_no_number():
    assert "a number is expected" in EIGHT([8.0]) and "a number is expected" in EIGHT({8.0})


@pytest.mark.parametrize(
    "answer", [np.arange(1000.0), torch.zeros(20, 50), list(range(1000)), {n: n for n in range(99)}]
)
def test_a_large_answer_is_not_repeated(answer):
    assert "a number is expected" in EIGHT(answer) and len(EIGHT(answer)) < 120


def of_three(answer):
    """A checker of functions."""
    return None if answer(3) == 6 else "twice, please"


def not_defined(number):
    return 2 * numbr  # noqa: F821


def out_of_range(number):
    wanted = number + 1
    return [number][wanted]


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (not_defined, "NameError: name 'numbr' is not defined (line {}: `return 2 * numbr  # noqa: F821`)"),
        (out_of_range, "IndexError: list index out of range (line {}: `return [number][wanted]`)"),
    ],
)
def test_a_function_that_stops_gets_one_line_with_its_own(capsys, answer, line):
    exercise(answer, of_three)
    last = max(number for *_, number in answer.__code__.co_lines() if number)
    assert capsys.readouterr().out == f"✗ your function stopped with {line.format(last)}\n"


def test_an_error_in_a_library_is_told_at_the_learners_line(capsys):
    exercise(lambda number: json.loads("{" * number), of_three)
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "JSONDecodeError" in said and "json.loads(" in said and "decoder.py" not in said


def test_a_long_and_coloured_message_is_made_short(capsys):
    def loud(number):
        raise ValueError("\x1b[96mmany\nlines\x1b[0m " * 100)

    exercise(loud, of_three)
    said = capsys.readouterr().out
    assert "ValueError: many lines many" in said and "\x1b" not in said and len(said) < 400 and said.count("\n") == 1


def test_an_answer_that_a_checker_cannot_read_is_said_to_be_one(capsys):
    exercise([[6], [8]], who_has_how_many)
    assert capsys.readouterr().out == "✗ this answer cannot be judged (TypeError: unhashable type: 'list')\n"


def test_an_interrupt_is_no_answer():
    def stop(number):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exercise(stop, of_three)


@pytest.mark.parametrize("answer", [[1, 2], (1, 2), range(1, 3), np.array([1, 2]), torch.tensor([1, 2])])
def test_what_holds_parts_in_order_is_a_list(answer):
    assert listed(answer) == [1, 2]


@pytest.mark.parametrize("answer", ["12", 12, {1, 2}, {1: 2}, np.array([[1, 2]]), torch.tensor(1), None])
def test_everything_else_is_none(answer):
    assert listed(answer) is None


def test_an_array_is_an_answer(capsys):
    exercise(np.ones(3), lambda answer: None if answer.sum() == 3 else "sum it")
    assert capsys.readouterr().out == "✓ right\n"


def test_the_right_number_wins_over_a_hint_near_by():
    assert number(100, {100.5: "no"}, tolerance=0.01)(100.4) is None


@pytest.fixture
def guesses(tmp_path):
    return predictions(open_run(str(tmp_path / "run")), "04")


@pytest.mark.parametrize(
    ("guess", "measured", "unit", "line"),
    [
        (..., 7.3, "%", "measured: 7.3 %\n"),
        (..., np.float32(320), "ms", "measured: 320 ms\n"),
        (..., "neither", "", "measured: neither\n"),
        (10, 7.3, "%", "you said 10 %; measured: 7.3 %\n"),
        ("the low\nlayers", "everywhere", "", "you said the low layers; measured: everywhere\n"),
        ([1, 2], np.int64(3), "", "you said [1, 2]; measured: 3\n"),
    ],
)
def test_an_answer_stands_beside_the_prediction_if_there_is_one(capsys, guesses, guess, measured, unit, line):
    guesses.reveal("what goes", guess, measured, unit)
    assert capsys.readouterr().out == line


def rows_of(review):
    lines = review.data.splitlines()
    assert lines[:2] == ["| question | your guess | measured | how far off |", "| --- | --- | --- | --- |"]
    return [line.strip("| ").split(" | ") for line in lines[2:]]


def test_a_review_shows_guesses_beside_what_came_out_and_how_far_off_they_are(guesses):
    guesses.reveal("size", 10, 7.3, "%")
    guesses.reveal("open", ..., 12.0, "ms")
    guesses.reveal("low", 0.5, np.float64(2.0), "points")
    guesses.reveal("words", "all|none", "most")
    guesses.reveal("half words", 3, "3 or 4")
    guesses.reveal("digits", 3.3333, 10 / 3)
    guesses.reveal("size", 7, np.int64(7), "%")
    assert rows_of(guesses.review()) == [
        ["size", "7 %", "7 %", "right"],
        ["open", "–", "12 ms", "–"],
        ["low", "0.5 points", "2 points", "1.5 too low"],
        ["words", "all\\|none", "most", "–"],
        ["half words", "3", "3 or 4", "–"],
        ["digits", "3.333", "3.333", "right"],
    ]
    guesses.reveal("size", 10, 7.3, "%")
    assert rows_of(guesses.review())[0] == ["size", "10 %", "7.3 %", "2.7 too high"]


def test_a_review_without_guesses_shows_what_was_measured(guesses):
    assert guesses.review().data == NOTHING_REVEALED and "\n" not in NOTHING_REVEALED
    guesses.reveal("size", ..., 7.3, "%")
    assert rows_of(guesses.review()) == [["size", "–", "7.3 %", "–"]]


@pytest.mark.parametrize(
    ("guess", "off"), [(2.0, "inside the interval"), (3.5, "0.5 too high"), (..., "–"), ("many", "–")]
)
def test_what_has_an_interval_is_told_with_it(guesses, capsys, guess, off):
    guesses.reveal("loss", guess, Estimate(3.0, 1.93, np.float64(3.11)), "points")
    assert capsys.readouterr().out.endswith("measured: 3 [1.93, 3.11] points\n")
    ((_, _, measured, distance),) = rows_of(guesses.review())
    assert (measured, distance) == ("3 [1.93, 3.11] points", off)


def test_predictions_outlive_the_kernel_and_notebooks_do_not_mix_theirs(tmp_path):
    run = open_run(str(tmp_path))
    predictions(run, "04").reveal("size", 10, 7.3, "%")
    predictions(run, "05").reveal("size", "small", "large")
    assert rows_of(predictions(run, "04").review()) == [["size", "10 %", "7.3 %", "2.7 too high"]]
    assert rows_of(predictions(run, "05").review()) == [["size", "small", "large", "–"]]
    assert json.loads((tmp_path / "predictions.json").read_text("utf-8"))["05"] == {
        "size": {"guess": "small", "measured": "large", "unit": "", "interval": None}
    }


def predict_often(path, notebook):
    for count in range(20):
        Predictions(path, notebook).reveal(f"question {count}", count, count)


def test_notebooks_that_run_at_once_lose_no_prediction(tmp_path):
    path, notebooks = tmp_path / "predictions.json", ("03", "04", "05")
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(predict_often, [path] * 3, notebooks))
    kept = json.loads(path.read_text("utf-8"))
    assert {name: len(found) for name, found in kept.items()} == dict.fromkeys(notebooks, 20)


def test_a_broken_file_of_predictions_is_named(guesses):
    guesses.reveal("size", 10, 7.3, "%")
    guesses.path.write_text("{", "utf-8")
    for act in (guesses.review, lambda: guesses.reveal("size", 10, 7.3, "%")):
        with pytest.raises(ValueError, match="predictions.json: .*delete the file"):
            act()


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
