"""The environment is said three times: requirements.txt, environment.yml, and what is installed."""

import ast
import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


def lines_of(file):
    return [line for line in (ROOT / file).read_text("utf-8").splitlines() if line and not line.startswith("#")]


REQUIREMENTS = lines_of("requirements.txt")
PINS = dict(line.split("==") for line in REQUIREMENTS)
EXTRAS = [line for file in ROOT.glob("requirements-*.txt") for line in lines_of(file.name)]
OPTIONAL = {re.split(r"\[|==", line)[0] for line in EXTRAS}
LOCAL = {"utils", "tests", *(path.stem for path in ROOT.glob("tests/**/*.py"))}


def imported_packages():
    for path in [*ROOT.glob("utils/**/*.py"), *ROOT.glob("tests/**/*.py"), *ROOT.glob("notebooks/source/*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
            yield from ((name.split(".")[0], path) for name in names)


@pytest.mark.parametrize("line", REQUIREMENTS)
def test_pins_are_exact(line):
    assert re.fullmatch(r"[a-z0-9-]+==\d+(\.\d+)+", line)


def test_extras_are_pinned_and_what_stands_in_two_has_one_version():
    assert all(re.fullmatch(r"[a-z0-9-]+(\[[a-z]+\])?==\d+(\.\d+)+(\.post\d+)?", line) for line in EXTRAS)
    assert len(OPTIONAL) == len(set(EXTRAS))


def test_conda_installs_the_same_pins():
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))["dependencies"]
    pip_part = next(entry["pip"] for entry in dependencies if isinstance(entry, dict))
    assert pip_part == [*REQUIREMENTS, "-e ."]


@pytest.mark.parametrize(("name", "pin"), PINS.items())
def test_what_is_installed_is_what_is_pinned(name, pin):
    assert version(name).split("+")[0] == pin


def test_every_imported_package_is_pinned():
    distributions = packages_distributions()
    unpinned = {
        f"{package} in {path.name}"
        for package, path in imported_packages()
        if package not in sys.stdlib_module_names | LOCAL
        and not {name.lower().replace("_", "-") for name in distributions.get(package, [package])}
        & (PINS.keys() | OPTIONAL)
    }
    assert not unpinned


@pytest.mark.parametrize(
    ("settings", "words"),
    [([], ""), (["MODEL=my model", "PORT=9000"], '--model "my model" --port 9000')],
)
def test_make_serve_passes_its_settings_on(settings, words):
    command = ["make", "--dry-run", "--no-print-directory", "serve", *settings]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert " ".join(lines[-1].split()).endswith(f"python -m utils.serving {words}".strip())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ([], "run"),
        (["RESUME=1"], "run --resume"),
        (["QUICK=1", "MODEL=my model", "CORPUS=msra"], 'run --quick --model "my model" --corpus "msra"'),
        (["RESUME=0", "QUICK=0", "NOTEBOOKS=03 04"], "run --notebooks 03 04"),
    ],
)
def test_make_course_passes_its_settings_on(settings, words):
    command = ["make", "--dry-run", "--no-print-directory", "course", *settings]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert " ".join(lines[-1].split()).endswith(f"python -m utils.course {words}")


def test_ci_runs_make_test():
    script = ROOT / ".ci" / "run"
    assert script.read_text("utf-8").splitlines()[-1] == "make test" and os.access(script, os.X_OK)
