"""Exercise 3 of notebook 08: the right decision passes, and each wrong one gets its hint."""

import pytest

from utils.course.exercises.nb08 import ALLOWED, VERSIONS, decision, deploy


def by_hand(rows, allowed):
    best = None
    for row in rows:
        sure = row["f1_difference"]["low"] + allowed >= 0
        if sure and (best is None or row["times_as_fast"]["low"] > best["times_as_fast"]["low"]):
            best = row
    return best and best["stage"]


def test_the_right_decision_passes():
    assert decision(by_hand) is None
    assert [by_hand(VERSIONS, allowed) for allowed in ALLOWED] == [
        "original", "eight bits", "a sure cut", "a lucky cut", "too much"
    ]  # fmt: skip


WRONG = {
    "point estimates": lambda rows, allowed: deploy(rows, allowed, "value", "value"),
    "by its point estimate": lambda rows, allowed: deploy(rows, allowed, "value", "low"),
    "may be small enough": lambda rows, allowed: deploy(rows, allowed, "high", "low"),
    "the low ends": lambda rows, allowed: deploy(rows, allowed, "low", "value"),
    "is a hope": lambda rows, allowed: deploy(rows, allowed, "low", "high"),
    "is None": lambda rows, allowed: by_hand(rows, allowed) or "original",
    "not an error": lambda rows, allowed: [row["stage"] for row in rows if row["f1_difference"]["low"] > -allowed][0],
    "with 1.0 points": lambda rows, allowed: None,
}


@pytest.mark.parametrize("words", WRONG)
def test_a_wrong_decision_gets_the_hint_that_it_deserves(words):
    assert words in decision(WRONG[words])


def test_an_answer_that_is_no_function_is_said_to_be_none():
    assert "a function" in decision("compressed")
