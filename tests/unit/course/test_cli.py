"""The command line, run on a course of two tiny notebooks and a tiny random model."""

import contextlib
import io
import json
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from utils.course import cli, notebooks, runs
from utils.files import LockedError, locked
from utils.measure.ledger import Ledger
from utils.measure.row import Row

TINY = Path(__file__).parents[2] / "data" / "raner_tiny_published"
PARAMETERS = 'run_dir = ""\nmodel = ""\ncorpus = ""\nseed = 1\nquick = False'
WRITE = "from pathlib import Path\nPath(run_dir, 'artifacts', 'a.txt').write_text(f'{seed} {quick} {corpus}')"
COUNT = (
    "from pathlib import Path\nwith Path(run_dir, 'artifacts', 'starts.txt').open('a') as file:\n    file.write('x')"
)
MEND_ME = "assert Path(run_dir, 'artifacts', 'mended').exists(), 'not mended'"


def row(stage, backend, scale="mini", **values):
    names = {"stage": stage, "notebook": "08", "scale": scale, "backend": backend}
    return dict.fromkeys(Row.model_fields) | names | values


def write_notebook(path, *sources):
    cells = [new_markdown_cell("# Title"), new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})]
    metadata = {"kernelspec": notebooks.KERNEL}
    nbformat.write(new_notebook(cells=[*cells, *map(new_code_cell, sources)], metadata=metadata), path)


def write_course(folder):
    """`notebooks/` with 00 and 01."""
    folder.mkdir()
    write_notebook(folder / "00_write.ipynb", COUNT, WRITE)
    write_notebook(folder / "01_read.ipynb", "print(open(run_dir + '/artifacts/a.txt').read())")
    return folder


