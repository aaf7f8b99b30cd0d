"""The command `compress`: a tagger made smaller to a target, in a folder with its model card and its report.

The folder holds `compress.json`, which says with which settings, of which model and corpus, and how far it came;
`model/`, `onnx-int8/` and, where another engine was the fastest, that one's form; `README.md`, `report.html` and
`ledger.json`. While it works, the pieces lie in `.work/`.
"""

import argparse
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from utils.course.compress_request import (
    PIECES,
    check_unchanged,
    command_of,
    held,
    identity_of,
    save,
    settings_of,
    work_of,
)
from utils.course.options import of_source, program_name
from utils.files import RUNS, write_atomically

if TYPE_CHECKING:
    from utils.studies.compression.plan import Recipe, Step
    from utils.studies.compression.trial import Trial
    from utils.studies.compression.work import Work

EMBEDDED = {"model": "mini-RaNER (embedded)", "corpus": "the course's own (embedded)"}
"""What a card says where nobody named a model or a corpus."""

MISSED = 3
"""Exit code where the target was missed; the nearest that was reached is there."""


NOTICES = ("NOTICE", "LICENSE", "LICENCE")
"""Files of a model's directory, whatever their ending, that say under which terms it may be passed on."""


def add_options(command: argparse.ArgumentParser) -> None:
    """What `compress` may be told. Settings are there only if they were given: `--resume` has its own."""
    only_if_given = {"default": argparse.SUPPRESS}
    of_source(command)
    target = command.add_mutually_exclusive_group()
    target.add_argument("--speedup", type=float, metavar="TIMES", help="so many times as fast (8)", **only_if_given)
    target.add_argument(
        "--budget-ms", type=float, metavar="MS", help="at most so long for the 500-character article", **only_if_given
    )
    target.add_argument("--max-mb", type=float, metavar="MB", help="at most so large a directory", **only_if_given)
    command.add_argument(
        "--lose",
        type=float,
        metavar="POINTS",
        help="points of F1 that may be lost against the original trained as long (1.0)",
        **only_if_given,
    )
    command.add_argument(
        "--texts",
        metavar="FILE",
        help="texts like those to come, without labels, to learn from (unlabelled.txt beside the corpus's splits)",
        **only_if_given,
    )
    command.add_argument(
        "--out", type=Path, default=RUNS / "compressed", metavar="DIR", help="folder of the result (runs/compressed)"
    )
    command.add_argument("--dry-run", action="store_true", help="print the plan, with its times, and stop")
    command.add_argument("--resume", action="store_true", help="go on with what was interrupted in --out")


def compress(arguments: argparse.Namespace, recipe: "Recipe | None" = None) -> int:
    """Make a model smaller and faster to a target, on your corpus: model, engines' forms, card and report in --out."""
    from utils.studies.compression.work import is_first, processes

    out, (settings, state) = arguments.out, settings_of(arguments)
    if state and state["state"] == "finished":
        shutil.rmtree(out / PIECES, ignore_errors=True)
        return _told(state["outcome"], out)
    work = work_of(settings, out, recipe)
    known = {"settings": settings} | identity_of(work)
    check_unchanged(known, state, out)
    steps = _plan(work)
    if is_first():
        _print_plan(work, settings, steps)
    if arguments.dry_run:
        return 0
    processes().wait_for_everyone()  # all have seen the folder as it was
    with held(out) if is_first() else nullcontext():
        return _made(work, state or known | {"command": command_of(arguments)}, steps, out)


def _plan(work: "Work") -> "list[Step]":
    from utils.studies.compression.plan import measure_pace, planned
    from utils.studies.compression.work import accelerated

    pace = measure_pace(work.model, accelerated(work.model), work.tokenizer, work.corpus.train)
    return planned(work.recipe, work.target, work.sizes, pace, work.model.num_parameters())


def _print_plan(work: "Work", settings: Mapping, steps: "list[Step]") -> None:
    from utils.course.tables import text_table
    from utils.studies.compression.plan import duration

    print("\n".join(_facts(work, settings)), end="\n\n")
    rows = [(str(number), step.words, duration(step.seconds)) for number, step in enumerate(steps, 1)]
    rows.append(("", "together, if the first cut reaches the target", duration(sum(step.seconds for step in steps))))
    print(text_table(("", "what comes", "time here"), rows), end="\n\n", flush=True)


