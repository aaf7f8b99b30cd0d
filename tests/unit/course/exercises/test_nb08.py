"""Notebook 08's rule and its decision: the right ones pass, and each wrong one gets its hint."""

import pytest

from utils.course.exercises.nb08 import (
    ALLOWED,
    ASKED,
    CLEAR,
    FOUND,
    TIES,
    UNEVEN,
    VERSIONS,
    WRONG_RULES,
    decision,
    deploy,
    smallest_within_noise,
    speed_up,
)


def rule_by_hand(candidates, limit, noise):
    best, chosen = None, None
    for c in candidates:
        if c.milliseconds <= limit and (best is None or c.f1 > best):
            best = c.f1
    for c in candidates:
        if c.milliseconds <= limit and c.f1 + noise >= best:
            mine = (c.heads + c.neurons, c.f1, -c.milliseconds)
            if chosen is None or mine > (chosen.heads + chosen.neurons, chosen.f1, -chosen.milliseconds):
                chosen = c
    return chosen


def test_the_right_rule_passes():
    assert smallest_within_noise(rule_by_hand) is None
    assert [rule_by_hand(*asked) for asked in ASKED] == [*(FOUND[n] for n in (4, 3, 1, 1, 0, 6)), CLEAR[0], UNEVEN[0]]
    assert [rule_by_hand(*asked) for asked in TIES] == [asked.candidates[1] for asked in TIES]


def fitting(candidates, limit):
    return [c for c in candidates if c.milliseconds <= limit]


def within(candidates, limit, noise):
    found = fitting(candidates, limit)
    best = max((c.f1 for c in found), default=0)
    return [c for c in found if c.f1 >= best - noise]


def near_the_best_of_all(candidates, limit, noise):
    return [c for c in fitting(candidates, limit) if c.f1 >= max(each.f1 for each in candidates) - noise]


def left(c):
    return c.heads + c.neurons


def ordered(c):
    return left(c), c.f1, -c.milliseconds


RULES = {
    "highest F1, and noise": lambda found, limit, noise: max(fitting(found, limit), key=lambda c: c.f1),
    "nobody asked for more": lambda found, limit, noise: min(fitting(found, limit), key=lambda c: c.milliseconds),
    "*deepest* cut": lambda found, limit, noise: min(within(found, limit, noise), key=left),
    "however low its F1": lambda found, limit, noise: max(fitting(found, limit), key=left),
    "longer than the limit": lambda found, limit, noise: rule_by_hand(found, 1e9, noise),
    "among all": lambda found, limit, noise: max(near_the_best_of_all(found, limit, noise), key=left, default=None),
    "some candidates fit": lambda found, limit, noise: max(near_the_best_of_all(found, limit, noise), key=left),
    "exactly the limit": lambda found, limit, noise: rule_by_hand(fitting(found, limit - 1e-9), limit, noise),
    "exactly the noise": lambda found, limit, noise: rule_by_hand(found, limit, noise - 1e-9),
    "exactly the limit, and what": lambda found, limit, noise: rule_by_hand(
        fitting(found, limit - 1e-9), limit, noise - 1e-9
    ),
    "a product punishes": lambda found, limit, noise: max(
        within(found, limit, noise), key=lambda c: c.heads * c.neurons
    ),
    "add the neurons": lambda found, limit, noise: max(within(found, limit, noise), key=lambda c: (c.heads, c.f1)),
    "add the heads": lambda found, limit, noise: max(within(found, limit, noise), key=lambda c: (c.neurons, c.f1)),
    "the one with the higher F1": lambda found, limit, noise: max(within(found, limit, noise), key=left),
    "take the faster one": lambda found, limit, noise: max(within(found, limit, noise), key=lambda c: (left(c), c.f1)),
    "is None, not an error": lambda found, limit, noise: max(within(found, limit, noise), key=ordered),
    "fits, the answer is None": lambda found, limit, noise: rule_by_hand(found, limit, noise) or found[0],
    "do you `return`": lambda found, limit, noise: None,
    "stopped with AttributeError": lambda found, limit, noise: found.milliseconds,
    "one of the candidates": lambda found, limit, noise: 80.0,
    "which ones are close?": lambda found, limit, noise: found[1],
}


@pytest.mark.parametrize("words", RULES)
def test_a_wrong_rule_gets_the_hint_that_it_deserves(words):
    assert words in smallest_within_noise(RULES[words])


def test_every_hint_of_a_rule_is_for_another_choice():
    chosen = [tuple(map(rule, ASKED)) for rule in WRONG_RULES.values()]
    assert len(set(chosen)) == len(chosen) and tuple(rule_by_hand(*asked) for asked in ASKED) not in chosen


def test_a_rule_that_is_no_function_is_said_to_be_none():
    assert "a function" in smallest_within_noise("the best")


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
    "you take 'eight bits'": lambda rows, allowed: by_hand(rows, allowed - 1e-9),
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


def test_speed_up():
    checker = speed_up()
    assert checker(320 / 100) is None and "other way" in checker(100 / 320)
    assert "in percent" in checker(68.7) and "share" in checker(0.687) and "not 68.7 % more" in checker(1.687)


def test_an_answer_that_is_no_function_is_said_to_be_none():
    assert "a function" in decision("compressed")
