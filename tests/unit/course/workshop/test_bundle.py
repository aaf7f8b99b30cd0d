"""The bundle holds the last commit, and its checksums find every damaged file."""

import hashlib
import subprocess
import sys
import zipfile

import pytest

from utils.course.workshop import bundle, cli
from utils.course.workshop.bundle import BundleError
from utils.files import ROOT


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


def test_a_finished_folder_replaces_the_old_one(tmp_path):
    for name in ("new", "target"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    bundle.replace_folder(tmp_path / "new", tmp_path / "target")
    assert [path.name for path in tmp_path.rglob("*")] == ["target", "new"]


def test_a_command_that_hangs_is_given_up(tmp_path, monkeypatch):
    def hangs(command, timeout, **_):
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(bundle.subprocess, "run", hangs)
    with pytest.raises(BundleError, match="git gave no answer"):
        bundle.last_commit(tmp_path, tmp_path / "copy")
    with pytest.raises(BundleError, match="pip was not done in 4 hours"):
        bundle.collect_wheels(tmp_path / "requirements.txt", tmp_path / "wheels")
