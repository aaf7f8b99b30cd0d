"""The edition of a tiny course: what it refuses, what it puts in place, and that it does so twice alike."""

import json
import subprocess

import nbformat
import pytest
from tiny_course import only_run, row

from utils.course import cli, edition, reference, runs
from utils.measure import machine as machines
from utils.measure.ledger import Ledger

HEAD = """# %% [markdown]
# # Title

# %% tags=["parameters"]
run_dir = ""
model = ""
corpus = ""
seed = 1
quick = False

# %%
from pathlib import Path
from utils.course.teaching import show_minutes
folder = Path(run_dir, "artifacts")
show_minutes("{number}")

"""
FIRST = """# %%
import json
from utils.measure.ledger import Ledger
Ledger(Path(run_dir, "ledger.json")).append(json.loads(ROW))
(folder / "waterfall.png").write_bytes(b"png")

# %% tags=["nbval-ignore-output"]
6 * 7
"""
SECOND = """# %%
with (folder / "starts").open("a") as file:
    file.write("x")
assert not Path("{broken}").exists(), "broken"
print(quick, seed)
"""
README = """# Title
<!-- results -->
old
<!-- /results -->
<!-- lac -->
<!-- /lac -->
| 00 | [a](b) | words | – |
| 01 | [a](b) | words | – |
"""
MACHINE = {
    "cpu": "Some CPU", "flags": ["avx2", "avx512_vnni"], "cores": 2, "logical_cores": 2, "threads": 2,
    "memory_mb": 8000, "versions": {"python": "3.11"},
}  # fmt: skip


def git(home, *words):
    identity = ("-c", "user.name=n", "-c", "user.email=e@example.org")
    return subprocess.run(["git", *identity, *words], cwd=home, check=True, capture_output=True, text=True).stdout


def write_home(home, patch):
    """A repository with a course of two sources, of which one was built before, and one notebook without a source.

    01 fails while there is a file `broken` beside the repository.
    """
    sources = home / "notebooks" / "source"
    sources.mkdir(parents=True)
    first = FIRST.replace("ROW", repr(json.dumps(row("original", "torch-fp32", f1=86.0))))
    second = SECOND.replace("{broken}", str(home.with_name("broken")))
    (sources / "00_first.py").write_text(HEAD.replace("{number}", "00") + first, "utf-8")
    (sources / "01_second.py").write_text(HEAD.replace("{number}", "01") + second, "utf-8")
    for name in ("00_first", "02_gone"):
        (home / "notebooks" / f"{name}.ipynb").write_text("old")
    for name in ("README.md", "README.zh-CN.md"):
        (home / name).write_text(README)
    (home / ".gitignore").write_text("runs/\n")
    git(home, "init", "-q")
    git(home, "add", "-A")
    git(home, "commit", "-qm", "all")
    patch_home(home, patch)
    return home


def patch_home(home, patch):
    patch.setattr(edition, "ROOT", home)
    patch.setattr(runs, "NOTEBOOKS", home / "notebooks")
    patch.setattr(reference, "REFERENCE", home / "data" / "reference")
    patch.setattr(reference, "READMES", {"en": home / "README.md", "zh": home / "README.zh-CN.md"})
    patch.setattr(machines, "machine", lambda: MACHINE)


