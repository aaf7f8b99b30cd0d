"""Runs of a course of two tiny notebooks."""

import contextlib
import io

import pytest
from tiny_course import TINY, only_run, write_course

from utils.course import cli, runs


@pytest.fixture
def tiny_course(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "NOTEBOOKS", write_course(tmp_path / "notebooks"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "notebooks"


@pytest.fixture
def run(tiny_course, tmp_path):
    return lambda *options: cli.main(["run", "--out", str(tmp_path / "runs"), *options])


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A run of both notebooks that went through: its folder, and what it printed."""
    home, printed = tmp_path_factory.mktemp("finished"), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr(runs, "NOTEBOOKS", write_course(home / "notebooks"))
        assert cli.main(["run", "--out", str(home / "runs"), "--model", str(TINY), "--seed", "7", "--quick"]) == 0
    return only_run(home), printed.getvalue()
