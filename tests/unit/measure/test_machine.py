"""The machine is described as the system describes it."""

import importlib.metadata
import json
import math
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from utils.files import ROOT
from utils.measure import machine as machines
from utils.measure.latency import pinned_threads
from utils.measure.machine import FLAGS, cpu_class, installed_version, machine, usable_cpus


def test_machine_names_versions_and_threads_and_is_json():
    with pinned_threads(1):
        found = machine()
    assert json.loads(json.dumps(found)) == found
    assert found["threads"] == 1
    assert 1 <= found["cores"] <= found["logical_cores"] == usable_cpus()
    assert found["versions"]["torch"] == torch.__version__
    assert found["versions"]["numpy"] == np.__version__
    assert found["versions"]["python"] == platform.python_version()
    assert found["cpu"]


@pytest.fixture
def computer(monkeypatch):
    """A function that makes this a computer with so many CPUs; this process may use `bound` and `granted` of them."""

    def build(logical, physical, bound=None, granted=math.inf, memory=8e9, granted_memory=math.inf):
        class Process:
            def cpu_affinity(self):
                return list(range(bound or logical))

        count = {True: logical, False: physical}
        total = psutil.virtual_memory()._replace(total=memory)
        monkeypatch.setattr(psutil, "Process", Process)
        monkeypatch.setattr(psutil, "cpu_count", lambda logical=True: count[logical])
        monkeypatch.setattr(psutil, "virtual_memory", lambda: total)
        monkeypatch.setattr(machines, "granted_cpus", lambda: granted)
        monkeypatch.setattr(machines, "granted_memory", lambda: granted_memory)
        return Process

    return build


@pytest.mark.parametrize(
    ("limits", "cores"),
    [
        ({}, (4, 8)),
        ({"bound": 6}, (4, 6)),
        ({"bound": 1}, (1, 1)),
        ({"granted": 1.5}, (2, 2)),
        ({"granted": 0.25}, (1, 1)),
        ({"bound": 6, "granted": 5.0}, (4, 5)),
    ],
)
def test_cores_are_those_that_are_there_and_may_be_used(computer, limits, cores):
    computer(8, 4, **limits)
    assert (machine()["cores"], machine()["logical_cores"]) == cores
    assert usable_cpus() == cores[1]


def test_cores_of_a_system_that_tells_less(computer):
    computer(8, None)
    assert machine()["cores"] == 8
    del computer(8, 4, bound=2).cpu_affinity  # macOS binds no process
    assert (machine()["cores"], usable_cpus()) == (4, 8)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system binds no process")
def test_a_process_that_is_bound_to_one_cpu_counts_one():
    bind = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})"
    code = f"{bind}; from utils.measure.machine import usable_cpus; print(usable_cpus())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def test_memory_is_what_the_container_leaves(computer):
    computer(2, 2, memory=8e9)
    assert machine()["memory_mb"] == 8000
    computer(2, 2, memory=8e9, granted_memory=2e9)
    assert machine()["memory_mb"] == 2000


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


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        (["avx2"], "AVX2"),
        (["avx2", "avx512f"], "AVX-512"),
        (["avx2", "avx512f", "avx512_vnni"], "AVX-512 VNNI"),
        (["avx2", "avx_vnni"], "AVX-VNNI"),
        (["amx_int8", "avx512_vnni"], "AMX"),
        (["asimddp"], "NEON dot product"),
        ([], "without AVX2"),
    ],
)
def test_a_cpu_is_called_by_its_quickest_eight_bit_instructions(flags, name):
    assert cpu_class(flags) == cpu_class(flags[::-1]) == name


def test_every_flag_of_a_machine_has_its_class():
    assert all(cpu_class([flag]) != "without AVX2" for flag in FLAGS)


def test_the_build_for_gpus_has_the_version_of_its_own_name(monkeypatch):
    found = {"onnxruntime-gpu": "1.2.3", "numpy": "4.5"}

    def version(name):
        if name not in found:
            raise importlib.metadata.PackageNotFoundError(name)
        return found[name]

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert (installed_version("onnxruntime"), installed_version("numpy")) == ("1.2.3", "4.5")
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        installed_version("torch")
