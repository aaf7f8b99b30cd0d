"""Handouts, timing sheet and bundle of `make workshop`, against what the committed notebooks hold."""

import hashlib
import json
import re
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from utils.course.workshop import bundle, cli, handouts, timetable
from utils.course.workshop.bundle import BundleError
from utils.course.workshop.readiness import disk_finding, model_finding

ROOT = Path(__file__).resolve().parents[3]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def tagged(cells):
    return [cell for cell in cells if "solution" in cell.metadata.get("tags", [])]


def sources(cells):
    return [cell.source for cell in cells]


# --- handouts ----------------------------------------------------------------------------------


@each_notebook
def test_students_get_everything_but_solutions_and_outputs(path):
    raw = json.loads(path.read_text("utf-8"))["cells"]
    kept = ["".join(cell["source"]) for cell in raw if "solution" not in cell["metadata"].get("tags", [])]
    handout = handouts.student(nbformat.read(path, 4))
    assert sources(handout.cells) == kept and len(kept) < len(raw)
    code = [cell for cell in handout.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


@each_notebook
def test_no_solution_text_is_left_and_every_exercise_is_open(path):
    notebook = nbformat.read(path, 4)
    handout = handouts.student(notebook)
    text = nbformat.writes(handout)
    assert all(json.dumps(cell.source)[1:-1] not in text for cell in tagged(notebook.cells))
    asked = [cell for cell in handout.cells if re.search(r"^exercise\(", cell.source, re.M)]
    assert len(asked) == len(tagged(notebook.cells)) > 0


def test_names_are_followed_through_cells_and_functions():
    new = nbformat.v4
    cells = [new.new_code_cell(source) for source in (
        "answer = ...",
        "exercise(answer, checker)",
        "answer = 42",
        "twice = 2 * answer",
        "def f(answer):\n    return answer",
        "def g():\n    return twice",
        "other = [answer for answer in range(3)]",
        "g()",
    )]  # fmt: skip
    cells[2].metadata["tags"] = ["solution"]
    assert handouts.waiting_cells(cells) == {1, 3, 5, 7}


@each_notebook
def test_no_cell_needs_a_name_that_only_a_solution_sets(path):
    notebook = nbformat.read(path, 4)
    code = [cell for cell in handouts.student(notebook).cells if cell.cell_type == "code"]
    read, written = (
        set().union(*names) for names in zip(*(handouts.global_names(c.source) for c in code), strict=True)
    )
    solved = set().union(*(handouts.global_names(cell.source)[1] for cell in tagged(notebook.cells)))
    assert read & solved <= written


def test_a_student_notebook_runs_to_its_end_and_says_what_is_not_attempted(tmp_path):
    handout = handouts.student(nbformat.read(NOTEBOOKS[0], 4))
    NotebookClient(handout, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    code = [cell for cell in handout.cells if cell.cell_type == "code"]
    asked = [cell for cell in code if re.search(r"^exercise\(", cell.source, re.M)]
    assert asked and all("not attempted yet" in cell.outputs[0].text for cell in asked)
    assert all(cell.execution_count for cell in code)


@each_notebook
def test_instructors_get_solutions_unfolded_and_outputs(path):
    notebook = nbformat.read(path, 4)
    handout = handouts.instructor(notebook)
    assert sources(handout.cells) == sources(notebook.cells)
    assert not any(cell.metadata.get("jupyter", {}).get("source_hidden") for cell in tagged(handout.cells))
    assert [cell.get("outputs") for cell in handout.cells] == [cell.get("outputs") for cell in notebook.cells]


def small_notebook():
    new = nbformat.v4
    output = new.new_output("stream", text="42")
    return new.new_notebook(
        cells=[
            new.new_markdown_cell("# Title"),
            new.new_code_cell("seed = 1", metadata={"tags": ["parameters"]}),
            new.new_markdown_cell("## Section"),
            new.new_code_cell("one", outputs=[output]),
            new.new_code_cell("answer = 42", outputs=[output], metadata={"tags": ["solution"]}),
            new.new_code_cell("two", outputs=[output]),
            new.new_markdown_cell("text"),
            new.new_markdown_cell("### Part"),
            new.new_code_cell("three"),
        ]
    )


def test_headings_begin_slides_and_a_slide_has_one_output():
    kinds = [cell.metadata.slideshow.slide_type for cell in handouts.with_slide_types(small_notebook()).cells]
    assert kinds == ["slide", "skip", "slide", "-", "notes", "subslide", "-", "subslide", "-"]


@cache
def slides_of(path):
    return handouts.slides(nbformat.read(path, 4), path.stem)


@each_notebook
def test_slides_take_nothing_from_the_network(path):
    html = slides_of(path)
    code = re.sub(r"^\s*//.*", "", html, flags=re.M)
    fetched = re.findall(r"""https?://[^"'\s]+\.m?js\b|(?:src|href)=["']https?:[^"']+""", code)
    assert fetched == []
    local = set(re.findall(r"""["'](reveal/[^"']+)["']""", html))
    assert len(local) >= 4 and all((handouts.REVEAL.parent / name).is_file() for name in local)


@each_notebook
def test_slides_draw_each_formula_once(path):
    """In headings too, and without TeX that was not understood; dollars in code are no formulas."""
    cells = nbformat.read(path, 4).cells
    text = re.sub(r"`[^`\n]+`", "", "\n".join(cell.source for cell in cells if cell.cell_type == "markdown"))
    drawn = re.findall(r"<math.*?</math>", slides_of(path), re.S)
    assert len(drawn) == len(re.findall(r"\$\$[^$]+\$\$|\$[^$\n]+\$", text))
    assert not [formula for formula in drawn if "\\" in formula]


def test_slides_show_no_widgets_and_keep_all_else():
    new = nbformat.v4
    widget = new.new_output("display_data", data={handouts.WIDGET: {"model_id": "1"}, "text/plain": "VBox()"})
    picture = new.new_output("display_data", data={"image/png": "aa"})
    shown = handouts.without_widgets(new.new_notebook(cells=[new.new_code_cell("box", outputs=[widget, picture])]))
    assert shown.cells[0].outputs == [picture]


# --- timing ------------------------------------------------------------------------------------


def minutes(number, run, reading, exercises=0):
    return timetable.Minutes(f"{number}_x", run, reading, exercises)


def test_minutes_are_counted_by_the_stated_rule(tmp_path):
    new = nbformat.v4
    cells = [
        new.new_markdown_cell("word " * 119 + "字"),
        new.new_code_cell("guess = ..."),
        new.new_code_cell("answer = ..."),
        new.new_code_cell("exercise(answer, checker)"),
        new.new_code_cell("answer = 1\nexercise(answer, checker)", metadata={"tags": ["solution"]}),
    ]
    nbformat.write(new.new_notebook(cells=cells), tmp_path / "00_x.ipynb")
    found = timetable.notebook_minutes(tmp_path / "00_x.ipynb", {"00_x": 0.25})
    assert found == ("00_x", 0.25, 1 + 3 * 0.5, 5 + 1)
    assert found.total == 10  # 8.75, rounded up to five


@pytest.mark.parametrize("name", timetable.PLANS)
def test_plans_add_up_and_follow_on_each_other(name):
    sessions, order = timetable.PLANS[name]
    measured = timetable.measured_minutes(ROOT / "data" / "reference" / "run.json")
    known = [timetable.notebook_minutes(path, measured) for path in NOTEBOOKS]
    blocks = timetable.plan(sessions, order, known)
    assert sum(block.minutes for block in blocks) == sum(length for _, length in sessions)
    assert all(now.start + now.minutes == then.start for now, then in zip(blocks, blocks[1:], strict=False))
    for entry in known:
        spent = sum(block.minutes for block in blocks if block.what.startswith(entry.name))
        assert spent in (0, entry.total)
    assert any(block.what.startswith("00_") for block in blocks)


def test_a_plan_splits_at_the_break_and_leaves_out_what_does_not_fit():
    sessions = (("teaching", 20), ("break", 10), ("teaching", 20))
    known = [minutes("00", 0.1, 24), minutes("01", 1, 29), minutes("02", 1, 4), minutes("03", None, 1)]
    blocks = timetable.plan(sessions, ("00", "01", "02", "03"), known)
    assert [(block.start - 540, block.minutes, block.what) for block in blocks] == [
        (0, 20, "00_x"),
        (20, 10, "break"),
        (30, 5, "00_x, continued"),
        (35, 5, "02_x"),
        (40, 10, "questions"),
    ]


def test_the_sheet_sums_and_says_what_is_estimated():
    text = timetable.sheet([minutes("00", 0.1, 20, 5), minutes("09", None, 20, 5)])
    assert "**estimate**" in text and "| 00_x | 0.1 | 20 | 5 | 30 |" in text and "| 09_x | – | 20 | 5 | – |" in text
    for day in text.split("\n## ")[1:]:
        numbers = [int(number) for number in re.findall(r"(\d+) \|$", day, re.M)]
        assert sum(numbers[:-1]) == numbers[-1]


@pytest.mark.parametrize(
    "content",
    [
        None,
        "{",
        "[]",
        '{"state": "finished", "notebooks": [{"name": "00"}]}',
        '{"state": "finished", "notebooks": [{"name": "00", "minutes": null}]}',
        '{"state": "running", "notebooks": [{"name": "00", "minutes": 1}]}',
        '{"state": "finished", "notebooks": [{"name": "00", "minutes": NaN}]}',
    ],
)
def test_a_broken_run_is_a_clear_error_with_a_remedy(tmp_path, content):
    file = tmp_path / "run.json"
    if content is not None:
        file.write_text(content, "utf-8")
    with pytest.raises(timetable.TimingError, match=r"run\.json: .*report --reference"):
        timetable.measured_minutes(file)


# --- bundle ------------------------------------------------------------------------------------


@pytest.fixture
def copied(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a b.txt").write_bytes(b"one\n")
    (tmp_path / "weights.bin").write_bytes(bytes(range(256)))
    bundle.write_checksums(tmp_path)
    return tmp_path


def test_checksums_are_those_of_hashlib_and_cover_every_file(copied):
    listed = dict(line.split("  ", 1)[::-1] for line in (copied / bundle.CHECKSUMS).read_text("utf-8").splitlines())
    assert listed == {
        "deep/a b.txt": hashlib.sha256(b"one\n").hexdigest(),
        "weights.bin": hashlib.sha256(bytes(range(256))).hexdigest(),
    }
    assert bundle.verify_checksums(copied) == []


def test_changed_and_missing_files_are_named(copied, capsys):
    (copied / "deep" / "a b.txt").write_bytes(b"One\n")
    (copied / "weights.bin").unlink()
    assert bundle.verify_checksums(copied) == ["deep/a b.txt: changed", "weights.bin: missing"]
    assert cli.main(["verify", str(copied)]) == 1
    assert "deep/a b.txt: changed" in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, "", "no digest here\n"])
def test_a_list_that_cannot_be_read_is_no_success(tmp_path, capsys, content):
    if content is not None:
        (tmp_path / bundle.CHECKSUMS).write_text(content, "utf-8")
    assert cli.main(["verify", str(tmp_path)]) == 2
    assert "copy the bundle again" in capsys.readouterr().err


def test_checking_needs_python_alone(copied):
    command = [sys.executable, "-S", "-m", "utils.workshop", "verify", str(copied)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "The bundle is whole\n"), done.stderr


def git(folder, *words):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


def test_only_the_last_commit_is_bundled(tmp_path):
    repository = tmp_path / "repository"
    repository.mkdir()
    git(repository, "init")
    (repository / "a.txt").write_bytes(b"committed")
    git(repository, "add", ".")
    git(repository, "commit", "-m", "first")
    (repository / "a.txt").write_bytes(b"edited")
    (repository / "b.txt").write_bytes(b"new")
    bundle.last_commit(repository, tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == {"a.txt": b"committed"}
    assert bundle.uncommitted(repository) == 2


def test_without_a_repository_the_remedy_is_named(tmp_path):
    with pytest.raises(BundleError, match="clone"):
        bundle.last_commit(tmp_path, tmp_path / "out")


def wheel(folder, name):
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as file:
        info = f"{name}-1.0.dist-info"
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")


def test_wheels_are_collected_and_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    shelf, wheels = tmp_path / "shelf", tmp_path / "wheels"
    shelf.mkdir()
    wheel(shelf, "tiny")
    wheel(shelf, "setuptools")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    (tmp_path / "requirements.txt").write_text("tiny==1.0\n", "utf-8")
    bundle.collect_wheels(tmp_path / "requirements.txt", wheels)
    assert {path.name.split("-")[0] for path in wheels.glob("*.whl")} == {"tiny", "setuptools"}
    (tmp_path / "requirements.txt").write_text("not-there==1.0\n", "utf-8")
    with pytest.raises(BundleError, match="try again"):
        bundle.collect_wheels(tmp_path / "requirements.txt", wheels)
    assert len(list(wheels.iterdir())) == 2


def test_a_failed_build_leaves_the_old_workshop(tmp_path, monkeypatch, capsys):
    (tmp_path / "workshop").mkdir()
    (tmp_path / "workshop" / "old").write_text("whole")

    def broken(file):
        raise timetable.TimingError("no minutes")

    monkeypatch.setattr(timetable, "measured_minutes", broken)
    assert cli.main(["build", "--out", str(tmp_path)]) == 2
    assert "no minutes" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "workshop").iterdir()] == ["old"]


