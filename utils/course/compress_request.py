"""What the command `compress` is asked for: settings, a free folder, and a model, a corpus and texts that fit.

All is checked before anything long begins, and a refusal leaves nothing behind.
"""

import argparse
import json
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from utils.course.options import program_name
from utils.course.runs import CourseError, absolute
from utils.files import LockedError, locked, write_atomically

if TYPE_CHECKING:
    from utils.studies.compression.plan import Recipe, Target
    from utils.studies.compression.work import Work

STATE, PIECES = "compress.json", ".work"

SETTINGS = {
    "model": "", "corpus": "", "types": "", "texts": "",
    "speedup": None, "budget_ms": None, "max_mb": None, "lose": 1.0, "seed": 1,
}  # fmt: skip
"""What may be asked for, and what it is where nobody says."""

PATHS = ("model", "corpus", "texts")

TARGETS, SPEEDUP = ("speedup", "budget_ms", "max_mb"), 8.0
"""Settings of which one is the target, and the speed-up that is asked for where none of them is given."""


def settings_of(arguments: argparse.Namespace) -> tuple[dict, dict | None]:
    """The settings, and what `compress.json` says of an interrupted or finished compression that goes on with them.

    Raises:
        CourseError: --out holds something else, or nothing where it should, or has other settings.
    """
    out, given = arguments.out, {name: getattr(arguments, name) for name in SETTINGS if hasattr(arguments, name)}
    given |= {name: absolute(given[name]) for name in PATHS if name in given}
    state = _state(out)
    if state is None and arguments.resume:
        raise CourseError(f"{out}: no compression to go on with; leave out --resume")
    if state is None:
        return _complete(given), None
    kept = state["settings"]
    wanted = kept | given if arguments.resume else _complete(given)
    if other := [f"--{name.replace('_', '-')}" for name in SETTINGS if wanted[name] != kept[name]]:
        raise CourseError(
            f"{out} holds a compression with another {', '.join(other)}: give another --out, or delete this one"
        )
    if not arguments.resume:
        raise CourseError(
            f"{out} holds this compression, {state['state']}: --resume goes on with it; "
            "to make it anew, give another --out, or delete this one"
        )
    return kept, state


def _complete(given: Mapping) -> dict:
    """What was asked for, and what goes without saying."""
    return SETTINGS | ({} if any(name in given for name in TARGETS) else {"speedup": SPEEDUP}) | given


def _state(out: Path) -> dict | None:
    """What `compress.json` says; None where the folder is still to be made, or is empty.

    Raises:
        CourseError: a file, or a folder with other things; or `compress.json` is broken.
    """
    if (out / STATE).is_file():
        try:
            state = json.loads((out / STATE).read_text("utf-8"))
        except ValueError:
            state = None
        if not isinstance(state, dict) or not {"settings", "state", "identity"} <= set(state):
            raise CourseError(f"{out / STATE}: damaged, or not written by this command; give another --out")
        return state
    if out.exists() and not out.is_dir() or any(not path.name.startswith(".") for path in out.glob("*")):
        raise CourseError(f"{out}: is there, and no compression; give another --out")
    return None


def work_of(settings: Mapping, out: Path, recipe: "Recipe | None") -> "Work":
    """Model, corpus and texts, loaded and held against each other before anything long begins.

    Raises:
        CourseError: with the words of what refused.
    """
    from utils.course import start_check
    from utils.files import CheckpointError
    from utils.measure.run import open_run
    from utils.model.checkpoint import MINI_RANER, load_raner
    from utils.studies.compression.plan import Recipe, check_unpruned
    from utils.studies.compression.work import Work
    from utils.text.corpus import DEFAULT_CORPUS, load_corpus
    from utils.text.entities import CorpusError

    target = _target(settings)
    try:
        source = settings["corpus"] or DEFAULT_CORPUS
        types, texts = start_check.parse_types(settings["types"]), _texts(settings["texts"], source)
        corpus = load_corpus(source)
        model, tokenizer = load_raner(settings["model"] or MINI_RANER)
        check_unpruned(model)
        start_check.check_counts(corpus, "a compression")
        corpus = start_check.fitted(corpus, model.labels, types, head_option="`run --new-head`")
    except (CorpusError, CheckpointError, FileNotFoundError) as error:
        raise CourseError(str(error)) from None
    tested = {sentence.text for sentence in corpus.test}
    fresh = tuple(text for text in dict.fromkeys(texts) if text not in tested)
    run = open_run(str(out / PIECES), settings["model"], settings["corpus"], settings["seed"])
    return Work(run, model, tokenizer, corpus, fresh, target, recipe or Recipe())


def _target(settings: Mapping) -> "Target":
    from utils.studies.compression.plan import Target

    try:
        return Target(*(settings[name] for name in TARGETS), settings["lose"])
    except ValueError as error:
        raise CourseError(str(error)) from None


def _texts(source: str, corpus: str | Path) -> list[str]:
    """Those of the file that was given, or those that lie beside the corpus."""
    from utils.text.corpus import load_unlabelled
    from utils.text.entities import CorpusError
    from utils.text.formats.plain import read_texts

    texts = read_texts(source) if source else load_unlabelled(corpus)
    if any("\0" in text for text in texts):
        raise CorpusError(f"{source or corpus}: holds NUL characters, so it is no text file in UTF-8")
    return texts


def identity_of(work: "Work") -> dict[str, object]:
    """What is compressed, on what, by digests, and the sizes: another model of the same name is another one."""
    from utils.files import text_digest
    from utils.model.checkpoint import model_digest

    found = {
        "model": model_digest(work.model),
        "corpus": text_digest(repr(work.corpus)),
        "texts": text_digest(repr(work.texts)),
    }
    return {"identity": found | {"sizes": json.loads(json.dumps(asdict(work.recipe)))}}


def check_unchanged(known: Mapping, state: Mapping | None, out: Path) -> None:
    """What is gone on with is what was begun.

    Raises:
        CourseError: model, corpus, texts or sizes have changed since.
    """
    now, then = known["identity"], (state or known)["identity"]
    if other := [name for name in now if now[name] != then[name]]:
        raise CourseError(f"{out} was begun with another {', '.join(other)} under the same name: give another --out")


def command_of(arguments: argparse.Namespace) -> str:
    """The command as it was given, every word that was."""
    given = {name: getattr(arguments, name) for name in SETTINGS if hasattr(arguments, name)} | {"out": arguments.out}
    words = [(f"--{name.replace('_', '-')}", f"{v:g}" if isinstance(v, float) else str(v)) for name, v in given.items()]
    return shlex.join([*program_name().split(), "compress", *chain.from_iterable(words)])


@contextmanager
def held(out: Path) -> Iterator[None]:
    """Make the folder, and keep other processes out of it.

    Raises:
        CourseError: it cannot be made, or another process is at work in it.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with locked(out / STATE, 0):
            yield
    except LockedError:
        raise CourseError(f"{out}: a compression is at work there, in another process") from None


def save(out: Path, state: dict) -> None:
    write_atomically(out / STATE, json.dumps(state, indent=1, ensure_ascii=False))
