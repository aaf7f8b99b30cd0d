"""The rooms of `utils/` stand on floors; the code is formatted; nothing of one machine is in the tree."""

import ast
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UTILS = ROOT / "utils"

FLOORS = {
    0: ["entities", "files", "hub", "integers"],
    1: ["characters", "corpus", "crf", "decoding", "marginals"],
    2: ["augmentation", "raner", "tagger"],
    3: ["bands", "batches", "benchmark", "evaluation", "gates", "packing", "training"],
    4: ["importance", "ledger", "onnx_runtime", "pruning", "quantization", "recovery", "twin"],
    5: [
        "anatomy",
        "bundle",
        "claims",
        "confidence",
        "damage",
        "engines",
        "exercises",
        "exercises_distillation",
        "exercises_recovery",
        "exercises_quantization",
        "exercises_onnx",
        "exercises_serving",
        "handouts",
        "latency_match",
        "latency_table",
        "leaderboard",
        "notebooks",
        "openvino_runtime",
        "pipeline",
        "plots",
        "plots_distillation",
        "plots_recovery",
        "plots_quantization",
        "plots_onnx",
        "plots_serving",
        "preflight",
        "readiness",
        "recipes",
        "report",
        "run",
        "search",
        "sensitivity",
        "serving",
        "sweep",
        "teaching",
        "timing",
        "variants",
        "widgets",
    ],
    6: ["course", "recovery_bars", "spread", "train_mini", "workshop"],
}
FLOOR = {room: floor for floor, rooms in FLOORS.items() for room in rooms}
ROOMS = sorted({path.relative_to(UTILS).parts[0].removesuffix(".py") for path in UTILS.glob("**/*.py")} - {"__init__"})


def imported_rooms(source: str) -> set[str]:
    """Rooms that a source text imports, inside functions too; imports for annotations alone do not run."""
    rooms, tree = set(), ast.parse(source)
    tree.body = [node for node in tree.body if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node))]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            rooms |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("utils.")}
        elif isinstance(node, ast.ImportFrom) and node.module == "utils":
            rooms |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("utils."):
            rooms.add(node.module.split(".")[1])
    return rooms


def imports_of(room: str) -> set[str]:
    files = [UTILS / f"{room}.py"] if (UTILS / f"{room}.py").exists() else (UTILS / room).glob("**/*.py")
    return set().union(*(imported_rooms(path.read_text("utf-8")) for path in files)) - {room}


def may_import(room: str, other: str) -> bool:
    """Lower floors always; the same floor only where its rooms do not meet in a notebook."""
    return FLOOR[other] < FLOOR[room] or (FLOOR[other] == FLOOR[room] and FLOOR[room] != 4)


def test_imports_are_seen_in_every_form():
    source = "import utils.model.crf\nfrom utils import raner\ndef f():\n    from utils.tagger import Tagger\n"
    assert imported_rooms(source) == {"crf", "raner", "tagger"}


def test_the_rule_forbids_what_the_design_forbids():
    assert may_import("pruning", "raner") and may_import("tagger", "raner")
    assert not may_import("raner", "pruning") and not may_import("pruning", "importance")


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_only_from_lower_floors(room):
    assert room in FLOOR, f"give utils/{room} a floor, here and in the design"
    assert {other for other in imports_of(room) if not may_import(room, other)} == set()


def test_no_import_goes_in_a_circle():
    graphlib.TopologicalSorter({room: imports_of(room) for room in ROOMS}).prepare()


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