def _facts(work: "Work", settings: Mapping) -> Iterator[str]:
    """What is compressed, on what, to which target."""
    from utils.model.raner import piece_limit

    config, corpus, learned = work.model.config, work.corpus, len(work.training.train)
    splits, types = " / ".join(f"{len(split):,}" for split in corpus), ", ".join(corpus.types)
    longest = max(len(sentence.text) for split in corpus for sentence in split)
    yield (
        f"Model   {settings['model'] or EMBEDDED['model']}: {config.num_hidden_layers} layers of "
        f"{config.num_attention_heads} heads, {config.hidden_size} features, {work.model.num_parameters():,} parameters"
    )
    yield (
        f"Corpus  {settings['corpus'] or EMBEDDED['corpus']}: {splits} sentences, {learned:,} are learned from; types "
        f"{types}; the longest has {longest} characters, the model reads {piece_limit(config)} at once"
    )
    if work.texts:
        yield f"Texts   {len(work.texts):,} without labels, {len(work.unlabelled):,} are learned from"
    yield f"Target  {work.target.words}, for at most {work.target.lose:g} points of F1"


def _made(work: "Work", state: dict, steps: "list[Step]", out: Path) -> int:
    """All stages, then the files; `compress.json` says how far it came."""
    from utils.compress.training import DivergedError
    from utils.measure.machine import machine
    from utils.studies.compression import stages
    from utils.studies.compression.plan import Progress
    from utils.studies.compression.work import is_first

    begun = {"state": "interrupted", "started": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine()}
    say = (lambda line: print(line, flush=True)) if is_first() else (lambda line: None)
    try:
        if is_first():
            save(out, begun | state)
        trials = stages.compress(work, Progress(steps, say).begin)
        return _finished(work, trials, begun | state, out) if is_first() else 0
    except KeyboardInterrupt:
        again = f"{program_name()} compress --resume --out {shlex.quote(str(out))}"
        print(f"{out} is kept; `{again}` goes on with it", file=sys.stderr)
        raise
    except DivergedError as error:
        print(f"course: {' '.join(str(error).split())}", file=sys.stderr)
        return 1


def _finished(work: "Work", trials: "list[Trial]", state: dict, out: Path) -> int:
    """Deliver the best trial with its card and report; the pieces go."""
    from utils.course.compress_report import compression_report
    from utils.model.checkpoint import MINI_RANER
    from utils.studies.compression.card import Origin, card, promises
    from utils.studies.compression.stages import best, deliver

    trial = best(work.target, trials)
    folders = deliver(work, trial, out)
    _copy_notices(Path(state["settings"]["model"] or MINI_RANER), out)
    model, corpus = (_named(state["settings"][name]) or EMBEDDED[name] for name in ("model", "corpus"))
    origin = Origin(Path(model).name, model, corpus, state["command"])
    write_atomically(out / "README.md", card(work, trials, trial, out, folders, origin))
    write_atomically(out / "report.html", compression_report(work, trials, trial, state))
    outcome = {"verdict": trial.verdict(work.target), "promises": promises(work.target, trial), "folders": folders}
    save(out, state | {"state": "finished", "outcome": outcome})
    shutil.rmtree(out / PIECES)
    return _told(outcome, out)


def _copy_notices(model: Path, out: Path) -> None:
    """What the model's makers want to go with it goes with what was made of it; nothing where it came from a hub."""
    for path in model.glob("*"):
        if path.stem.upper() in NOTICES:
            shutil.copy(path, out)


def _named(source: str) -> str:
    """A hub id, or the last part of a path: where it lay on this machine tells nobody anything."""
    return Path(source).name if Path(source).exists() else source


def _told(outcome: dict, out: Path) -> int:
    """Print what came out; the exit code."""
    from utils.course.tables import text_table

    print(text_table(("asked", "measured", "95 % interval", ""), outcome["promises"]))
    if outcome["verdict"] == "no":
        print("The target was missed; this is the nearest that was reached.")
    print(f"Card: {out / 'README.md'}\nReport: {out / 'report.html'}")
    print(f"Serve: python -m utils.serving --model {shlex.quote(str(out / 'onnx-int8'))}")
    return MISSED if outcome["verdict"] == "no" else 0
