"""What is said of questions that do not follow the schema: where, and in words that need no manual."""

import pytest
from pydantic import ValidationError

from utils.serving.messages import LONGEST, TEXTS, Ask, Question, error_message, wrong
from utils.serving.refusals import Overloaded


def said_of(model, content) -> str:
    with pytest.raises(ValidationError) as refused:
        model.model_validate_json(content) if isinstance(content, str) else model.model_validate(content)
    return wrong(refused.value.errors(include_input=False))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"text": 3}, "text must be a string"),
        ({"text": None}, "text must be a string"),
        ({}, "text is missing"),
        ({"text": "x", "lang": "zh"}, "lang is not known here"),
        ({"text": "x" * (LONGEST + 1)}, f"text has more than {LONGEST} characters"),
        ({"text": ["x"] * (TEXTS + 1)}, f"text has more than {TEXTS} texts"),
        ({"text": ["x", 3]}, "text.1 must be a string"),
        ({"text": ["x", "x" * (LONGEST + 1)]}, f"text.1 has more than {LONGEST} characters"),
        ([], 'the message must be an object such as {"text": "..."}'),
        ("{", "the message is no JSON"),
        ('{"text": "\\ud83d"}', "the message is no JSON"),
    ],
    ids=range(11),
)
def test_what_is_wrong_with_a_question(content, words):
    said = said_of(Question, content)
    assert said.startswith(words) and ";" not in said


@pytest.mark.parametrize("seq", [-1, 1.5, True, "1", None, 2**53])
def test_what_is_wrong_with_a_number(seq):
    assert said_of(Ask, {"seq": seq, "text": ""}) == "seq must be a whole number from 0 to 2^53 - 1"


def test_half_a_surrogate_pair_is_no_character():
    assert said_of(Question, {"text": "\ud83d"}) == "text holds half of a surrogate pair, which is no character"


def test_several_faults_are_said_in_one_line_that_any_client_can_read():
    assert said_of(Question, {"txt": "x"}) == "text is missing; txt is not known here"
    assert said_of(Question, {"txt\ud83d": "x"}).encode()


def test_a_refusal_on_the_wire():
    message = error_message(4, Overloaded("full", 2))
    assert message | {"request_id": ""} == {
        "type": "error", "seq": 4, "code": "overloaded", "message": "full", "retry_after": 2, "request_id": "",
    }  # fmt: skip
    assert message["request_id"]
