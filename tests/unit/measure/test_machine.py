"""The machine is described as the system describes it."""

import json
import os
import platform
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from utils.measure import machine as machines
from utils.measure.latency import pinned_threads
from utils.measure.machine import machine


def test_machine_names_versions_and_threads_and_is_json():
    with pinned_threads(1):
        found = machine()
    assert json.loads(json.dumps(found)) == found
    assert found["threads"] == 1
    assert 1 <= found["cores"] <= found["logical_cores"] == os.cpu_count()
    assert found["versions"]["torch"] == torch.__version__
    assert found["versions"]["numpy"] == np.__version__
    assert found["versions"]["python"] == platform.python_version()
    assert found["cpu"]


def test_cores_are_those_that_are_really_there(monkeypatch):
    monkeypatch.setattr(psutil, "cpu_count", lambda logical=True: 8 if logical else 4)
    assert (machine()["cores"], machine()["logical_cores"]) == (4, 8)
    monkeypatch.setattr(psutil, "cpu_count", lambda logical=True: 8 if logical else None)
    assert machine()["cores"] == 8


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="compares with /proc/cpuinfo, which is Linux")
def test_flags_are_those_the_kernel_lists():
    words = set(Path("/proc/cpuinfo").read_text().split())
    assert machine()["flags"] == [flag for flag in machines.FLAGS if flag in words]


def test_flags_are_found_however_the_system_spells_them(monkeypatch):
    info = {"brand_raw": "Some CPU", "flags": ["avx2", "avx512vnni", "avx512vnnix"]}
    monkeypatch.setattr(machines.cpuinfo, "get_cpu_info", lambda: info)
    machines._cpu.cache_clear()
    try:
        found = machine()
    finally:
        machines._cpu.cache_clear()
    assert (found["cpu"], found["flags"]) == ("Some CPU", ["avx2", "avx512_vnni"])
