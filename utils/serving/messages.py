"""What goes over the wire, REST and WebSocket alike. Offsets are code points, as Python counts them."""

from collections.abc import Sequence
from dataclasses import asdict
from time import perf_counter
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from utils.serving.refusals import Refusal, as_refusal, new_request_id
from utils.serving.service import Answer

LONGEST = 5_000
"""Characters of a text. As an emoji, one takes up to 12 bytes of JSON, so a message stays below `MESSAGE`."""
TEXTS = 64
MESSAGE = 65_536
BODY = 4 * MESSAGE

ONE, SEVERAL = "one text", "several texts"

Text = Annotated[str, Field(max_length=LONGEST, description="any text; offsets count its code points")]
Texts = Annotated[list[Text], Field(max_length=TEXTS)]


class Question(BaseModel):
    """One text, or several."""

    model_config = ConfigDict(extra="forbid")
    text: Annotated[
        Annotated[Text, Tag(ONE)] | Annotated[Texts, Tag(SEVERAL)],
        Discriminator(lambda text: SEVERAL if isinstance(text, list) else ONE),
    ]


class FoundEntity(BaseModel):
    """`text[start:end]`, and the CRF's probability of the whole entity."""

    start: int
    end: int
    type: str
    text: str
    confidence: float = Field(ge=0, le=1)


class Result(BaseModel):
    """Entities of one text; `computed` of its `sentences` were not known from an earlier request."""

    entities: list[FoundEntity]
    sentences: int
    computed: int


class Answered(BaseModel):
    """One result a text, in the order of the request."""

    model: str
    offset_unit: Literal["codepoint"] = "codepoint"
    latency_ms: float
    results: list[Result]


class Refused(BaseModel):
    """Why there is no answer; `retry_after` in seconds where asking again may help. The log knows `request_id`."""

    code: str
    message: str
    retry_after: float | None
    request_id: str


class Ask(BaseModel):
    """A WebSocket message: the whole text, under a number that its answer will carry."""

    model_config = ConfigDict(extra="forbid", strict=True)
    seq: int = Field(ge=0, lt=2**53)
    text: Text


def result(answer: Answer) -> dict:
    """An answer as `Result` has it."""
    found = [asdict(entity) for entity in answer.entities]
    return {"entities": found, "sentences": answer.sentences, "computed": answer.computed}


def signature(model: str, started: float) -> dict:
    """What every answer carries besides its results; `started` is a `perf_counter` reading."""
    milliseconds = round(1000 * (perf_counter() - started), 2)
    return {"model": model, "offset_unit": "codepoint", "latency_ms": milliseconds}


def refused(refusal: Refusal, request_id: str) -> dict:
    """A refusal as `Refused` has it."""
    said = {"code": refusal.code, "message": refusal.message, "retry_after": refusal.retry_after}
    return {**said, "request_id": request_id}


def entities_message(ask: Ask, answer: Answer, model: str, started: float) -> dict:
    """What a WebSocket or the widget sends to a question that is answered."""
    return {"type": "entities", "seq": ask.seq, **signature(model, started), **result(answer)}


def error_message(seq: int | None, error: Exception) -> dict:
    """What it sends to one that is not, whatever went wrong; the request gets its id here."""
    request_id = new_request_id()
    return {"type": "error", "seq": seq, **refused(as_refusal(error, request_id), request_id)}


_WORDS = {
    "missing": "{where} is missing",
    "extra_forbidden": "{where} is not known here",
    "json_invalid": "{where} is no JSON: {error}",
    "string_type": "{where} must be a string",
    "string_unicode": "{where} holds half of a surrogate pair, which is no character",
    "string_too_long": "{where} has more than {max_length} characters",
    "too_long": "{where} has more than {max_length} texts",
    **dict.fromkeys(
        ("model_type", "model_attributes_type", "dict_type"), '{where} must be an object such as {{"text": "..."}}'
    ),
    **dict.fromkeys(
        ("int_type", "int_from_float", "greater_than_equal", "less_than"),
        "{where} must be a whole number from 0 to 2^53 - 1",
    ),
}
"""Kind of a pydantic error -> what is said of it."""


def wrong(errors: Sequence[dict]) -> str:
    """What is wrong and where; nothing of a text is repeated, which may not even be valid Unicode."""
    words = "; ".join(dict.fromkeys(map(_words, errors[:5])))
    return words.encode(errors="replace").decode()


def _words(error: dict) -> str:
    whole = "the body" if error["loc"][:1] == ("body",) else "the message"
    place = [] if error["type"] == "json_invalid" else [p for p in error["loc"] if p not in ("body", ONE, SEVERAL)]
    where = ".".join(map(str, place)) or whole
    return _WORDS.get(error["type"], "{where}: {msg}").format_map({**error.get("ctx", {}), **error, "where": where})