def test_a_finished_folder_replaces_the_old_one(tmp_path):
    for name in ("new", "target"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    bundle.replace_folder(tmp_path / "new", tmp_path / "target")
    assert [path.name for path in tmp_path.rglob("*")] == ["target", "new"]


# --- preflight ---------------------------------------------------------------------------------


def test_the_preflight_is_one_screen_and_names_everything(capsys):
    assert cli.main(["preflight"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24 and lines[-1] == "Ready"
    for what in ("Python", "memory", "disk", "cores", "INT8", "font", "model"):
        assert any(what in line for line in lines)


def test_a_damaged_model_is_not_ready_and_a_full_disk_is_advised(tmp_path):
    digest = hashlib.sha256(b"weights").hexdigest()
    (tmp_path / "sum").write_text(f"{digest}  model.bin\n", "utf-8")
    assert model_finding(tmp_path, tmp_path / "sum").found == "absent"
    (tmp_path / "model.bin").write_bytes(b"weights")
    assert model_finding(tmp_path, tmp_path / "sum").advice == ""
    (tmp_path / "model.bin").write_bytes(b"Weights")
    damaged = model_finding(tmp_path, tmp_path / "sum")
    assert damaged.required and "damaged" in damaged.advice
    assert disk_finding(1.0).advice and not disk_finding(1.0).required and not disk_finding(50).advice
