"""What a container leaves its processes: CPU time and memory, as Linux control groups limit them.

A group is limited by its own files and by those of all groups above it. Other systems have no such groups, and no
limit. Source: Linux, Documentation/admin-guide/cgroup-v2.rst ("cpu.max", "memory.max") and cgroup-v1.
"""

import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

MEMBERSHIP = Path("/proc/self/cgroup")
"""The groups of this process, `number:controllers:/group` a line; number 0, without controllers, is version 2."""

GROUPS = Path("/sys/fs/cgroup")
"""Where the groups are mounted: those of version 2 here, those of version 1 in a folder a controller."""


def granted_cpus() -> float:
    """CPUs whose whole time this process may take; infinite where nothing limits it."""
    pairs = [*_values("cpu", "cpu.max"), *_values("cpu", "cpu.cfs_quota_us", "cpu.cfs_period_us")]
    return min((quota / period for quota, period in pairs), default=math.inf)


def granted_memory() -> float:
    """Bytes that this process and the others of its container may hold; infinite where nothing limits them."""
    limits = [*_values("memory", "memory.max"), *_values("memory", "memory.limit_in_bytes")]
    return min((limit for (limit,) in limits), default=math.inf)


def _values(controller: str, *names: str) -> Iterator[list[int]]:
    """The numbers that stand in these files of each group, where there are such files and they set a limit."""
    for group in _groups(controller):
        try:
            words = " ".join((group / name).read_text() for name in names).split()
            values = [int(word) for word in words]
        except (OSError, ValueError):  # not there, or "max"
            continue
        if min(values) > 0:  # -1: no limit
            yield values


def _groups(controller: str) -> Iterator[Path]:
    """Folders of the groups that limit this process, its own first."""
    try:
        lines = MEMBERSHIP.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        number, controllers, name = line.split(":", 2)
        if number == "0" or controller in controllers.split(","):
            mount = GROUPS if number == "0" else GROUPS / controller
            inside = PurePosixPath(name.lstrip("/"))
            yield from (mount / group for group in (inside, *inside.parents))
