"""What a GPU makes of the tagger: torch, and ONNX Runtime on CUDA and on TensorRT, with 32 bits and with 16.

One text, and many at once, at the embedded model's size and at the article's. The versions take turns, and each is
held against torch in float32 on the same device. Needs `requirements-gpu.txt`; README.md says how.

    python -m utils.studies.gpu --out FILE.json

The rows have a file of their own. Those of the ledger are what notebooks make again on any computer, and `course
check` holds them against a CPU's; their names have no place for a device or for how many texts are read at once.
An interrupted run goes on where it stopped when the same command is given again. A session in which a version had
to be left out is measured again: what was missing may be there now.
"""

import argparse
import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal, NamedTuple

import numpy as np
import onnxruntime
import torch
from pydantic import Field

from utils.engines.onnx_export import OPERATOR, export_onnx
from utils.engines.onnx_files import GRAPH_FILE, tagger_around
from utils.engines.onnx_half import halve_onnx
from utils.engines.onnx_providers import CPU, CUDA, TENSORRT, open_on, operators_by_provider
from utils.engines.onnx_session import onnx_backend
from utils.files import DATA, RUNS, write_atomically
from utils.measure.latency import Latency, Rounds, measure_latency
from utils.measure.machine import machine
from utils.measure.row import Computer, Count, NotEmpty, Positive, Strict, TimesAsFast, validated
from utils.measure.verdict import median_estimate, times_as_fast
from utils.model.checkpoint import MINI_RANER, load_raner
from utils.model.raner import RanerModel
from utils.model.torch_tagger import torch_tagger
from utils.model.twin import article_twin
from utils.studies.recovery_bars import keep_rows
from utils.tagger.decoding import to_front
from utils.tagger.tagger import Tagger
from utils.tagger.tokenizer import CharacterTokenizer, Encoding
from utils.tagger.viterbi import viterbi
from utils.text.corpus import DEFAULT_CORPUS, load_corpus, read_file

COUNTS, CHARACTERS = (1, 32), 500
"""Texts that are read at once, and the length of each."""

ROUNDS = Rounds(50)

BAR = 1e-3
"""So far the emissions of another float32 engine may be from torch's, in nats."""

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}

BASE = "torch fp32"

PROVIDERS = {"cuda": (CUDA, TENSORRT), "cpu": (CPU,)}
"""What ONNX Runtime is asked to compute with, by torch's name of the device."""

ATTENTION = {TENSORRT: "eager"}
"""Who is given attention written out, and not as one operator: TensorRT fuses the pattern by itself."""

HALVES = {TENSORRT: {"trt_fp16_enable": "1"}}
"""Who is given the float32 graph also for 16 bits, with these settings; others need one that is in float16."""

NO_GPU = "torch {} sees no GPU: see 'With a GPU' in README.md. `--device cpu` tries the script, slowly."


class Times(Strict):
    """Milliseconds: the median over the rounds with its interval, and the 95th percentile."""

    session: NotEmpty
    p50: Positive
    low: Positive
    high: Positive
    p95: Positive
    times_as_fast: TimesAsFast


class Parity(Strict):
    """Against torch in float32: the greatest difference of any emission, in nats, and the share of equal tags (0 to 1).

    `holds`: whether the difference keeps the `BAR`; null with 16 bits, of which nothing is promised.
    """

    difference: Annotated[float, Field(ge=0)]
    equal_tags: Annotated[float, Field(ge=0, le=1)]
    holds: bool | None


class Version(Strict):
    """`network` is from ids to emissions, both in the computer's memory; `whole` is from texts to entities.

    `operators` says how many of the graph's ONNX Runtime gave to each provider; null for torch.
    """

    name: NotEmpty
    operators: dict[str, Count] | None
    parity: Parity
    network: Times
    whole: Times


