"""Original, fair baseline and result, measured together: time in one session, F1 on test; and what that says."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from utils.engines.variants import Variant, engine, memories
from utils.measure.calibration import EDGES, Bin, reliability
from utils.measure.evaluation import Evaluation, evaluate
from utils.measure.latency import THREADS, Latency, pinned_threads
from utils.measure.ledger import Measured, make_row
from utils.measure.machine import machine
from utils.measure.memory import MB, Memory, directory_bytes
from utils.measure.row import base_name
from utils.measure.verdict import Estimate, Verdict, f1_difference, times_as_fast, verdict
from utils.model.raner import RanerModel
from utils.model.torch_tagger import torch_tagger
from utils.model.twin import ARTICLE_HIDDEN_SIZE
from utils.studies.compression.forms import ENGINES, FLOAT_GRAPH, READINGS, is_by_sentence
from utils.studies.compression.plan import Target
from utils.studies.compression.search import Choice, in_turns, original_forms
from utils.studies.compression.work import Work
from utils.studies.waterfall import Factor, cuts, factors
from utils.tagger.tagger import Tagger, by_sentence
from utils.tagger.tokenizer import CharacterTokenizer

WHOLE, SENTENCES, AGAIN, RESULT = "original", "original-sentences", "original-again", "compressed"
"""Stages in the ledger: the original by its two ways of reading, trained as long as the result, and the result."""

NOTEBOOK = "compress"
"""What the ledger's rows say instead of a notebook."""


@dataclass(frozen=True)
class Trial:
    """A cut that was trained and measured.

    Args:
        name: of its pieces.
        rows: of the ledger.
        times: how many times as fast as the faster of the original's ways of reading.
        reached: the target's first part; 1 or more where it is met.
        difference: F1 of the result minus that of the fair baseline on test, in points; `untouched`: minus the
            original's as it came.
        waterfall: from the original, read whole, to the result.
        unread: characters of test that the original knows and the result does not.
    """

    name: str
    choice: Choice
    rows: list[dict]
    times: Estimate
    reached: Estimate
    difference: Estimate
    untouched: Estimate
    waterfall: list[Factor]
    calibration: list[Bin]
    unread: str

    def verdicts(self, target: Target) -> tuple[Verdict, Verdict]:
        """Is it as fast (or small) as asked? Does it lose no more F1 than allowed?"""
        return verdict(self.reached, 1), verdict(self.difference, -target.lose)

    def verdict(self, target: Target) -> Verdict:
        """Is the target met: no where a part of it is not, yes where both are."""
        found = self.verdicts(target)
        return next((one for one in (Verdict.NO, Verdict.UNSURE) if one in found), Verdict.YES)

    def row(self, stage: str) -> dict:
        """The ledger's row of a stage."""
        return next(row for row in self.rows if row["stage"] == stage)


def _trial(found: dict) -> Trial:
    """What was kept as JSON."""
    numbers = {name: Estimate(*found[name]) for name in ("times", "reached", "difference", "untouched")}
    waterfall = [Factor(*step[:-1], Estimate(*step[-1])) for step in found["waterfall"]]
    bins = [Bin(*each) for each in found["calibration"]]
    return Trial(**found | numbers | {"choice": Choice(*found["choice"]), "waterfall": waterfall, "calibration": bins})


class Version(NamedTuple):
    """A model that is timed: its stage in the ledger, what distinguishes it from the one before it, and its files."""

    stage: str
    change: str
    backend: str
    path: Path
    load: Callable[[Path], Tagger]
    model: RanerModel


def tried(work: Work, name: str, choice: Choice, model: RanerModel, again: RanerModel) -> Trial:
    """Give a trained model its vocabulary and its files, and measure it beside the original.

    Args:
        again: the fair baseline.
    """
    smaller, characters = work.in_vocabulary(model)
    backends = sorted({"torch-fp32", "onnx-int8", ENGINES[choice.engine].backend})
    paths = work.forms(f"{name}/result", smaller, characters, backends)
    versions = _versions(work, name, choice.engine, smaller, paths)
    measure = partial(_measured, work, name, choice, versions, again, characters)
    return _trial(work.found(f"{name}/measured", lambda: asdict(measure())))


def _versions(work: Work, name: str, engine_name: str, result: RanerModel, paths: dict[str, Path]) -> list[Version]:
    """All that is timed together: the original's two ways of reading, and each change on the way to the result."""
    original, (backend, load) = original_forms(work), ENGINES[engine_name]
    found = [
        Version(stage, "sentences read apart" if reading != "torch" else "", "torch-fp32", original["torch-fp32"],
                ENGINES[reading].load, work.model)
        for stage, reading in zip((WHOLE, SENTENCES), READINGS, strict=True)
    ]  # fmt: skip
    if backend == "onnx-int8":
        found.append(
            Version("engine", "ONNX Runtime", FLOAT_GRAPH, original[backend].with_name(FLOAT_GRAPH), load, work.model)
        )
    if backend != "torch-fp32":
        change = "OpenVINO, eight bits" if backend == "openvino-int8" else "eight bits"
        found.append(Version("quantized", change, backend, original[backend], load, work.model))
    changes = cuts(work.model, result)
    last = "characters" if result.config.vocab_size < work.model.config.vocab_size else "".join([*changes][-1:])
    for stage, cut in changes.items():
        if stage != last:
            path = work.forms(f"{name}/{stage}", cut, work.tokenizer, [backend])[backend]
            found.append(Version(stage, f"fewer {stage}", backend, path, load, cut))
    change = f"fewer {last}" if last else "what training changed"
    return [*found, Version(RESULT, change, backend, paths[backend], load, result)]