@pytest.fixture
def tiny_course(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "NOTEBOOKS", write_course(tmp_path / "notebooks"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "notebooks"


@pytest.fixture
def run(tiny_course, tmp_path):
    return lambda *options: cli.main(["run", "--out", str(tmp_path / "runs"), *options])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of both notebooks that went through: its folder, and what it printed."""
    home, printed = tmp_path_factory.mktemp("finished"), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr(runs, "NOTEBOOKS", write_course(home / "notebooks"))
        assert cli.main(["run", "--out", str(home / "runs"), "--model", str(TINY), "--seed", "7", "--quick"]) == 0
    return only_run(home), printed.getvalue()


def only_run(home):
    (folder,) = (path for path in (home / "runs").iterdir() if not path.is_symlink())
    return folder


def test_a_run_leaves_notebooks_state_report_and_latest(finished):
    folder, printed = finished
    state = json.loads((folder / "run.json").read_text("utf-8"))
    assert re.fullmatch(r"\d{8}-\d{6}Z", folder.name)
    assert (folder.parent / "latest").resolve() == folder
    assert state["state"] == "finished" and [entry["state"] for entry in state["notebooks"]] == ["done", "done"]
    assert all(entry["minutes"] >= 0 for entry in state["notebooks"])
    assert state["settings"] == {"model": str(TINY), "corpus": "", "seed": 7, "quick": True}
    assert sorted(path.name for path in folder.iterdir()) == [
        ".run.json.lock", "00_write.ipynb", "01_read.ipynb", "artifacts", "report.html", "run.json"
    ]  # fmt: skip
    assert printed.splitlines()[-1] == f"Report: {folder / 'report.html'}"


def test_later_notebooks_find_what_earlier_ones_left(finished):
    outputs = nbformat.read(finished[0] / "01_read.ipynb", 4).cells[-1].outputs
    assert outputs[0].text == "7 True \n"


def test_the_report_links_only_to_what_is_there(finished):
    folder, _ = finished
    page = (folder / "report.html").read_text("utf-8")
    links = re.findall(r'(?:href|src)="([^"]+)"', page)
    assert [link for link in links if not link.startswith("data:") and not (folder / link).is_file()] == []
    assert links[-2:] == ["00_write.ipynb", "01_read.ipynb"] and "data:image/png;base64,iVBOR" in page


def test_only_the_chosen_notebooks_run(run, tmp_path):
    assert run("--model", str(TINY), "--notebooks", "00") == 0
    assert [path.name for path in only_run(tmp_path).glob("*.ipynb")] == ["00_write.ipynb"]


def test_a_failing_cell_is_named_and_the_run_resumes_there(run, tiny_course, tmp_path, capsys):
    write_notebook(tiny_course / "01_read.ipynb", COUNT, "from pathlib import Path\n" + MEND_ME)
    assert run("--model", str(TINY), "--seed", "3") == 1
    folder = only_run(tmp_path)
    message = capsys.readouterr().err.splitlines()[-1]
    assert "01_read.ipynb, cell 4: AssertionError: not mended" in message  # parameters, injected ones, COUNT, this
    assert (folder / "01_read.failed.ipynb").exists() and not (folder / "01_read.ipynb").exists()
    assert json.loads((folder / "run.json").read_text("utf-8"))["state"] == "failed"

    (folder / "artifacts" / "mended").touch()
    assert run("--resume") == 0
    assert only_run(tmp_path) == folder
    assert (folder / "artifacts" / "starts.txt").read_text() == "xxx"  # 00 once, 01 twice
    assert (folder / "01_read.ipynb").exists() and not (folder / "01_read.failed.ipynb").exists()
    assert "seed = 3" in (folder / "01_read.ipynb").read_text("utf-8")


def test_a_dead_kernel_is_named(run, tiny_course, capsys):
    write_notebook(tiny_course / "00_write.ipynb", "import os\nos._exit(1)", "print('never')")
    assert run("--model", str(TINY)) == 1
    assert "00_write.ipynb, cell 3: DeadKernelError" in capsys.readouterr().err.splitlines()[-1]


def test_an_interrupted_run_resumes(run, tmp_path, monkeypatch, capsys):
    def interrupted(notebook, folder, parameters):
        if notebook.name == "01_read.ipynb":
            raise KeyboardInterrupt
        return notebooks.execute_notebook(notebook, folder, parameters)

    with monkeypatch.context() as patch:
        patch.setattr(runs, "execute_notebook", interrupted)
        assert run("--model", str(TINY)) == 130
    assert "RESUME=1" in capsys.readouterr().err
    assert run("--resume") == 0
    assert (only_run(tmp_path) / "artifacts" / "starts.txt").read_text() == "x"


def test_a_run_that_is_still_running_is_not_resumed(run, tiny_course, tmp_path, capsys):
    write_notebook(tiny_course / "01_read.ipynb", COUNT, "from pathlib import Path\n" + MEND_ME)
    assert run("--model", str(TINY)) == 1
    folder = only_run(tmp_path)
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    with locked(folder / "run.json", 0):
        capsys.readouterr()
        assert run("--resume") == 2
    printed = capsys.readouterr()
    assert "still running, in another process" in printed.err and str(folder) in printed.err and not printed.out
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    (folder / "artifacts" / "mended").touch()
    assert run("--resume") == 0


def test_a_run_holds_its_folder_while_it_runs(run, tmp_path, monkeypatch):
    seen = []

    def watched(notebook, folder, parameters):
        with pytest.raises(LockedError), locked(folder / "run.json", 0):
            pytest.fail("free")
        seen.append(notebook.stem)
        return notebooks.execute_notebook(notebook, folder, parameters)

    monkeypatch.setattr(runs, "execute_notebook", watched)
    assert run("--model", str(TINY)) == 0
    assert seen == ["00_write", "01_read"]
    with locked(only_run(tmp_path) / "run.json", 0):
        pass


def test_resume_with_nothing_to_resume_or_other_settings(run, capsys):
    assert run("--resume") == 2
    assert "no unfinished run" in capsys.readouterr().err
    assert run("--resume", "--seed", "2") == 2
    assert "leave out --seed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--model", "nowhere"], "nowhere: no such model directory"),
        (["--corpus", "nowhere at all"], "nowhere at all: no such corpus directory"),
        (["--notebooks", "77"], "no notebook 77; there are 00, 01"),
    ],
)
def test_a_wrong_request_is_one_line_and_leaves_nothing(run, tmp_path, capsys, options, words):
    assert run(*options) == 2
    captured = capsys.readouterr()
    assert words in captured.err and captured.err.count("\n") == 1 and not captured.out
    assert not (tmp_path / "runs").exists()


def test_a_broken_corpus_line_is_named(run, tmp_path, capsys):
    for split in ("train", "dev", "test"):
        (tmp_path / f"{split}.txt").write_text("# domain: 财经\n好。\n[坏](PER。\n", "utf-8")
    assert run("--model", str(TINY), "--corpus", str(tmp_path)) == 2
    assert "train.txt:3" in capsys.readouterr().err


def test_out_that_is_a_file(tiny_course, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert cli.main(["run", "--model", str(TINY), "--out", str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_wrong_arguments_end_with_two(capsys):
    for argv in ([], ["fly"], ["run", "--seed", "one"]):
        with pytest.raises(SystemExit) as ended:
            cli.main(argv)
        assert ended.value.code == 2


@pytest.mark.parametrize("command", ["run", "check", "report", "tag", "build"])
def test_help_has_examples_that_parse(command, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    examples = re.findall(r"^  python -m utils\.course (.+)$", capsys.readouterr().out, re.M)
    assert ended.value.code == 0 and examples
    for example in examples:
        words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', example)]
        assert cli.command_line().parse_args(words).function.__name__ == command


def test_tag_prints_the_entities_of_the_text(capsys):
    text = "陈默在北京说😀。"
    assert cli.main(["tag", text, "--model", str(TINY)]) == 0
    entities = json.loads(capsys.readouterr().out)
    assert all(text[e["start"] : e["end"]] == e["text"] and 0 < e["confidence"] <= 1 for e in entities)


def test_tag_answers_what_the_tagger_answers(capsys):
    from utils.model.torch_tagger import load_tagger

    text = "国家图书馆馆长陈默昨日在北京说"
    cli.main(["tag", text, "--model", str(TINY)])
    expected = [entity.span for entity in load_tagger(TINY).predict([text])[0]]
    assert [(e["start"], e["end"], e["type"]) for e in json.loads(capsys.readouterr().out)] == expected


@pytest.mark.parametrize(("text", "model"), [("好", "nowhere"), ("\udce4", str(TINY))])
def test_tag_refuses_in_one_line(capsys, text, model):
    assert cli.main(["tag", text, "--model", model]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.fixture
def reference(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "REFERENCE", tmp_path / "reference")
    ledger = Ledger(tmp_path / "reference" / "ledger.json")
    ledger.append(row("original", "torch-fp32", f1=86.0, latency_ms={"p50": 10.0, "p95": 11.0}))
    ledger.append(row("quantized", "torch-int8", f1=85.5, latency_ms={"p50": 5.0, "p95": 6.0}))
    return tmp_path / "reference"


def test_check_passes_an_equal_run_and_breaches_a_worse_one(reference, tmp_path, capsys):
    shutil.copytree(reference, tmp_path / "run")
    assert cli.main(["check", str(tmp_path / "run")]) == 0
    assert "0 breached" in capsys.readouterr().out
    Ledger(tmp_path / "run" / "ledger.json").append(row("quantized", "torch-int8", f1=40.0))
    assert cli.main(["check", str(tmp_path / "run")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["stage", "scale", "backend", "metric", "old", "new", "band", "verdict"]
    assert any(re.search(r"quantized .* f1 .*85.5 .*40 .*BREACH$", line) for line in lines)


@pytest.mark.parametrize("state", ["done", "failed"])
def test_check_of_a_part_compares_the_part(reference, tmp_path, state):
    whole = Ledger(reference / "ledger.json")
    whole.append(row("later", "torch-fp32") | {"notebook": "10"})
    part = Ledger(tmp_path / "run" / "ledger.json")
    for kept in whole.rows()[:2]:
        part.append(kept)
    for number, code in ((part.rows()[0]["notebook"], 0), ("10", 1)):
        notebooks = [{"name": f"{number}_some", "state": state}]
        (tmp_path / "run" / "run.json").write_text(json.dumps({"settings": runs.DEFAULTS, "notebooks": notebooks}))
        assert cli.main(["check", str(tmp_path / "run")]) == code


def test_check_of_a_ledger_without_a_run_misses_every_row(reference, tmp_path):
    Ledger(tmp_path / "run" / "ledger.json").append(Ledger(reference / "ledger.json").rows()[0])
    assert cli.main(["check", str(tmp_path / "run")]) == 1


@pytest.mark.parametrize("other", [{"model": "/some/model"}, {"corpus": "/some/corpus"}, {"quick": True}])
def test_check_refuses_a_run_that_cannot_be_compared(reference, tmp_path, capsys, other):
    shutil.copytree(reference, tmp_path / "run")
    for settings, code in ((runs.DEFAULTS | {"seed": 2}, 0), (runs.DEFAULTS | other, 2)):
        state = {"settings": settings, "notebooks": [{"name": "00_any", "state": "done"}]}
        (tmp_path / "run" / "run.json").write_text(json.dumps(state))
        assert cli.main(["check", str(tmp_path / "run")]) == code
    assert "".join(f"{name} = {value}" for name, value in other.items()) in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, "[", "[]", '[{"stage": "original"}]'])
def test_check_of_no_ledger(reference, tmp_path, capsys, content):
    if content is not None:
        (tmp_path / "ledger.json").write_text(content)
    assert cli.main(["check", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("content", [None, "{"])
def test_report_of_no_run(tmp_path, capsys, content):
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    assert cli.main(["report", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_only_a_whole_default_run_becomes_the_reference(finished, tmp_path, monkeypatch):
    folder = shutil.copytree(finished[0], tmp_path / "run")
    state = json.loads((folder / "run.json").read_text("utf-8"))
    monkeypatch.setattr(runs, "REFERENCE", tmp_path / "reference")
    monkeypatch.setattr(runs, "NOTEBOOKS", finished[0].parents[1] / "notebooks")
    Ledger(folder / "ledger.json").append(row("original", "torch-fp32"))
    whole = state | {"settings": {"model": "", "corpus": "", "seed": 7, "quick": False}}
    for refused in (state, whole | {"state": "failed"}, whole | {"notebooks": state["notebooks"][:1]}):
        (folder / "run.json").write_text(json.dumps(refused))
        assert cli.main(["report", str(folder), "--reference"]) == 2
        assert not (tmp_path / "reference").exists()
    (folder / "run.json").write_text(json.dumps(whole))
    assert cli.main(["report", str(folder), "--reference"]) == 0
    assert json.loads((tmp_path / "reference" / "run.json").read_text()) == whole
    assert runs.read_rows(tmp_path / "reference") == [row("original", "torch-fp32")]


SOURCE = '# %% [markdown]\n# # Title\n\n# %% tags=["parameters"]\nseed = 1\n\n# %%\nprint(seed + 1)\n'


def test_build_executes_a_source_twice_to_the_same_bytes(tmp_path):
    (tmp_path / "00_a.py").write_text(SOURCE)
    target = tmp_path / "00_a.ipynb"
    notebooks.build_notebook(tmp_path / "00_a.py", target)
    first = target.read_bytes()
    notebooks.build_notebook(tmp_path / "00_a.py", target)
    notebook = nbformat.read(target, 4)
    assert target.read_bytes() == first
    assert [cell.get("execution_count") for cell in notebook.cells] == [None, 1, 2]
    assert notebook.cells[1].metadata.tags == ["parameters"] and notebook.cells[2].outputs[0].text == "2\n"


def test_build_keeps_the_old_notebook_where_a_cell_fails(tmp_path):
    (tmp_path / "00_a.py").write_text(SOURCE + "\n# %%\n1 / 0\n")
    (tmp_path / "00_a.ipynb").write_text("old")
    with pytest.raises(notebooks.NotebookError, match="00_a, cell 3: ZeroDivisionError: division by zero"):
        notebooks.build_notebook(tmp_path / "00_a.py", tmp_path / "00_a.ipynb")
    assert (tmp_path / "00_a.ipynb").read_text() == "old"