class Device(Strict):
    """What computed, and the versions that decide how; null: not there. torch's stands in `machine`."""

    name: NotEmpty
    onnxruntime: NotEmpty
    driver: str | None
    cuda: str | None
    cudnn: int | None
    tensorrt: str | None


class SessionRow(Strict):
    """Versions that took turns on the same texts, and why which others did not."""

    stage: NotEmpty
    scale: Literal["mini", "article"]
    texts: Count
    characters: Count
    device: Device
    machine: Computer
    versions: list[Version]
    left_out: dict[str, NotEmpty]


@dataclass(frozen=True)
class Bench:
    """A float32 model on the CPU, what measures it, and a folder for its graphs, each made once."""

    model: RanerModel
    tokenizer: CharacterTokenizer
    device: str
    providers: Sequence[str]
    folder: Path

    def graph(self, attention: str, precision: str) -> Path:
        """A directory with a graph, its attention as `export_onnx` knows it, its numbers `fp32` or `fp16`."""
        path = self.folder / f"{attention}-{precision}"
        if not path.is_dir() and precision == "fp16":
            return halve_onnx(self.graph(attention, "fp32"), path)
        return path if path.is_dir() else export_onnx(self.model, self.tokenizer, path, attention)


class Opened(NamedTuple):
    """A version, ready, and its operators by provider; None for torch."""

    tagger: Tagger
    operators: dict[str, int] | None


class Answer(NamedTuple):
    """What was said about each character of all texts: emissions `(characters, tags)`, and the best path's tags."""

    emissions: np.ndarray
    tags: np.ndarray


def versions(bench: Bench) -> dict[str, Callable[[], Opened]]:
    """Engine and precision -> how to open it; `BASE` comes first."""
    found = {f"torch {name}": partial(_in_torch, bench, dtype) for name, dtype in DTYPES.items()}
    named = [(provider, precision) for provider in bench.providers for precision in ("fp32", "fp16")]
    return found | {f"{each[0]} {each[1]}": partial(_in_onnx_runtime, bench, *each) for each in named}


def _in_torch(bench: Bench, dtype: torch.dtype) -> Opened:
    """The CRF stays float32, as its scores leave torch."""
    model = copy.deepcopy(bench.model)
    model.bert.to(dtype)
    model.classifier.to(dtype)
    return Opened(torch_tagger(model.to(bench.device), bench.tokenizer), None)


def _in_onnx_runtime(bench: Bench, provider: str, precision: str) -> Opened:
    told = HALVES.get(provider, {}) if precision == "fp16" else {}
    path = bench.graph(ATTENTION.get(provider, OPERATOR), "fp32" if told else precision)
    session = open_on(provider, path / GRAPH_FILE, told)
    operators = {name: counts.total() for name, counts in operators_by_provider(session).items()}
    return Opened(tagger_around(onnx_backend(session), path), operators)


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


def describe(device: str) -> dict:
    """A row's `Device`."""
    try:
        tensorrt = version("tensorrt")
    except PackageNotFoundError:
        tensorrt = None
    return {
        "name": machine()["cpu"] if device == "cpu" else torch.cuda.get_device_name(device),
        "onnxruntime": onnxruntime.__version__,  # of what was imported: two builds of it may be installed
        "driver": _driver(),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "tensorrt": tensorrt,
    }


