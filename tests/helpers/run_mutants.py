"""Would a test notice a small mistake in the code? `make mutants`: a sample of mutants of three rooms, by Cosmic Ray.

A mutant is a module with one small mistake: another number, a comparison the other way round, a loop that is never
entered. It is killed where a test fails or hangs: first those of its module, then those of its room. All this happens
in a copy of the tree.
"""

import argparse
import os
import shlex
import shutil
import sys
from contextlib import suppress
from pathlib import Path

from cosmic_ray.commands import init
from cosmic_ray.modules import find_modules
from cosmic_ray.mutating import mutate_and_test, mutate_code
from cosmic_ray.plugins import get_operator
from cosmic_ray.testing import run_tests
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec, TestOutcome, WorkItem, WorkResult
from mutant_sample import computes_otherwise, spread
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".venv" / "mutants"
SOURCE, TREE, SESSION = FOLDER / "source", FOLDER / "tree", FOLDER / "session.sqlite"

ROOMS = ("measure", "tagger", "serving")
COPIED = ("utils", "tests", "data", "pyproject.toml", "README.md", "README.zh-CN.md")
SEED = 1
ENOUGH = 85
"""Percent of the mutants that must be killed."""

LONGEST_TEST, LONGEST_ROOM = 60, 300
"""Seconds."""

MEMORY = 8 * 2**30
"""Bytes of address space that a mutant which never ends may fill."""

QUICK = "-x -q -p no:cacheprovider -p no:schemathesis --hypothesis-profile ci"
"""No plugin that takes seconds to import and is not used; random examples are the same for every mutant."""


def main() -> None:
    options = _options()
    if not (options.resume and SESSION.is_file()):
        _begin()
    _enter_tree()
    with use_db(SESSION) as session:
        if not session.num_work_items:
            _check_tests()
            _fill(session, options.count)
        _run(session)
        killed = _report(session)
    sys.exit(killed < ENOUGH)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=120, help="mutants that are run")
    parser.add_argument("--resume", action="store_true", help="go on with the run that was interrupted")
    return parser.parse_args()


def _begin() -> None:
    """A copy of the tree as it is now, and no session."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    SOURCE.mkdir(parents=True)
    for path in map(ROOT.joinpath, COPIED):
        copy = shutil.copytree if path.is_dir() else shutil.copy
        copy(path, SOURCE / path.name)


def _enter_tree() -> None:
    """A second copy, to make mutants in (an interrupted run may have left one there), with bounded memory."""
    shutil.copytree(SOURCE, TREE, dirs_exist_ok=True)
    os.environ["PYTHONPATH"] = str(TREE)
    os.chdir(TREE)
    with suppress(ImportError, ValueError):  # Windows has no such limit, macOS no such one
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.RLIM_INFINITY))


def _command(*tests: str) -> str:
    limits = ["--timeout", str(LONGEST_TEST), "--timeout-method", "thread"]  # ends the process; Hypothesis would go on
    return shlex.join([sys.executable, "-m", "pytest", *QUICK.split(), *limits, *tests])


def _check_tests() -> None:
    """Tests that fail anyway would kill every mutant."""
    print("The tests of", ", ".join(ROOMS), "without a mutant ...", flush=True)
    outcome, output = run_tests(_command(*(f"tests/unit/{room}" for room in ROOMS)), len(ROOMS) * LONGEST_ROOM)
    if outcome is not TestOutcome.SURVIVED:
        sys.exit(f"{output}\nThey do not pass: mend them first.")


def _fill(session: WorkDB, count: int) -> None:
    init(find_modules([Path("utils", room) for room in ROOMS]), session, {})
    made = sorted((item.mutations[0] for item in session.work_items), key=_order)
    chosen = spread(made, count, SEED, _is_worth_running)
    session.clear()
    session.add_work_items(WorkItem.single(f"{number:04}", mutation) for number, mutation in enumerate(chosen))


def _order(mutation: MutationSpec) -> tuple:
    return mutation.module_path, mutation.start_pos, mutation.operator_name, mutation.occurrence


def _is_worth_running(mutation: MutationSpec) -> bool:
    source = mutation.module_path.read_text("utf-8")
    operator = get_operator(mutation.operator_name)(**mutation.operator_args)
    return computes_otherwise(mutate_code(source, operator, mutation.occurrence), source)


def _run(session: WorkDB) -> None:
    for item in tqdm(session.pending_work_items, "mutants", session.num_work_items, initial=session.num_results):
        session.set_result(item.job_id, _judged(item))


def _judged(item: WorkItem) -> WorkResult:
    """By the tests of the module, where there are any, and if it survives these by the others of the room."""
    (mutation,) = item.mutations
    room = Path("tests", "unit", mutation.module_path.parent.name)
    own = room / f"test_{mutation.module_path.stem}.py"
    runs = [[str(own)]] if own.is_file() else []
    for tests in [*runs, [str(room), "--ignore", str(own)]]:
        result = mutate_and_test(item.mutations, _command(*tests), LONGEST_ROOM)
        if result.test_outcome is not TestOutcome.SURVIVED:
            break
    return result


def _report(session: WorkDB) -> float:
    """Percent that are killed; prints which are not."""
    done = session.completed_work_items
    alive = [(item.mutations[0], result) for item, result in done if result.test_outcome is not TestOutcome.KILLED]
    for mutation, result in sorted(alive, key=lambda pair: _order(pair[0])):
        print(f"\n{mutation.module_path}:{mutation.start_pos[0]} {result.test_outcome.value}")
        print(result.diff or result.output)
    killed = len(done) - len(alive)
    share = 100 * killed / max(len(done), 1)
    print(f"\n{killed} of {len(done)} mutants are killed: {share:.1f} %, wanted: {ENOUGH} %")
    return share


if __name__ == "__main__":
    main()
