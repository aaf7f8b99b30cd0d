"""What is kept of runs: each with its state, its settings and the bytes of its files."""

import json
import os

import pytest

from utils.course import cli
from utils.course.listing import HEADER, listed, size
from utils.files import locked

DEFAULTS = {"model": "", "corpus": "", "seed": 1, "quick": False}


def write_run(folder, state, done, settings=DEFAULTS, bytes_of_artifacts=0):
    (folder / "artifacts").mkdir(parents=True)
    (folder / "artifacts" / "model").write_bytes(b"x" * bytes_of_artifacts)
    notebooks = [{"name": f"0{i}_a", "state": "done" if i < done else "waiting"} for i in range(3)]
    (folder / "run.json").write_text(json.dumps({"state": state, "settings": settings, "notebooks": notebooks}))
    return folder


@pytest.fixture
def kept(tmp_path):
    write_run(tmp_path / "20260101-000000Z", "finished", 3, DEFAULTS | {"seed": 2, "quick": True}, 3_000_000)
    write_run(tmp_path / "20260102-000000Z", "failed", 1)
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "scores").write_bytes(b"x" * 1_000_000)
    (tmp_path / "latest").symlink_to("20260101-000000Z", target_is_directory=True)
    return tmp_path


def test_each_run_is_listed_once_with_what_it_takes(kept):
    rows = listed(kept)
    assert [row[:4] for row in rows] == [
        ["20260101-000000Z", "finished", "3 of 3", "seed 2, quick True"],
        ["20260102-000000Z", "failed", "1 of 3", ""],
        ["lab", "", "", ""],
        ["", "", "", ""],
    ]
    assert [row[4] for row in rows] == ["3.0 MB", "0.0 MB", "1.0 MB", "4.0 MB"]
    assert {len(row) for row in rows} == {len(HEADER)}


def test_a_run_whose_process_was_killed_is_not_called_running(kept):
    folder = write_run(kept / "20260103-000000Z", "running", 0)
    assert listed(kept)[2][1] == "interrupted"
    with locked(folder / "run.json", 0):
        assert listed(kept)[2][1] == "running"


def test_a_broken_run_does_not_hide_the_others(kept):
    (kept / "20260102-000000Z" / "run.json").write_text("{")
    assert [row[1] for row in listed(kept)] == ["finished", "run.json is broken", "", ""]


def test_the_command_prints_it(kept, capsys):
    assert cli.main(["runs", "--out", str(kept)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == list(HEADER) and lines[-1].split() == ["4.0", "MB"]
    assert cli.main(["runs", "--out", str(kept / "nowhere")]) == 0
    assert os.listdir(kept / "lab") == ["scores"]


def test_sizes_are_said_as_people_say_them():
    assert [size(count) for count in (0, 999_949_999, 1e9, 3_912_345_678)] == ["0.0 MB", "999.9 MB", "1.0 GB", "3.9 GB"]
