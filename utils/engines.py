"""Several engines on the same texts: how long they take, what their optimisers really fused, which to pick."""

import contextlib
import io
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from utils.benchmark import MB, measure_latency
from utils.entities import Sentence, Span, annotate
from utils.ledger import ORIGINAL
from utils.onnx_runtime import WEIGHTS, quiet
from utils.tagger import Tagger


def latency_grid(
    taggers: Mapping[str, Tagger], inputs: Mapping[int, Sequence[str]], repeats: int = 7
) -> dict[str, dict[int, float]]:
    """Median ms of each tagger on each input, the taggers taking turns: tagger -> input's number -> ms.

    Args:
        inputs: a number, such as a length or a batch size, and the texts of one batch.
    """
    curves: dict[str, dict[int, float]] = {name: {} for name in taggers}
    for number, texts in inputs.items():
        calls = {name: _call(tagger, texts) for name, tagger in taggers.items()}
        for name, latency in measure_latency(calls, repeats).items():
            curves[name][number] = latency.p50
    return curves


def _call(tagger: Tagger, texts: Sequence[str]) -> Callable[[], object]:
    return lambda: tagger.predict(texts, batch_size=len(texts))


def idle_milliseconds(call: Callable[[], object], wait: float = 0.1) -> float:
    """CPU time that this process takes in the `wait` seconds after a call, doing nothing; least of three, in ms."""
    return min(_idle_once(call, wait) for _ in range(3))


def _idle_once(call: Callable[[], object], wait: float) -> float:
    call()
    start = time.process_time()
    time.sleep(wait)
    return 1000 * (time.process_time() - start)


def fused_by_pattern(path: str | Path, heads: int, hidden_size: int) -> dict[str, int]:
    """What ONNX Runtime's BERT optimiser fuses in an exported graph by looking for known patterns.

    Args:
        heads, hidden_size: what its documentation wants to be told; 0 and 0 let it guess.

    Returns:
        Fused operator -> how many there are afterwards, those of which there is none included.
    """
    from onnxruntime.transformers.optimizer import optimize_model

    with quiet(), contextlib.redirect_stdout(io.StringIO()):
        model = optimize_model(str(Path(path) / WEIGHTS), "bert", num_heads=heads, hidden_size=hidden_size, opt_level=0)
        return model.get_fused_operator_statistics()


def joined(sentences: Sequence[Sentence], length: int) -> list[Sentence]:
    """Texts of up to `length` characters, made of neighbouring sentences; entities keep their places."""
    texts: list[list[Sentence]] = [[]]
    for sentence in sentences:
        if texts[-1] and sum(len(s.text) for s in texts[-1]) + len(sentence.text) > length:
            texts.append([])
        texts[-1].append(sentence)
    return [_join(parts) for parts in texts if parts]


def _join(parts: Sequence[Sentence]) -> Sentence:
    text, spans = "", []
    for part in parts:
        spans += [Span(e.start + len(text), e.end + len(text), e.type) for e in part.entities]
        text += part.text
    return annotate(text, spans)


class Choice(NamedTuple):
    """One engine in numbers: ms and bytes and memory in MB at `scale`, F1 in points (None: not measured)."""

    stage: str
    backend: str
    milliseconds: float
    megabytes: float
    memory: float
    f1: float | None

    @property
    def name(self) -> str:
        return f"{self.backend}, {self.stage}"


class _HasTimeAndF1(Protocol):
    milliseconds: float
    f1: float | None


Timed = TypeVar("Timed", bound=_HasTimeAndF1)


def choices(rows: Sequence[dict], notebook: str, scale: str = "article") -> list[Choice]:
    """The rows that a notebook measured at `scale`, fastest first; F1 is the mini's, whose function the twin has."""
    f1 = {(row["stage"], row["backend"]): row["f1"] for row in rows if row["scale"] == "mini"}
    found = [
        Choice(
            row["stage"],
            row["backend"],
            row["latency_ms"]["p50"],
            row["file_bytes"] / MB,
            row["rss_mb"],
            f1.get((row["stage"], row["backend"])),
        )
        for row in rows
        if row["scale"] == scale and row["notebook"] == notebook
    ]
    return sorted(found, key=lambda choice: choice.milliseconds)


def pick(found: Sequence[Choice], margin: float) -> Choice:
    """The fastest one that loses at most `margin` points of F1 against the untouched model.

    Raises:
        ValueError: the untouched model is not among them, so nothing can be compared.
    """
    original = next((c for c in found if (c.stage, c.backend) == ORIGINAL and c.f1 is not None), None)
    if original is None:
        raise ValueError(f"no F1 of {'/'.join(ORIGINAL)} to compare with")
    return min(
        (c for c in found if c.f1 is not None and c.f1 >= original.f1 - margin), key=lambda choice: choice.milliseconds
    )


def front(found: Sequence[Timed]) -> list[Timed]:
    """The Pareto front, fastest first: those that no other one beats in time or in F1 without losing in the other.

    Args:
        found: anything with `milliseconds` and `f1`; where F1 is None it was not measured, and cannot be compared.
    """
    scored = sorted((c for c in found if c.f1 is not None), key=lambda c: (c.milliseconds, -c.f1))
    best, kept = float("-inf"), []
    for choice in scored:
        if choice.f1 > best:
            best, kept = choice.f1, [*kept, choice]
    return kept
