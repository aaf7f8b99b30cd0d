"""The rooms of `utils/` are a tower, and its map is right; code is formatted; nothing of one machine is in the tree."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UTILS = ROOT / "utils"
MODULES = sorted(path for path in UTILS.rglob("*.py") if path.name not in ("__init__.py", "__main__.py"))


def lint_imports(folder: Path) -> subprocess.CompletedProcess:
    """`lint-imports` on the `utils` of a folder, with the contracts of its pyproject.toml."""
    code = "from importlinter.cli import lint_imports_command as lint; lint(['--no-cache', '--no-logo'])"
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)


def test_all_contracts_are_kept():
    done = lint_imports(ROOT)
    assert done.returncode == 0 and re.search(r"Contracts: [1-9]\d* kept, 0 broken", done.stdout), done.stdout


@pytest.fixture
def copied(tmp_path):
    """A copy of the house, to build wrongly in."""
    only_code = shutil.ignore_patterns("__pycache__", "static", "reveal", "*.html", "*.md")
    shutil.copytree(UTILS, tmp_path / "utils", ignore=only_code)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


BREAKS = {
    "upward": ("text/entities.py", "import utils.model.crf", "utils.text is not allowed to import utils.model"),
    "upward inside a function": (
        "files.py",
        "def f():\n    from utils.course import tables",
        "utils.files is not allowed to import utils.course",
    ),
    "in a circle": ("text/entities.py", "import utils.text.corpus", "in a circle, between rooms or inside one BROKEN"),
    "a room that is not in the tower": ("cellar.py", "", "cellar"),
}


@pytest.mark.parametrize("case", BREAKS)
def test_an_import_that_breaks_the_tower_is_caught(copied, case):
    module, line, words = BREAKS[case]
    with (copied / "utils" / module).open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    done = lint_imports(copied)
    assert done.returncode == 1 and words in done.stdout, done.stdout


MAP = (UTILS / "README.md").read_text("utf-8")


def named_in(text: str) -> set[str]:
    """What stands between backticks; of a path such as `cut_search/`, the name."""
    return {name.strip("/") for name in re.findall(r"`([^`\n]+)`", text)}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(UTILS).as_posix())
def test_every_module_is_named_where_its_readers_begin(module):
    if module.parent == UTILS:
        assert re.search(rf"\b{module.name}\b", MAP)
    else:
        docstring = ast.get_docstring(ast.parse((module.parent / "__init__.py").read_text("utf-8")))
        assert module.stem in named_in(docstring)


@pytest.mark.parametrize("package", [path.parent for path in UTILS.rglob("__init__.py") if path.parent != UTILS])
def test_a_room_is_a_docstring_that_names_nothing_that_is_gone(package):
    (docstring,) = ast.parse((package / "__init__.py").read_text("utf-8")).body
    listed = re.findall(r"^- (.+?):", docstring.value.value, re.M)
    names = {name for line in listed for name in named_in(line)}
    assert names and [name for name in names if not list(package.glob(f"{name}*"))] == []


def test_the_map_shows_the_rooms_from_top_to_bottom_as_the_contract_has_them():
    drawn = re.findall(r"^ ([a-z]+)(?:\.py)?  ", MAP.split("```")[1], re.M)
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    assert drawn == [room for room in contracts[0]["layers"] if room != "workshop"]


def test_the_map_leads_to_what_it_names():
    for line in MAP.splitlines():
        paths = [UTILS / target for target in re.findall(r"\]\(([^)]+)\)", line)]
        assert [path for path in paths if not path.is_file()] == []
        if line.startswith("| w") or line.startswith("| how"):
            defined = set().union(*map(top_level_names, paths))
            question, _, names = line.strip("|").split("|")
            assert named_in(names) and named_in(names) <= defined, question


def top_level_names(path: Path) -> set[str]:
    """Functions, classes and constants of a module."""
    found = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        targets = getattr(node, "targets", [getattr(node, "target", node)])
        found |= {getattr(target, "id", getattr(target, "name", "")) for target in targets}
    return found


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]])
def test_ruff_finds_nothing(command):
    done = subprocess.run([sys.executable, "-m", "ruff", *command, str(ROOT)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def tracked_texts():
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, files.split("\0")):
        path = ROOT / name
        if path.is_file() and b"\0" not in (content := path.read_bytes()):
            yield name, content.decode("utf-8")


def test_no_path_of_a_machine_is_in_the_tree():
    here = f"|{re.escape(str(ROOT))}/" if len(ROOT.parts) > 2 else ""  # /data alone would be no clue
    private = re.compile(r"/(?:home|Users)/(?!someone/)\w+/|/root/|[A-Z]:\\Users\\(?!someone)" + here)
    assert {name for name, text in tracked_texts() if private.search(text)} <= {"tests/unit/test_house.py"}


ENVIRONMENT_READ_IN = {
    "measure/run.py",  # how a notebook, which has no command line, is told to time less
    "measure/memory.py",  # the environment of a child process
    "model/hub.py",  # ModelScope's mirror; the Hub's own is read by huggingface_hub
    "serving/__main__.py",
    "studies/gpu/__main__.py",  # set, not read: TensorRT has no other switch for whole float32
}


def test_the_environment_is_read_in_no_other_place():
    reading = re.compile(r"\bos\.(environ|getenv)\b")
    found = {
        path.relative_to(UTILS).as_posix() for path in UTILS.rglob("*.py") if reading.search(path.read_text("utf-8"))
    }
    assert found == ENVIRONMENT_READ_IN
