"""The offline bundle of a workshop: the last commit, wheels where asked for, checksums over everything.

Nothing here needs more than Python itself: a laptop checks its copy before anything is installed on it.
"""

import io
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from utils.files import sha256

CHECKSUMS = "SHA256SUMS"

INSTALL = """# Installing from this folder, without a network

Copy the whole folder to the laptop, with Python 3.11 on it. Then, in the folder `course`:

    python3.11 -m utils.workshop verify ..
    python3.11 -m venv .venv
    .venv/bin/python -m pip install --no-index --find-links ../wheels -r requirements.txt setuptools
    .venv/bin/python -m pip install --no-index --no-deps --no-build-isolation --editable .
    .venv/bin/python -m utils.workshop preflight
    .venv/bin/python -m jupyterlab student

On Windows it is `.venv/Scripts/python`. The first line says whether the copy is whole, the last but one
whether the laptop is ready. `make` would install again and wants a network: `.venv/bin/python -m utils.course run`
does what `make course` does, `.venv/bin/python -m utils.serving` what `make serve` does. {wheels}
"""

WITH_WHEELS = "The wheels fit computers with the system and processor of the one that built them: {platform}."

WITHOUT_WHEELS = (
    "This bundle was built without `wheels`: leave out `--no-index --find-links ../wheels` and install with a network."
)


LONGEST_GIT, LONGEST_PIP = 300, 4 * 3600
"""Seconds after which a command is given up: one reads the disk, the other downloads gigabytes."""


class BundleError(Exception):
    """A bundle that cannot be built or checked; the message says what to do."""


def last_commit(repository: Path, target: Path) -> str:
    """Unpack the files of the last commit into `target`; returns the commit's short name.

    Raises:
        BundleError: `repository` is not a Git repository, or Git is absent.
    """
    try:
        name = _git(repository, "rev-parse", "--short", "HEAD").decode().strip()
        archive = _git(repository, "archive", "--format=tar", "HEAD")
    except FileNotFoundError:
        raise BundleError("git was not found; install it and try again") from None
    except subprocess.TimeoutExpired:
        raise BundleError(f"{repository}: git gave no answer in {LONGEST_GIT} s") from None
    except subprocess.CalledProcessError as error:
        reason = " ".join(error.stderr.decode(errors="replace").split())
        raise BundleError(f"{repository}: {reason}; a bundle is made from a clone with at least one commit") from None
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(target, filter="data")
    return name


def uncommitted(repository: Path) -> int:
    """How many files differ from the last commit, new ones included."""
    return len(_git(repository, "status", "--porcelain", "--untracked-files=all").splitlines())


def _git(repository: Path, *words: str) -> bytes:
    command = ["git", *words]
    return subprocess.run(command, cwd=repository, capture_output=True, check=True, timeout=LONGEST_GIT).stdout


def collect_wheels(requirements: Path, folder: Path) -> None:
    """Fetch or build a wheel of every requirement; those already in `folder` are not fetched again.

    Raises:
        BundleError: pip failed, or took longer than `LONGEST_PIP`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "wheel", "--wheel-dir", str(folder), "--find-links", str(folder)]
    try:
        done = subprocess.run([*command, "-r", str(requirements), "setuptools"], timeout=LONGEST_PIP)
    except subprocess.TimeoutExpired:
        raise BundleError(f"pip was not done in {LONGEST_PIP // 3600} hours; try again: {folder} is kept") from None
    if done.returncode:
        raise BundleError(f"pip could not collect the wheels (see above); those in {folder} are kept: try again")


def write_checksums(folder: Path) -> int:
    """Write `SHA256SUMS` over every file below `folder`, as `sha256sum -c` reads it; returns their number."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / CHECKSUMS)
    lines = [f"{sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / CHECKSUMS).write_text("".join(lines), "utf-8", newline="\n")
    return len(files)


def verify_checksums(folder: Path) -> list[str]:
    """What differs from the folder's `SHA256SUMS`: `name: changed` or `name: missing`; empty if all is well.

    Raises:
        BundleError: the list itself is missing or broken.
    """
    try:
        lines = (folder / CHECKSUMS).read_text("utf-8").splitlines()
        listed = [line.split("  ", 1) for line in lines]
        verdicts = [(name, _verdict(folder / name, digest)) for digest, name in listed]
    except (OSError, ValueError) as error:
        raise BundleError(f"{folder / CHECKSUMS} cannot be read ({error}); copy the bundle again") from None
    if not listed:
        raise BundleError(f"{folder / CHECKSUMS} is empty; copy the bundle again")
    return [f"{name}: {verdict}" for name, verdict in verdicts if verdict]


def _verdict(path: Path, digest: str) -> str:
    if not path.is_file():
        return "missing"
    return "" if sha256(path) == digest else "changed"


def replace_folder(partial: Path, target: Path) -> None:
    """Give a finished folder its name; what had the name before goes only then."""
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    partial.rename(target)
    shutil.rmtree(old, ignore_errors=True)
