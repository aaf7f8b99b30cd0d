"""Every command that the code, a card or a stored result names can be given."""

import importlib.util
import re

import pytest

from utils.files import DATA, ROOT

NAMED = re.compile(r"python -m (utils[\w.]*\w)")
TEXTS = [*DATA.rglob("*.md"), *DATA.glob("reference/*.json"), *(ROOT / "utils").rglob("*.py"), *ROOT.glob("*.md")]
TEXTS += (ROOT / "utils").rglob("*.md")
COMMANDS = {name for path in TEXTS for name in NAMED.findall(path.read_text("utf-8"))}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_that_is_named_is_there(name):
    spec = importlib.util.find_spec(name)
    assert spec, f"no module {name}"
    if spec.submodule_search_locations:
        assert importlib.util.find_spec(f"{name}.__main__")
    else:
        assert '__name__ == "__main__"' in spec.loader.get_source(name)


def test_the_studies_that_run_for_hours_are_among_them():
    assert {f"utils.studies.{study}" for study in ("train_from_base", "recovery_bars", "seed_spread")} <= COMMANDS
