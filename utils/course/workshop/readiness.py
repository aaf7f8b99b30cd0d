"""Is this computer ready for the course, and what should its owner know before believing a number?"""

import hashlib
import shutil
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from utils.course.figures.style import FONT
from utils.files import DATA
from utils.measure.machine import INT8_FLAGS, machine

REQUIREMENTS = DATA.parent / "requirements.txt"

OLDEST_PYTHON = (3, 11)

ENOUGH_MEMORY_MB = 4000
"""The largest step holds the article-size model in float32 twice, and the libraries."""

ENOUGH_DISK_GB = 5
"""The libraries, and what the runs of a day leave behind."""

MODEL_CHECKSUM = DATA / "reference" / "mini-raner.sha256"
"""`digest  path from the repository's root`, as `sha256sum -c` reads it."""


class LaptopFinding(NamedTuple):
    """One thing looked at; `advice` is empty where all is well; without a `required` thing nothing runs."""

    what: str
    found: str
    advice: str
    required: bool


def check_environment() -> list[LaptopFinding]:
    """Look at Python, libraries, font, cores, INT8 instructions and memory of this computer."""
    here = machine()
    return [
        python_finding(sys.version_info[:3]),
        library_finding(pinned_versions(REQUIREMENTS), installed_versions(REQUIREMENTS)),
        font_finding(FONT),
        core_finding(here["cores"], here["threads"]),
        int8_finding(here["cpu"], here["flags"]),
        memory_finding(here["memory_mb"]),
    ]


def check_laptop() -> list[LaptopFinding]:
    """`check_environment`, and what matters before a workshop: free disk, and the model's bytes."""
    free = shutil.disk_usage(DATA).free / 1e9
    return [*check_environment(), disk_finding(free), model_finding(DATA.parent, MODEL_CHECKSUM)]


def python_finding(found: tuple[int, ...]) -> LaptopFinding:
    """Python must be at least `OLDEST_PYTHON`."""
    advice = "" if found >= OLDEST_PYTHON else "install Python 3.11 and run `make course` again"
    return LaptopFinding("Python", ".".join(map(str, found)), advice, True)


def pinned_versions(requirements: Path) -> dict[str, str]:
    """Package -> version, of the lines `name==version`."""
    lines = requirements.read_text("utf-8").splitlines()
    return dict(line.strip().split("==") for line in lines if "==" in line and not line.startswith("#"))


def installed_versions(requirements: Path) -> dict[str, str]:
    """Package -> version without local suffix (`2.13.0+cpu` is `2.13.0`); `absent` where not installed."""
    return {name: _installed(name) for name in pinned_versions(requirements)}


def _installed(name: str) -> str:
    try:
        return version(name).split("+")[0]
    except PackageNotFoundError:
        return "absent"


def library_finding(pinned: Mapping[str, str], installed: Mapping[str, str]) -> LaptopFinding:
    """Every library must be there; one with another version may give other numbers."""
    others = {name: installed[name] for name in pinned if installed[name] != pinned[name]}
    if not others:
        return LaptopFinding("libraries", f"all {len(pinned)} as pinned", "", True)
    named = ", ".join(f"{name} {found} (pinned {pinned[name]})" for name, found in others.items())
    missing = "absent" in others.values()
    advice = "install them: `pip install -r requirements.txt`" if missing else "outputs may differ in the last digits"
    return LaptopFinding("libraries", named, advice, missing)


def font_finding(font: Path) -> LaptopFinding:
    """Plots draw Chinese text with a font of the repository."""
    if font.is_file():
        return LaptopFinding("Chinese font", font.name, "", True)
    return LaptopFinding("Chinese font", "absent", "get `data/fonts` from the repository; it is part of it", True)


def core_finding(cores: int, threads: int) -> LaptopFinding:
    """Latency depends on cores; the course was made for two and more."""
    advice = "" if cores > 1 else "one core only: expect twice the minutes, and close all other programs"
    return LaptopFinding("cores", f"{cores}, torch uses {threads} threads", advice, False)


def int8_finding(cpu: str, flags: list[str]) -> LaptopFinding:
    """8-bit products are fast only where the processor has instructions for them."""
    fast = [flag for flag in INT8_FLAGS if flag in flags]
    advice = "" if fast else "INT8 will be right here, but hardly faster than float32: expect other ratios"
    return LaptopFinding("INT8 instructions", f"{', '.join(fast) or 'none'} ({cpu})", advice, False)


def memory_finding(memory_mb: int) -> LaptopFinding:
    """The article-size steps want `ENOUGH_MEMORY_MB`."""
    advice = "" if memory_mb >= ENOUGH_MEMORY_MB else "close other programs; the article-size steps may swap"
    return LaptopFinding("memory", f"{memory_mb / 1000:.1f} GB", advice, False)


def disk_finding(free_gb: float) -> LaptopFinding:
    """The runs want `ENOUGH_DISK_GB`."""
    advice = "" if free_gb >= ENOUGH_DISK_GB else f"free some: {ENOUGH_DISK_GB} GB are comfortable"
    return LaptopFinding("free disk", f"{free_gb:.1f} GB", advice, False)


def model_finding(root: Path, checksum: Path) -> LaptopFinding:
    """The embedded model must have the bytes that the checksum file names."""
    digest, name = checksum.read_text("utf-8").split()
    path = root / name
    if not path.is_file():
        return LaptopFinding("model", "absent", f"get `{name}` from the repository; it is part of it", True)
    whole = hashlib.sha256(path.read_bytes()).hexdigest() == digest
    advice = "" if whole else f"`{name}` is damaged: copy the repository again"
    return LaptopFinding("model", "its checksum is right" if whole else "its checksum is wrong", advice, True)
