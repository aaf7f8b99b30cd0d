"""Notebook 08b's decision: the right one passes, and each wrong one gets its hint."""

import pytest
from transformers import BertConfig

from utils.compress.pruning.cost import cost_by_part
from utils.course.exercises.nb08b import ALLOWED, VERSIONS, decision, deploy, most_from_heads
from utils.model.pruned_shape import pruning_map


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
        "a surprise", "eight bits", "a sure cut", "a sure cut", "a lucky cut", "too much"
    ]  # fmt: skip


WRONG = {
    "point estimates": lambda rows, allowed: deploy(rows, allowed, "value", "value"),
    "by its point estimate": lambda rows, allowed: deploy(rows, allowed, "value", "low"),
    "may be small enough": lambda rows, allowed: deploy(rows, allowed, "high", "low"),
    "the low ends": lambda rows, allowed: deploy(rows, allowed, "low", "value"),
    "is a hope": lambda rows, allowed: deploy(rows, allowed, "low", "high"),
    "is None": lambda rows, allowed: by_hand(rows, allowed) or "original",
    "not an error": lambda rows, allowed: [row["stage"] for row in rows if row["f1_difference"]["low"] > -allowed][0],
    "rows to choose from": lambda rows, allowed: None,
    "exactly what is allowed": lambda rows, allowed: by_hand(rows, allowed - 1e-9),
    "asked for is its `stage`": lambda rows, allowed: next(
        (row for row in rows if row["stage"] == by_hand(rows, allowed)), None
    ),
    "you take 'original'": lambda rows, allowed: by_hand(rows, allowed) and rows[0]["stage"],
    "a difference below 0 is a loss": lambda rows, allowed: by_hand(
        [row for row in rows if row["f1_difference"]["high"] <= allowed], 1e9
    ),
    "gains loses nothing": lambda rows, allowed: by_hand(
        [row for row in rows if abs(row["f1_difference"]["low"]) <= allowed], 1e9
    ),
}


@pytest.mark.parametrize("words", WRONG)
def test_a_wrong_decision_gets_the_hint_that_it_deserves(words):
    assert words in decision(WRONG[words])


def test_an_answer_that_is_no_function_is_said_to_be_none():
    assert "a function" in decision("compressed")


def test_most_from_heads():
    config = BertConfig(vocab_size=21128)
    parts = cost_by_part(config, pruning_map(config), 502)
    work = {name: part.multiply_adds for name, part in parts.items()}
    rest = sum(products for name, products in work.items() if name != "attention")
    checker = most_from_heads(config)
    assert checker((rest + work["attention"]) / rest) is None
    assert "how many times as fast" in checker(rest / (rest + work["attention"]))
    assert "divide by what is left" in checker(1 + work["attention"] / (rest + work["attention"]))
    stored = sum(part.parameters for part in parts.values())
    assert "those are parameters" in checker(stored / (stored - parts["attention"].parameters))
