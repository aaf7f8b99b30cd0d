"""The course as a program: its console script, closed pipes, Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from tiny_course import TINY, WRITE, only_run, write_course, write_notebook

from utils.files import ROOT

HELPERS = str(Path(__file__).parents[2] / "helpers")
START = """
import sys
from pathlib import Path
sys.path[:0] = [{root!r}, {helpers!r}]
from utils.course import __main__, notebooks, runs
runs.NOTEBOOKS = Path({notebooks!r})
sys.argv = {words!r}
sys.exit(__main__.program())
"""


@pytest.fixture
def script(tmp_path):
    """The console script as pip writes it, in a folder of its own."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    module, _, function = scripts["raner-course"].partition(":")
    path = tmp_path / "bin" / "raner-course"
    path.parent.mkdir()
    path.write_text(
        f"import sys\nfrom {module} import {function}\nif __name__ == '__main__':\n    sys.exit({function}())"
    )
    return path


def test_case_31_a_utils_of_the_users_does_not_shadow_ours(script, tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "utils.py").write_text("raise RuntimeError('the wrong one')")
    command = [sys.executable, str(script), "tag", "陈默在北京说", "--model", str(TINY)]
    done = subprocess.run(command, cwd=tmp_path / "work", capture_output=True, encoding="utf-8")
    assert done.returncode == 0 and isinstance(json.loads(done.stdout), list), done.stderr
    said = subprocess.run([*command[:2], "--help"], cwd=tmp_path / "work", capture_output=True, text=True).stdout
    assert said.startswith("usage: raner-course ")


@pytest.mark.skipif(os.name == "nt", reason="Windows reports a closed pipe in another way")
@pytest.mark.parametrize("words", [["--help"], ["tag", "-", "--model", str(TINY)]], ids=["help", "tag"])
def test_a_closed_pipe_is_no_error(words):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "utils.course", *words]
    done = subprocess.run(command, cwd=ROOT, input="好\n".encode() * 3, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert done.returncode in (0, 141) and done.stderr == b""  # argparse may notice first, and not mind


@pytest.fixture
def start(tmp_path):
    """A function: cells of a course's first notebook and options in, a process that runs that course out."""
    processes = []

    def run(*words, cells=()):
        if not (tmp_path / "notebooks").exists():
            write_course(tmp_path / "notebooks")
        if cells:
            write_notebook(tmp_path / "notebooks" / "00_write.ipynb", *cells)
        names = {"root": str(ROOT), "helpers": HELPERS, "notebooks": str(tmp_path / "notebooks")}
        words = ["raner-course", "run", "--out", str(tmp_path / "runs"), *words]
        command = [sys.executable, "-c", START.format(words=words, **names)]
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"))
        return processes[-1]

    yield run
    for process in processes:
        process.kill()
        process.communicate()


def wait_for(path):
    for _ in range(1200):
        if path.exists():
            return
        time.sleep(0.05)
    pytest.fail(f"{path} did not come")


LONG = """
import os, subprocess, sys, time
from pathlib import Path
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stderr=subprocess.DEVNULL)
Path(run_dir, "child").write_text(str(child.pid))
try:
    time.sleep(600)
finally:
    child.wait()
    Path(run_dir, "tidied").touch()
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send")
def test_ctrl_c_stops_a_run_in_order_and_says_how_to_go_on(start, tmp_path):
    process = start("--model", str(TINY), cells=[LONG])
    wait_for(tmp_path / "runs")
    folder = only_run(tmp_path)
    wait_for(folder / "child")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert not [word for word in ("Traceback", "ZMQ", "WARNING", "ERROR") if word in said], said
    advice, last = said.strip().splitlines()[-2:]
    assert last == "course: interrupted"
    assert f"`raner-course run --resume --out {tmp_path / 'runs'}`" in advice and "make" not in advice
    assert json.loads((folder / "run.json").read_text("utf-8"))["state"] == "interrupted"
    assert (folder / "tidied").exists()

    process = start("--resume", cells=[WRITE])
    printed, said = process.communicate(timeout=120)
    assert process.returncode == 0 and "WARNING" not in said, said
    assert only_run(tmp_path) == folder and json.loads((folder / "run.json").read_text("utf-8"))["state"] == "finished"


SWALLOW = """
import time
open(run_dir + "/begun", "w").close()
try:
    time.sleep(600)
except KeyboardInterrupt:
    pass
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send")
def test_ctrl_c_in_a_cell_that_may_fail_stops_the_run_too(start, tmp_path):
    """The cell ends well; the next one is not begun."""
    process = start("--model", str(TINY), cells=[SWALLOW, "open(run_dir + '/next', 'w').close()"])
    wait_for(tmp_path / "runs")
    folder = only_run(tmp_path)
    wait_for(folder / "begun")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in said and not (folder / "next").exists()
