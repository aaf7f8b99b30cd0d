"""The command `check` on the folder of a compression: are its forms whole, and do they tag as its card says?"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from utils.course import start_check
from utils.course.compress_request import STATE
from utils.course.runs import CourseError, read_rows
from utils.engines.variants import load_saved_tagger
from utils.files import CheckpointError, text_digest
from utils.measure.bands import FACTORS
from utils.measure.evaluation import evaluate
from utils.measure.memory import MB, directory_bytes
from utils.studies.compression.stages import folder_of
from utils.studies.compression.trial import RESULT
from utils.tagger.tagger import by_sentence
from utils.text.corpus import DEFAULT_CORPUS, load_corpus
from utils.text.entities import CorpusError, Sentence

HEADER = ("folder", "MB", "F1", "F1 of the card", "verdict")


class Form(NamedTuple):
    """One folder of the result: its MB, its F1 now, and whether both are what the card says."""

    folder: str
    megabytes: float
    f1: float
    ok: bool


def check_forms(out: Path) -> tuple[list[Form], dict]:
    """Every form that is there, read again, and the row of the ledger that holds what the card says.

    F1 has to lie in the card's interval. The bytes of the form that was measured may differ by the ledger's factor.

    Raises:
        CourseError: the compression was not finished, its corpus is another one now, a form is broken, or the one
            that was measured is gone.
    """
    state = _finished(out)
    row = next((row for row in read_rows(out) if row["stage"] == RESULT), None)
    if row is None:
        raise CourseError(f"{out / 'ledger.json'}: gone, or without what was measured of the result")
    test, best = _test_split(state), folder_of(row["backend"])
    if not (out / best).is_dir():
        raise CourseError(f"{out / best}: gone, and it is what the card speaks of")
    try:
        return list(_forms(out, state["outcome"]["folders"], best, row, test)), row
    except CheckpointError as error:
        raise CourseError(str(error)) from None


def _finished(out: Path) -> dict:
    try:
        state = json.loads((out / STATE).read_text("utf-8"))
        finished = state["state"] == "finished"
    except (ValueError, KeyError, TypeError):
        raise CourseError(f"{out / STATE}: damaged, or not written by `compress`") from None
    if not finished:
        raise CourseError(f"{out}: not finished; `compress --resume --out {out}` goes on with it")
    return state


def _test_split(state: dict) -> list[Sentence]:
    """The sentences that the card's F1 was measured on."""
    settings = state["settings"]
    try:
        corpus = load_corpus(settings["corpus"] or DEFAULT_CORPUS)
        corpus = start_check.fitted(corpus, (), start_check.parse_types(settings["types"]), new_head=True)
    except (CorpusError, FileNotFoundError) as error:
        raise CourseError(str(error)) from None
    if text_digest(repr(corpus)) != state["identity"]["corpus"]:
        raise CourseError("the corpus is not the one that this was made with, so F1 cannot be compared")
    return corpus.test


def _forms(out: Path, folders: list[str], best: str, row: dict, test: list[Sentence]) -> Iterator[Form]:
    for folder in (name for name in folders if (out / name).is_dir()):
        tagger, size = load_saved_tagger(out / folder), directory_bytes(out / folder)
        f1 = evaluate(tagger if row["reading"] == "whole" else by_sentence(tagger), test).scores.f1
        factor = size / row["file_bytes"] if folder == best else 1
        kept = 1 / FACTORS["file_bytes"] <= factor <= FACTORS["file_bytes"]
        yield Form(folder, size / MB, f1, kept and row["f1_low"] <= f1 <= row["f1_high"])
