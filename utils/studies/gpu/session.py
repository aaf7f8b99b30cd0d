"""One session: every version that can be opened, held against torch in float32, and timed in turns."""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from utils.measure.latency import Latency, Rounds, measure_latency
from utils.measure.machine import machine
from utils.measure.row import Computer, validated
from utils.measure.verdict import median_estimate, times_as_fast
from utils.studies.gpu.device import describe
from utils.studies.gpu.rows import BAR, SessionRow
from utils.studies.gpu.versions import BASE, Bench, Opened, versions
from utils.tagger.decoding import to_front
from utils.tagger.tagger import Tagger
from utils.tagger.tokenizer import Encoding
from utils.tagger.viterbi import viterbi


class Answer(NamedTuple):
    """What was said about each character of all texts: emissions `(characters, tags)`, and the best path's tags."""

    emissions: np.ndarray
    tags: np.ndarray


def answer(tagger: Tagger, encoding: Encoding) -> Answer:
    """Of one batch.

    Raises:
        ArithmeticError: an emission is infinite or no number.
    """
    emissions, mask = tagger.backend(encoding.input_ids, encoding.attention_mask), encoding.label_mask
    if not np.isfinite(emissions[mask]).all():
        raise ArithmeticError("emissions that are not finite: the numbers have too few bits for this model")
    tags = viterbi(to_front(emissions, mask), mask.sum(1), *tagger.crf)
    return Answer(emissions[mask], np.concatenate(tags))


def parity(base: Answer, other: Answer, is_float32: bool) -> dict:
    """A row's `Parity`."""
    difference = float(np.abs(other.emissions - base.emissions).max())
    equal = float((other.tags == base.tags).mean())
    return {"difference": difference, "equal_tags": equal, "holds": difference <= BAR if is_float32 else None}


def ended(call: Callable[[], object], device: str) -> Callable[[], object]:
    """The call, and then a wait until the device has nothing left to do: a GPU goes on when a call has returned."""

    def both() -> object:
        found = call()
        torch.get_device_module(device).synchronize()
        return found

    return both


def session_row(bench: Bench, scale: str, stage: str, texts: Sequence[str], rounds: Rounds) -> dict:
    """All versions that can be opened and answer, in turns on these texts, all at once.

    Raises:
        LedgerError: something was measured that no row can have.
    """
    encoding = bench.tokenizer.batch(texts)
    ready, left_out = _answering(bench, encoding)
    row = {"stage": stage, "scale": scale, "texts": len(texts), "characters": len(texts[0])}
    row |= {"device": describe(bench.device), "machine": _computer(), "left_out": left_out}
    row["versions"] = _measured(bench, ready, encoding, texts, rounds)
    return validated(SessionRow, stage, row)


def _answering(bench: Bench, encoding: Encoding) -> tuple[dict[str, tuple[Opened, Answer]], dict[str, str]]:
    """Each version that could be opened and answered, with its answer; and why the others could not."""
    ready, left_out = {}, {}
    for name, make in versions(bench).items():
        try:
            opened = make()
            ready[name] = opened, answer(opened.tagger, encoding)
        except Exception as error:  # a GPU's libraries share no base of their exception classes
            if name == BASE:
                raise
            left_out[name] = f"{type(error).__name__}: {error}".splitlines()[0]
            print(f"left out: {name}: {left_out[name]}", file=sys.stderr, flush=True)
    return ready, left_out


def _measured(
    bench: Bench,
    ready: Mapping[str, tuple[Opened, Answer]],
    encoding: Encoding,
    texts: Sequence[str],
    rounds: Rounds,
) -> list[dict]:
    """A `Version` each."""
    batch = encoding.input_ids, encoding.attention_mask
    network = {name: partial(opened.tagger.backend, *batch) for name, (opened, _) in ready.items()}
    whole = {name: partial(opened.tagger.predict, texts, len(texts)) for name, (opened, _) in ready.items()}
    network, whole = (
        measure_latency({name: ended(call, bench.device) for name, call in calls.items()}, rounds)
        for calls in (network, whole)
    )
    return [
        {
            "name": name,
            "operators": opened.operators,
            "parity": parity(ready[BASE][1], said, name.endswith("fp32")),
            "network": _times(network[BASE], network[name]),
            "whole": _times(whole[BASE], whole[name]),
        }
        for name, (opened, said) in ready.items()
    ]


def _times(base: Latency, latency: Latency) -> dict:
    median, faster = median_estimate(latency.samples), times_as_fast(base, latency)
    return {
        "session": latency.session,
        **{"p50": latency.p50, "low": median.low, "high": median.high, "p95": latency.p95},
        "times_as_fast": {"base": BASE} | faster._asdict(),
    }


def _computer() -> dict:
    found = machine()
    return {key: found[key] for key in Computer.model_fields}