def _measured(
    work: Work, name: str, choice: Choice, versions: list[Version], again: RanerModel, characters: CharacterTokenizer
) -> Trial:
    """One session of times, then scores and memory."""
    times = in_turns(work, {version.stage: version.load(version.path) for version in versions})
    scores = _evaluations(work, choice.engine, versions[-1], again)
    test, seed, found = work.corpus.test, work.run.seed, scores[RESULT].predictions
    megabytes = {version.stage: directory_bytes(version.path) / MB for version in versions}
    original = min((times[stage] for stage in (WHOLE, SENTENCES)), key=lambda latency: latency.p50)
    read_alike = scores[SENTENCES if is_by_sentence(choice.engine) else WHOLE]
    return Trial(
        name=name,
        choice=choice,
        rows=_rows(work, versions, times, scores, again),
        times=times_as_fast(original, times[RESULT]),
        reached=work.target.reached(original, times[RESULT], megabytes[RESULT]),
        difference=f1_difference(test, scores[AGAIN].predictions, found, seed),
        untouched=f1_difference(test, read_alike.predictions, found, seed),
        waterfall=_waterfall(versions, times, megabytes, is_by_sentence(choice.engine)),
        calibration=reliability(test, found, EDGES),
        unread="".join(unread(work.tokenizer, characters, [sentence.text for sentence in test])),
    )


def _evaluations(work: Work, engine_name: str, result: Version, again: RanerModel) -> dict[str, Evaluation]:
    """Scores on test; the fair baseline reads as the result does."""
    whole, baseline = (torch_tagger(model, work.tokenizer) for model in (work.model, again))
    taggers = {
        WHOLE: whole,
        SENTENCES: by_sentence(whole),
        AGAIN: by_sentence(baseline) if is_by_sentence(engine_name) else baseline,
        RESULT: result.load(result.path),
    }
    return {stage: evaluate(tagger, work.corpus.test, work.run.seed) for stage, tagger in taggers.items()}


def _waterfall(
    versions: Sequence[Version], times: dict[str, Latency], megabytes: dict[str, float], apart: bool
) -> list[Factor]:
    """Each change, and how many times as fast it made; reading by sentence is one only if the result reads so."""
    chain = [version for version in versions if apart or version.stage != SENTENCES]
    names = ["the original", *(version.change for version in chain[1:])]
    return factors(names, *([found[version.stage] for version in chain] for found in (times, megabytes)))


def _rows(
    work: Work,
    versions: Sequence[Version],
    times: dict[str, Latency],
    scores: dict[str, Evaluation],
    again: RanerModel,
) -> list[dict]:
    """The ledger's rows: all versions, and the fair baseline, which is as large and as slow as the original.

    Times are compared with those of the original, read whole; F1 of the result with the fair baseline's.
    """
    with pinned_threads(THREADS):
        here = machine()
    held = _memory(work, (versions[0], versions[-1]))
    scale = "article" if work.model.config.hidden_size >= ARTICLE_HIDDEN_SIZE else "mini"
    seed, base = work.run.seed, (base_name(WHOLE, "torch-fp32", "whole"), times[WHOLE])
    baseline = make_row(AGAIN, NOTEBOOK, scale, "torch-fp32", Measured(again, scores[AGAIN], seed=seed))
    rows = []
    for version in versions:
        there = here | {"versions": here["versions"] | engine(version.backend, version.path)}
        stage, path = version.stage, version.path
        known = Measured(version.model, scores.get(stage), times[stage], held.get(stage), path, there, base, seed=seed)
        compared = replace(known, baseline=(AGAIN, scores[AGAIN])) if stage == RESULT else replace(known, steps=0)
        rows.append(make_row(stage, NOTEBOOK, scale, version.backend, compared))
    return [*rows[:2], baseline, *rows[2:]]


def _memory(work: Work, versions: Sequence[Version]) -> dict[str, Memory]:
    """Peak memory in fresh processes; a version whose process failed is left out."""
    parts = [Variant(v.stage, v.backend, v.path, v.model, loader=v.load) for v in versions]
    found = zip(versions, memories(parts, work.run.article.text), strict=True)
    return {version.stage: memory for version, memory in found if isinstance(memory, Memory)}


def unread(before: CharacterTokenizer, after: CharacterTokenizer, texts: Iterable[str]) -> list[str]:
    """Characters of the texts that the one tokenizer has in its vocabulary and the other reads as [UNK], sorted."""
    return sorted(c for c in set().union(*texts) if _reads(before, c) and not _reads(after, c))


def _reads(tokenizer: CharacterTokenizer, character: str) -> bool:
    return tokenizer.tokenizer.unk_token_id not in tokenizer.pieces(character)