@pytest.fixture
def home(tmp_path, monkeypatch):
    return write_home(tmp_path / "home", monkeypatch)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A repository in which an edition was made; before, what it writes was changed and not committed."""
    with pytest.MonkeyPatch.context() as patch:
        home = write_home(tmp_path_factory.mktemp("made") / "home", patch)
        (home / "notebooks" / "00_first.ipynb").write_text("changed")
        with (home / "README.md").open("a") as file:
            file.write("more\n")
        assert make(home) == 0
    return home


def make(home, *options):
    return cli.main(["edition", "--out", str(home / "runs"), *options])


def begin(home, resume=False, forced=False):
    with edition.plain_notebooks() as notebooks:
        return edition.begun(home / "runs", notebooks, resume, forced)


def products(home):
    files = [path for path in home.rglob("*") if path.is_file() and not {".git", "runs"} & set(path.parts)]
    return {str(path.relative_to(home)): path.read_bytes() for path in files}


def test_an_edition_puts_in_place_what_its_run_made(made):
    folder, commit = only_run(made), git(made, "rev-parse", "HEAD").strip()
    state = json.loads((made / "data" / "reference" / "run.json").read_text("utf-8"))
    assert state == json.loads((folder / "run.json").read_text("utf-8"))
    assert (state["commit"], state["state"], state["machine"]) == (commit, "finished", MACHINE)
    assert Ledger(made / "data" / "reference" / "ledger.json").rows()[0]["f1"] == 86.0
    assert sorted(path.name for path in (made / "notebooks").glob("*.ipynb")) == ["00_first.ipynb", "01_second.ipynb"]
    for name in ("README.md", "README.zh-CN.md"):
        text = (made / name).read_text("utf-8")
        assert "old" not in text and "86.0" in text and "waterfall.png" in text and "Some CPU" in text
        assert text.endswith("more\n") == (name == "README.md")
        assert f"| 01 | [a](b) | words | {state['notebooks'][1]['minutes']:.1f} |" in text
    assert (made / "data" / "reference" / "waterfall.png").read_bytes() == b"png"
    assert (made / "data" / "reference" / "results.png").read_bytes().startswith(b"\x89PNG")


def test_its_notebooks_are_those_of_the_sources_with_the_outputs_of_the_run(made):
    commit = git(made, "rev-parse", "HEAD")
    for name, printed in (("00_first", "42"), ("01_second", "False 1\n")):
        file = made / "notebooks" / f"{name}.ipynb"
        notebook, plain = nbformat.read(file, 4), edition.plain_notebook(made / "notebooks/source" / f"{name}.py")
        essence = [[(c.id, c.cell_type, c.source, c.metadata) for c in one.cells] for one in (notebook, plain)]
        assert essence[0] == essence[1] and notebook.metadata == plain.metadata
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
        results = [(output, cell) for cell in code for output in cell.outputs if "execution_count" in output]
        assert results and all(output.execution_count == cell.execution_count for output, cell in results)
        line = code[1].outputs[0].data["text/markdown"]
        assert "to run" in line and commit[:7] in line and "Some CPU, 2 cores, avx2 avx512_vnni" in line
        last = code[-1].outputs[0]
        assert (last.text if "text" in last else last.data["text/plain"]) == printed
        assert str(made) not in file.read_text("utf-8") and "papermill" not in file.read_text("utf-8")


def test_it_may_be_put_in_place_again_and_is_the_same(made, monkeypatch):
    patch_home(made, monkeypatch)
    before = products(made)
    (made / "notebooks" / "01_second.ipynb").write_text("half")
    assert make(made, "--resume") == 0
    assert products(made) == before
    assert (only_run(made) / "artifacts" / "starts").read_text() == "x"


def test_an_interrupted_one_goes_on_and_until_then_nothing_is_changed(home, tmp_path, capsys):
    before = products(home)
    (tmp_path / "broken").touch()
    assert make(home) == 1
    assert "edition --resume" in capsys.readouterr().err and products(home) == before
    (tmp_path / "broken").unlink()
    assert make(home, "--resume") == 0
    assert (only_run(home) / "artifacts" / "starts").read_text() == "xx"
    assert (home / "notebooks" / "01_second.ipynb").exists()


def refused(home, capsys, *options):
    before = products(home)
    assert make(home, *options) == 2
    assert products(home) == before
    return capsys.readouterr().err


def test_it_names_what_is_not_committed(home, capsys):
    for name in "abcde":
        (home / name).touch()
    said = refused(home, capsys)
    assert "not committed: a, b, c and 2 more" in said and said.count("\n") == 1
    assert not (home / "runs").exists()


def test_it_needs_a_repository(home, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(edition, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert "git checkout" in refused(home, capsys)


def test_without_vnni_it_must_be_forced(home, monkeypatch, capsys):
    monkeypatch.setattr(machines, "machine", lambda: MACHINE | {"flags": ["avx2", "avx512f"]})
    assert "VNNI" in refused(home, capsys) and not (home / "runs").exists()
    assert begin(home, forced=True) == only_run(home)


def test_it_goes_on_only_with_its_own_commit_and_machine(home, monkeypatch, capsys):
    assert "no edition of commit" in refused(home, capsys, "--resume")
    assert begin(home) == begin(home, resume=True)
    with monkeypatch.context() as patch:
        patch.setattr(machines, "machine", lambda: MACHINE | {"cpu": "Another CPU"})
        assert "begun on another machine" in refused(home, capsys, "--resume")
    git(home, "commit", "--allow-empty", "-qm", "later")
    assert "no edition of commit" in refused(home, capsys, "--resume")
