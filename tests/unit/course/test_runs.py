"""Runs of a tiny course: what they leave behind, how they fail, how they go on."""

import json
import re
import time
from datetime import UTC, datetime

import nbformat
import pytest
from tiny_course import COUNT, TINY, only_run, write_notebook

from utils.course import cli, notebooks, runs
from utils.files import LockedError, locked

MEND_ME = "assert Path(run_dir, 'artifacts', 'mended').exists(), 'not mended'"


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
    taken = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert f"Folder: it takes {taken / 1e6:.1f} MB" in printed


def test_a_quick_run_says_that_its_numbers_mean_nothing(finished, capsys):
    folder, printed = finished
    lines = printed.splitlines()
    table = next(number for number, line in enumerate(lines) if line.startswith("version"))
    assert "quick run" in lines[table - 1] and "means nothing" in lines[table - 1]
    assert lines[table - 1] in (folder / "report.html").read_text("utf-8")


def test_a_full_run_has_no_such_mark(run, tmp_path, capsys):
    assert run("--model", str(TINY)) == 0
    page = (only_run(tmp_path) / "report.html").read_text("utf-8")
    assert "means nothing" not in capsys.readouterr().out + page


LEAVE_MODELS = """from pathlib import Path
for name, count in (("article/float", 3000), ("article/int8", 900), ("mini/float", 2000), ("corpus", 5000)):
    Path(run_dir, "artifacts", name).mkdir(parents=True)
    Path(run_dir, "artifacts", name, "weights").write_bytes(b"x" * count)"""


@pytest.mark.parametrize("keep", [False, True])
def test_a_run_ends_by_removing_the_largest_unless_all_is_kept(run, tiny_course, tmp_path, monkeypatch, capsys, keep):
    write_notebook(tiny_course / "00_write.ipynb", LEAVE_MODELS)
    options = ["--model", str(TINY), "--notebooks", "00", *["--keep"] * keep]
    monkeypatch.setattr(runs, "LARGEST", 15_000)
    assert run(*options) == 0
    printed, folder = capsys.readouterr().out, only_run(tmp_path)
    left = {path.parent.name for path in folder.rglob("weights")}
    assert "corpus" in left and (left == {"float", "int8", "corpus"}) == keep
    assert ("that no notebook needs" in printed) != keep and f"All of {folder.parent}: " in printed
    assert len(list(folder.rglob("weights"))) == 4 or not keep


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
    advice, message = capsys.readouterr().err.splitlines()[-2:]
    assert f"run --resume --out {tmp_path / 'runs'}`" in advice and "same model and corpus" in advice
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
    assert "run --resume" in capsys.readouterr().err
    assert json.loads((only_run(tmp_path) / "run.json").read_text("utf-8"))["state"] == "interrupted"
    assert run("--resume") == 0
    assert (only_run(tmp_path) / "artifacts" / "starts.txt").read_text() == "x"


def test_latest_leads_to_the_newest_run_that_was_finished(run, tiny_course, tmp_path):
    assert run("--model", str(TINY), "--notebooks", "00") == 0
    folder = only_run(tmp_path)
    write_notebook(tiny_course / "01_read.ipynb", "1 / 0")
    while datetime.now(UTC).strftime("%Y%m%d-%H%M%SZ") == folder.name:
        time.sleep(0.05)
    assert run("--model", str(TINY)) == 1
    assert (folder.parent / "latest").resolve() == folder


def test_the_usual_place_is_resumed_by_make_too(tiny_course, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli, "RUNS", tmp_path / "runs")
    write_notebook(tiny_course / "00_write.ipynb", "1 / 0")
    assert cli.main(["run", "--model", str(TINY), "--out", str(tmp_path / "runs")]) == 1
    advice = capsys.readouterr().err.splitlines()[-2]
    assert "`python -m utils.course run --resume` or `make course RESUME=1`" in advice


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
        (["--model", "notebooks/modle"], "notebooks/modle: no such model directory"),
        (["--corpus", "notebooks/corpsu"], "notebooks/corpsu: no such corpus directory"),
        (["--notebooks", "77"], "no notebook 77; there are 00, 01"),
    ],
)
def test_a_wrong_request_is_one_line_and_leaves_nothing(run, tmp_path, capsys, options, words):
    assert run(*options) == 2
    captured = capsys.readouterr()
    assert words in captured.err and captured.err.count("\n") == 1 and not captured.out
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("seed", ["-1", "4294967296", "1.5", "", "²"])
def test_case_30_a_seed_that_no_library_takes_is_refused_at_the_start(run, tmp_path, capsys, seed):
    with pytest.raises(SystemExit) as ended:
        run(f"--seed={seed}")
    assert ended.value.code == 2 and "0 to 4294967295" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("seed", ["0", "4294967295"])
def test_case_30_other_seeds_are_taken(seed):
    assert cli.command_line().parse_args(["run", "--seed", seed]).seed == int(seed)


def test_a_broken_corpus_line_is_named(run, tmp_path, capsys):
    for split in ("train", "dev", "test"):
        (tmp_path / f"{split}.txt").write_text("# domain: 财经\n好。\n[坏](PER。\n", "utf-8")
    assert run("--model", str(TINY), "--corpus", str(tmp_path)) == 2
    assert "train.txt:3" in capsys.readouterr().err


def test_out_that_is_a_file(tiny_course, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert cli.main(["run", "--model", str(TINY), "--out", str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
