"""What goes over the wire, REST and WebSocket alike. Offsets are code points, as Python counts them."""

from collections.abc import Sequence
from dataclasses import asdict
from time import perf_counter
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from utils.serving.refusals import Refusal
from utils.serving.service import Answer

LONGEST = 5_000
"""Characters of a text. As an emoji, one takes up to 12 bytes of JSON, so a message stays below `MESSAGE`."""
TEXTS = 64
MESSAGE = 65_536
BODY = 4 * MESSAGE

Text = Annotated[str, Field(max_length=LONGEST, description="any text; offsets count its code points")]


class Question(BaseModel):
    """One text, or several."""

    model_config = ConfigDict(extra="forbid")
    text: Text | Annotated[list[Text], Field(max_length=TEXTS)]


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
    """Why there is no answer; `retry_after` in seconds where asking again may help."""

    code: str
    message: str
    retry_after: float | None = None


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


def refused(refusal: Refusal) -> dict:
    """A refusal as `Refused` has it."""
    return {"code": refusal.code, "message": refusal.message, "retry_after": refusal.retry_after}


def wrong(errors: Sequence[dict]) -> str:
    """What is wrong and where; nothing of the input is repeated, which may not even be valid Unicode."""
    words = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in errors[:5])
    return words.encode(errors="replace").decode()
