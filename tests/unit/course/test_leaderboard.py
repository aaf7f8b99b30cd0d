"""The leaderboard keeps every try, and orders them by what their intervals say."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from utils.course.leaderboard import LEARNER, SEARCH, Entry, leaderboard
from utils.measure.run import open_run
from utils.measure.verdict import Estimate
from utils.studies.compression.plan import Target

TARGET = Target(speedup=8.0, lose=1.5)
SURELY_FAST, SURELY_SLOW, PERHAPS = Estimate(9.0, 8.5, 9.5), Estimate(7.0, 6.5, 7.5), Estimate(8.1, 7.5, 8.6)
SURELY_GOOD, SURELY_BAD = Estimate(-0.6, -1.2, 0.1), Estimate(-4.0, -5.0, -3.0)


def entry(heads=0.5, times=SURELY_FAST, difference=SURELY_GOOD, by=LEARNER):
    return Entry(by, "ONNX INT8, sentences", heads, 0.4, 20.0, times, difference)


@pytest.fixture
def board(tmp_path):
    return leaderboard(open_run(str(tmp_path / "runs" / "one")), TARGET)


def cells(board, by=LEARNER):
    _, _, *rows = board.show(by).data.splitlines()
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_tries_of_all_runs_of_a_folder_stand_in_one_table(board, tmp_path):
    board.enter(entry(0.5))
    other = leaderboard(open_run(str(tmp_path / "runs" / "two")), TARGET)
    other.enter(entry(0.6))
    assert board.entries() == other.entries() == [entry(0.5), entry(0.6)]
    assert board.path == tmp_path / "runs" / "leaderboard.json"


def test_the_same_choice_measured_again_is_no_second_try_and_another_one_is(board):
    for one in (entry(0.5), entry(0.6), entry(0.5, PERHAPS), entry(0.5, by=SEARCH)):
        board.enter(one)
    assert board.entries() == [entry(0.5, PERHAPS), entry(0.6), entry(0.5, by=SEARCH)]


def test_the_search_has_one_row_which_stands_alone_until_somebody_has_chosen(board):
    for one in (entry(0.5, by=SEARCH), entry(0.7), entry(0.6, by=SEARCH)):
        board.enter(one)
    assert board.entries() == [entry(0.6, by=SEARCH), entry(0.7)]
    assert [row[0] for row in cells(board, SEARCH)] == ["the search"]
    assert {row[0] for row in cells(board)} == {"the search", "you, try 1"}


def test_what_meets_the_target_comes_first_then_what_nobody_can_tell(board):
    better = SURELY_GOOD._replace(value=-0.1)
    for one in (
        entry(0.1, SURELY_SLOW, better),
        entry(0.2, PERHAPS, better),
        entry(0.3),
        entry(0.4, difference=SURELY_BAD),
        entry(0.5, difference=better),
    ):
        board.enter(one)
    shown = cells(board)
    assert [row[2] for row in shown] == ["50%", "30%", "20%", "10%", "40%"]
    assert [row[0] for row in shown] == ["you, try 5", "you, try 3", "you, try 2", "you, try 1", "you, try 4"]
    assert [row[6] for row in shown] == ["✓ yes", "✓ yes", "? cannot tell", "✗ no", "✓ yes"]
    assert [row[8] for row in shown] == ["✓ yes", "✓ yes", "✓ yes", "✓ yes", "✗ no"]


def test_numbers_are_shown_as_measured(board):
    board.enter(entry(by=SEARCH))
    assert cells(board) == [[
        "the search", "ONNX INT8, sentences", "50%", "40%", "20.0", "9.00 [8.50, 9.50]", "✓ yes",
        "-0.60 [-1.20, +0.10] points", "✓ yes",
    ]]  # fmt: skip


@pytest.mark.parametrize("other", [{"seed": 2}, {"quick": True}, {"target": Target(speedup=9.0, lose=1.5)}])
def test_another_task_has_a_board_of_its_own(board, tmp_path, other):
    settings = {"target": TARGET} | other
    board.enter(entry())
    target = settings.pop("target")
    assert leaderboard(open_run(str(tmp_path / "runs" / "one"), **settings), target).entries() == []
    assert board.entries() == [entry()]


def test_nothing_of_the_machine_is_kept(board, tmp_path):
    board.enter(entry())
    text = board.path.read_text("utf-8")
    assert str(tmp_path) not in text and set(json.loads(text)[board.task][0]) == set(Entry._fields)


def test_two_who_enter_at_once_wait_for_each_other(board):
    shares = [n / 20 for n in range(20)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda share: board.enter(entry(share)), shares))
    assert sorted(each.heads for each in board.entries()) == shares


def test_a_broken_file_is_named(board):
    board.path.parent.mkdir(parents=True)
    board.path.write_text("{", "utf-8")
    with pytest.raises(ValueError, match="leaderboard.json.*begin anew"):
        board.entries()
