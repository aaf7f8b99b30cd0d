"""Limits of containers, from files as Linux writes them."""

import math

import pytest

from utils.measure import cgroups
from utils.measure.cgroups import granted_cpus, granted_memory

GIB = 2**30

CASES = {
    "version 2, a container": ("0::/\n", {"cpu.max": "150000 100000", "memory.max": str(4 * GIB)}, 1.5, 4 * GIB),
    "version 2, no limit": ("0::/\n", {"cpu.max": "max 100000", "memory.max": "max"}, math.inf, math.inf),
    "version 2, a group above is narrower": (
        "0::/slice/job\n",
        {"slice/cpu.max": "200000 100000", "slice/job/cpu.max": "300000 100000", "slice/job/memory.max": str(GIB)},
        2,
        GIB,
    ),
    "version 1, a container": (
        "5:memory:/docker/a\n4:cpu,cpuacct:/docker/a\n1:name=systemd:/x\n0::/\n",
        {"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000", "memory/memory.limit_in_bytes": str(GIB)},
        0.5,
        GIB,
    ),
    "version 1, a group of its own": (
        "4:cpu,cpuacct:/docker/a\n",
        {"cpu/docker/a/cpu.cfs_quota_us": "300000", "cpu/docker/a/cpu.cfs_period_us": "100000"},
        3,
        math.inf,
    ),
    "version 1, no limit": (
        "4:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, math.inf, math.inf
    ),
    "another controller": ("4:cpuset:/\n", {"cpuset/cpu.max": "1 100000"}, math.inf, math.inf),
    "nothing to read": ("0::/\n", {}, math.inf, math.inf),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_a_container_leaves(case, tmp_path, monkeypatch):
    membership, files, cpus, memory = CASES[case]
    monkeypatch.setattr(cgroups, "MEMBERSHIP", tmp_path / "membership")
    monkeypatch.setattr(cgroups, "GROUPS", tmp_path / "groups")
    (tmp_path / "membership").write_text(membership)
    for name, content in files.items():
        (tmp_path / "groups" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "groups" / name).write_text(content + "\n")
    assert (granted_cpus(), granted_memory()) == (cpus, memory)


def test_a_system_without_groups_sets_no_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(cgroups, "MEMBERSHIP", tmp_path / "absent")
    assert (granted_cpus(), granted_memory()) == (math.inf, math.inf)