def _driver() -> str | None:
    """The version of NVIDIA's driver; None where its own tool is not there or finds no GPU."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0].strip()
    except (OSError, subprocess.CalledProcessError, IndexError):
        return None


def _computer() -> dict:
    found = machine()
    return {key: found[key] for key in Computer.model_fields}


def texts_at_once(count: int, sentences: Sequence[str], article: str) -> list[str]:
    """Texts of `CHARACTERS` each: the article alone, as often as that takes, or the corpus's sentences, joined and cut.

    Raises:
        ValueError: the corpus is too short for so many texts.
    """
    joined = "".join(sentences) if count > 1 else article * -(-CHARACTERS // len(article))
    if len(joined) < count * CHARACTERS:
        raise ValueError(f"{len(joined)} characters in the corpus, and {count} texts of {CHARACTERS} are wanted")
    return [joined[first : first + CHARACTERS] for first in range(0, count * CHARACTERS, CHARACTERS)]


def measure_gpu(benches: Mapping[str, Bench], batches: Sequence[Sequence[str]], out: Path, command: str) -> dict:
    """A row for each scale and batch, written to `out` after every row; whole rows of this device are kept.

    Args:
        benches: by scale.
        batches: the texts that are read at once.

    Raises:
        ValueError: `out` holds the rows of another command.
    """
    _forget_incomplete(out)
    jobs = {}
    for scale, bench in benches.items():
        for texts in batches:
            stage = f"{scale}, {len(texts)} at once, on {describe(bench.device)['name']}"
            jobs[stage] = partial(session_row, bench, scale, stage, texts, ROUNDS)
    return keep_rows(out, {"command": command, "bar": BAR}, jobs)


def _forget_incomplete(out: Path) -> None:
    """Take the rows out of a file in which a version was left out."""
    if not out.is_file():
        return
    found = json.loads(out.read_text("utf-8"))
    whole = [row for row in found["rows"] if not row.get("left_out")]
    if len(whole) < len(found["rows"]):
        write_atomically(out, json.dumps(found | {"rows": whole}, indent=2))


def lines_of(row: Mapping) -> list[str]:
    """What a row says, a line a version."""
    left_out = [f"{name}: left out: {reason}" for name, reason in row["left_out"].items()]
    return [f"{row['stage']}: {line}" for line in [*map(_line, row["versions"]), *left_out]]


def _line(one: Mapping) -> str:
    network, whole, found = one["network"], one["whole"], one["parity"]
    interval = f"{network['p50']:.2f} ms [{network['low']:.2f}, {network['high']:.2f}]"
    faster = f"{network['times_as_fast']['value']:.2f} times as fast"
    apart = f"emissions differ by {found['difference']:.1e} at most, {found['equal_tags']:.2%} of the tags are equal"
    return f"{one['name']}: {interval}, {faster}; text to entities {whole['p50']:.2f} ms; {apart}"


def too_far(rows: Sequence[Mapping]) -> list[str]:
    """The float32 versions that do not keep the `BAR`."""
    return [
        f"{row['stage']}: {one['name']}" for row in rows for one in row["versions"] if one["parity"]["holds"] is False
    ]


def command_line() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=MINI_RANER, help="directory of the model")
    parser.add_argument("--corpus", type=Path, default=DEFAULT_CORPUS, help="directory with train, dev and test")
    parser.add_argument("--device", choices=PROVIDERS, default="cuda", help="(cuda)")
    parser.add_argument("--out", type=Path, default=RUNS / "gpu.json", help="file for the rows, JSON (runs/gpu.json)")
    return parser


def main() -> None:
    parser = command_line()
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        parser.error(NO_GPU.format(torch.__version__))
    os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")  # TensorRT has no other switch for float32 with all its bits
    (model, tokenizer), corpus = load_raner(given.model), load_corpus(given.corpus)
    article, sentences = read_file(DATA / "article.txt")[0].text, [sentence.text for sentence in corpus.train]
    command = f"python -m utils.studies.gpu --model {given.model.name} --device {given.device}"
    given.out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        sized = {"mini": model, "article": article_twin(model)}
        benches = {
            scale: Bench(one, tokenizer, given.device, PROVIDERS[given.device], Path(folder, scale))
            for scale, one in sized.items()
        }
        batches = [texts_at_once(count, sentences, article) for count in COUNTS]
        rows = measure_gpu(benches, batches, given.out, command)["rows"]
    print("\n".join(line for row in rows for line in lines_of(row)))
    if far := too_far(rows):
        sys.exit(f"further than {BAR:g} from torch in float32: {'; '.join(far)}")


if __name__ == "__main__":
    main()
