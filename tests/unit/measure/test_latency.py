"""Timing logic on a clock of our own, memory against allocations of known size."""

import json
import os
import platform
from pathlib import Path

import numpy as np
import pytest
import torch

from utils.measure import latency
from utils.measure import machine as machines
from utils.measure.latency import measure_latency, pinned_threads, time_ratio
from utils.measure.machine import machine
from utils.measure.memory import BenchmarkError, directory_bytes, peak_memory


class Clock:
    """Seconds that pass only when a variant says so."""

    def __init__(self, monkeypatch):
        self.now, self.calls = 0.0, []
        monkeypatch.setattr(latency, "perf_counter", lambda: self.now)

    def variant(self, name: str, milliseconds):
        costs = iter(milliseconds)

        def call():
            self.calls.append(name)
            self.now += next(costs) / 1000

        return call


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def test_variants_take_turns_and_warm_up_is_not_counted(clock):
    variants = {"a": clock.variant("a", [900, 900, 1, 2, 3, 4]), "b": clock.variant("b", [900, 900, 50, 60, 70, 80])}
    found = measure_latency(variants, repeats=4, warmup=2)
    assert clock.calls == ["a", "b"] * 6
    assert found["a"].samples == pytest.approx((1, 2, 3, 4))
    assert found["b"].samples == pytest.approx((50, 60, 70, 80))


def test_summary_is_median_p95_and_interquartile_range(clock):
    samples = [5.0, 1.0, 100.0, 3.0, 2.0, 4.0, 6.0]
    latency = measure_latency({"a": clock.variant("a", [1, *samples])}, repeats=7, warmup=1)["a"]
    assert latency.samples == pytest.approx(samples)
    assert latency.p50 == pytest.approx(4)
    assert latency.p95 == pytest.approx(6 + 0.7 * 94)
    assert latency.iqr == pytest.approx(5.5 - 2.5)


@pytest.mark.parametrize(
    ("milliseconds", "repeats", "samples"),
    [([900, 1, 2], 15, [1, 2]), ([9000, 1], 1, [1]), ([9, 9, 1, 2, 3], 3, [1, 2, 3])],
    ids=["long", "long but once", "short"],
)
def test_the_environment_may_ask_for_fewer_rounds_of_what_takes_long(
    clock, monkeypatch, milliseconds, repeats, samples
):
    monkeypatch.setenv("COURSE_REPEATS", "2")
    found = measure_latency({"a": clock.variant("a", milliseconds)}, repeats=repeats)
    assert found["a"].samples == pytest.approx(samples)


def test_a_ratio_taken_round_by_round_survives_a_slow_spell(clock):
    whole, half = [9, 10, 80, 80, 80], [9, 5, 5, 40, 40]  # the spell begins between the two calls of round 2
    variants = {"whole": clock.variant("whole", whole), "half": clock.variant("half", half)}
    latencies = measure_latency(variants, repeats=4, warmup=1)
    assert time_ratio(latencies["half"], latencies["whole"]) == pytest.approx(0.5)
    assert time_ratio(latencies["whole"], latencies["half"]) == pytest.approx(2)


@pytest.mark.parametrize(("milliseconds", "shown"), [(290, False), (310, True)])
def test_progress_bar_only_for_measurements_over_three_seconds(clock, monkeypatch, milliseconds, shown):
    bars = []

    def bar(rounds, *args, disable, **kwargs):
        bars.append(not disable)
        return rounds

    monkeypatch.setattr(latency, "tqdm", bar)
    measure_latency({"a": clock.variant("a", [milliseconds] * 11)}, repeats=10, warmup=1)
    assert bars == [shown]


def test_a_failing_variant_is_not_swallowed():
    with pytest.raises(ZeroDivisionError):
        measure_latency({"a": lambda: 1 / 0})


@pytest.mark.parametrize("arguments", [{"variants": {}}, {"repeats": 0}, {"warmup": 0}])
def test_nothing_to_measure_is_an_error(arguments):
    with pytest.raises(ValueError, match="at least 1"):
        measure_latency(**{"variants": {"a": lambda: None}} | arguments)


def test_pinned_threads_hold_inside_and_are_given_back():
    before = torch.get_num_threads()
    with pytest.raises(KeyError), pinned_threads(before + 1):
        assert torch.get_num_threads() == before + 1
        raise KeyError
    assert torch.get_num_threads() == before


def test_no_thread_is_an_error():
    with pytest.raises(ValueError, match="0 threads"), pinned_threads(0):
        pass


LOADERS = '''
import os
import numpy
import torch

class Hungry:
    """Holds 200 MB for the time of one prediction."""
    def predict(self, texts):
        return [len(numpy.ones(200_000_000, numpy.uint8)) for _ in texts]

def hungry(path):
    print("a loader may talk")
    return Hungry()

def failing(path):
    print("a first line")
    raise RuntimeError(f"{path}, {torch.get_num_threads()} and {os.environ['OMP_NUM_THREADS']} threads")

class Dying:
    def predict(self, texts):
        os._exit(len(texts[0]))

def dying(path):
    return Dying()
'''


@pytest.fixture
def loaders(tmp_path, monkeypatch):
    (tmp_path / "some_loaders.py").write_text(LOADERS, "utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")])))


def test_peak_sees_what_was_freed_again_and_nothing_of_the_parent(loaders):
    ballast = np.ones(1_000_000_000, np.uint8)
    memory = peak_memory("some_loaders:hungry", "anywhere", "王伟在北京。")
    assert 195 < memory.peak - memory.baseline < 300
    assert 50 < memory.baseline < memory.peak < ballast.nbytes / memory.MB


def test_a_failing_process_names_its_reason(loaders):
    with pytest.raises(BenchmarkError, match=r"ended with 1: RuntimeError: 模型, 2 and 2 threads$"):
        peak_memory("some_loaders:failing", Path("模型"), "北京", threads=2)


def test_a_process_that_dies_without_a_word_is_an_error(loaders):
    with pytest.raises(BenchmarkError, match="ended with 2: it wrote nothing"):
        peak_memory("some_loaders:dying", "anywhere", "北京")


def test_directory_bytes_adds_up_all_files(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "a").write_bytes(b"x" * 1000)
    (tmp_path / "deep" / "er" / "b").write_bytes(b"x" * 234)
    assert directory_bytes(tmp_path) == 1234
    assert directory_bytes(tmp_path / "a") == 1000


def test_what_is_not_there_weighs_not_zero_but_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing there"):
        directory_bytes(tmp_path / "absent")


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
