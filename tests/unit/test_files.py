"""Files appear whole or not at all, and leave nothing beside them; a lock keeps other processes out."""

import os
import subprocess
import sys

import pytest

from utils import files
from utils.files import LockedError, is_hub_id, locked, sha256, text_digest, write_atomically, written_atomically


def test_a_file_is_replaced_as_a_whole(tmp_path, monkeypatch):
    """What is moved into place is complete by then, and lies on the same file system."""
    path, seen = tmp_path / "file", []
    path.write_text("old")
    replace = os.replace

    def watch(source, target):
        seen.append((source.parent.parent == target.parent, source.read_text(), target.read_text()))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watch)
    write_atomically(path, "新")
    assert seen == [(True, "新", "old")] and path.read_text("utf-8") == "新"
    assert os.listdir(tmp_path) == ["file"]


def test_a_file_has_the_rights_of_any_new_file(tmp_path):
    (tmp_path / "plain").write_text("x")
    write_atomically(tmp_path / "atomic", b"x")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), written_atomically(path) as partial:
        partial.write_text("ha")
        raise KeyboardInterrupt
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["file"]


def test_two_writers_at_once_do_not_meet(tmp_path):
    with written_atomically(tmp_path / "file") as first, written_atomically(tmp_path / "file") as second:
        first.write_text("first")
        second.write_text("second")
    assert (tmp_path / "file").read_text() == "first" and os.listdir(tmp_path) == ["file"]


HOLD = """
import sys, time
from pathlib import Path
from utils.files import locked
with locked(Path(sys.argv[1]), 0):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def hold():
    """A function: another process that holds a path's lock for some seconds."""
    holders = []

    def start(path, seconds):
        command = [sys.executable, "-c", HOLD, str(path), str(seconds)]
        holders.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=files.ROOT))
        assert holders[-1].stdout.readline() == "held\n"
        return holders[-1]

    yield start
    for holder in holders:
        holder.kill()
        holder.wait()


def test_a_held_lock_is_said_so(tmp_path, hold):
    hold(tmp_path / "thing", 60)
    words = r"thing: another process is at work on it \(waited 0.1 s\)"
    with pytest.raises(LockedError, match=words), locked(tmp_path / "thing", 0.1):
        pytest.fail("two at once")


def test_a_lock_is_waited_for(tmp_path, hold):
    hold(tmp_path / "thing", 0.5)
    with locked(tmp_path / "thing", 60):
        pass
    with locked(tmp_path / "thing", 0):
        pass


def test_a_dead_process_holds_nothing(tmp_path, hold):
    holder = hold(tmp_path / "thing", 60)
    holder.kill()
    holder.wait()
    with locked(tmp_path / "thing", 0):
        pass


def test_an_error_inside_frees_the_lock_and_is_not_taken_for_a_time_out(tmp_path):
    with pytest.raises(TimeoutError, match="mine"), locked(tmp_path / "thing", 0):
        raise TimeoutError("mine")
    with locked(tmp_path / "thing", 0):
        pass


def test_digests_are_those_of_the_standard(tmp_path):
    """FIPS 180-2, appendix B.1."""
    (tmp_path / "file").write_bytes(b"abc")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256(tmp_path / "file") == text_digest("abc") == digest


@pytest.mark.parametrize("source", ["iic/nlp_raner", "owner/name.v1-large", "0wner/n", "a_b/c_"])
def test_ids_of_a_hub(source):
    assert is_hub_id(source)


@pytest.mark.parametrize(
    "source",
    ["name", "a/b/c", "/a/b", "./a", "../a", "~/a", "a/", "a\\b", "模型/小", "a b/c", "a/b ", "-a/b", "a/b-", "a/b.",
     "a--b/c", "a/b..c", ""],
)  # fmt: skip
def test_what_no_hub_has_for_an_id(source):
    assert not is_hub_id(source)


def test_where_the_first_folder_is_here_a_path_was_meant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_hub_id("models/mini")
    (tmp_path / "models").mkdir()
    assert not is_hub_id("models/mini")
