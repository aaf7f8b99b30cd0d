"""`make mutants`: which mutants are drawn, and what the command is told. The mutants themselves are Cosmic Ray's."""

import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from mutant_sample import computes_otherwise, spread

ROOT = Path(__file__).resolve().parents[2]


class Mutant(NamedTuple):
    module_path: str
    start_pos: tuple[int, int]
    kind: int


MADE = [
    Mutant(module, (line, 4), kind)
    for module, lines in (("large", 40), ("middle", 10), ("small", 2))
    for line in range(lines)
    for kind in range(5)
]


def drawn(count, seed=1, worth=lambda _: True):
    return spread(MADE, count, seed, worth)


def modules(mutants):
    return [mutant.module_path for mutant in mutants]


def test_modules_take_turns_as_long_as_they_have_places():
    assert modules(drawn(12)) == ["large", "middle", "small"] * 2 + ["large", "middle"] * 3
    assert modules(drawn(2)) == ["large", "middle"]


def test_a_place_is_taken_once_and_all_of_them_before_there_are_too_few():
    everything = drawn(1000)
    places = [(mutant.module_path, mutant.start_pos) for mutant in everything]
    assert len(places) == len(set(places)) == 52
    assert len({mutant.kind for mutant in everything}) == 5 and set(everything) <= set(MADE)


def test_the_seed_decides():
    assert drawn(20) == drawn(20) == spread(MADE, 20, 1, lambda _: True)
    assert drawn(20) != drawn(20, seed=2) and modules(drawn(20)) == modules(drawn(20, seed=2))


def test_what_is_not_worth_running_makes_room_for_others():
    odd = drawn(10, worth=lambda mutant: mutant.kind % 2)
    assert len(odd) == 10 and all(mutant.kind % 2 for mutant in odd)


SOURCE = '''
RATE = 0.1

def risen(value: int | None = 1, *, by: float = RATE) -> float | None:
    """By a tenth."""
    found: float | None = value * (1 + by)
    if found < 0:
        raise ValueError(f"{found * 100} %: wanted 0 or more")
    return found
'''


@pytest.mark.parametrize(
    ("old", "new", "otherwise"),
    [
        ("RATE = 0.1", "RATE = 1.1", True),
        ("value: int | None = 1", "value: int | None = 0", True),
        ("found < 0", "found <= 0", True),
        ("1 + by", "1 - by", True),
        ("value: int | None", "value: int - None", False),
        ("-> float | None", "-> float & None", False),
        ("found: float | None", "found: float ^ None", False),
        ("found * 100", "found * 101", False),
        ("*, by", "/, by = 1, **", False),
        ("1 + by", "1  +  by", False),
    ],
)
def test_only_what_computes_something_else_is_a_mutant(old, new, otherwise):
    assert SOURCE.count(old) == 1
    assert computes_otherwise(SOURCE.replace(old, new), SOURCE) is otherwise


@pytest.mark.parametrize(
    ("settings", "words"), [([], ""), (["COUNT=30"], "--count 30"), (["COUNT=7", "RESUME=1"], "--count 7 --resume")]
)
def test_make_mutants_passes_its_settings_on(settings, words):
    command = ["make", "--dry-run", "--no-print-directory", "mutants", *settings]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert " ".join(lines[-1].split()).endswith(f"run_mutants.py {words}".strip())
