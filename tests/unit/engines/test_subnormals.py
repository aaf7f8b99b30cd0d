"""Subnormal numbers: zero inside the block, in this thread alone, and nothing that a tagger says depends on it."""

import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from graphs import inputs

from utils.engines import onnx_session, subnormals
from utils.engines.onnx_files import GRAPH_FILE
from utils.engines.onnx_quantize import quantize_onnx
from utils.engines.onnx_session import load_by_default, load_onnx_tagger, onnx_backend, open_session
from utils.engines.subnormals import flushed

ENTRY = "session.set_denormal_as_zero"
HERE = sys.platform == "linux" and platform.machine() == "x86_64" and platform.libc_ver()[0] == "glibc"
only_here = pytest.mark.skipif(not HERE, reason="other systems keep the register elsewhere")


def below_the_usual_form() -> float:
    """1e-39 as this thread computes it; the smallest number of float32's usual form is 1.2e-38."""
    return float(np.multiply(np.float32(1e-37), np.float32(0.01)))


@only_here
def test_inside_they_are_zero_and_after_it_they_are_back():
    assert below_the_usual_form() > 0
    with flushed():
        assert below_the_usual_form() == 0
        assert float(np.multiply(np.float32(1e-37), np.float32(10))) > 0  # float32's usual form stays as it is
    assert below_the_usual_form() > 0


@only_here
def test_operands_count_as_zero_too():
    tiny = np.full(64, 1e-39, np.float32)
    with flushed():
        assert not (tiny * np.float32(1e10)).any()
    assert (tiny * np.float32(1e10) > 0).all()


@only_here
def test_an_error_and_an_inner_block_leave_it_as_it_was():
    with pytest.raises(KeyError), flushed():
        raise KeyError
    assert below_the_usual_form() > 0
    with flushed():
        with flushed():
            pass
        assert below_the_usual_form() == 0


@only_here
def test_other_threads_go_on_as_before():
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()  # the thread is there before the block
        with flushed():
            assert pool.submit(below_the_usual_form).result() > 0


def test_where_the_register_is_unknown_nothing_changes(monkeypatch):
    monkeypatch.setattr(subnormals, "_library", lambda: None)
    with flushed():
        assert below_the_usual_form() > 0


def test_the_workers_of_a_session_are_told_so_too(exported):
    options = open_session(exported[2] / GRAPH_FILE, threads=2).get_session_options()
    assert options.get_session_config_entry(ENTRY) == "1"


def packed_rows(vocabulary: int) -> tuple[np.ndarray, np.ndarray]:
    """Ids, and the numbers of five texts in each of two rows, the second with padding."""
    ids, _ = inputs(vocabulary, 2, 100)
    numbers = np.repeat([[1, 2, 3, 4, 5], [1, 2, 3, 4, 0]], 20, axis=1)
    return ids, numbers


def keeping_all_numbers(path: Path, threads: int) -> onnxruntime.InferenceSession:
    """The course's session, but that neither its workers nor the thread that makes it are told to flush."""
    options = onnx_session.session_options(threads)
    options.add_session_config_entry(ENTRY, "0")
    providers, left_out = ["CPUExecutionProvider"], list(onnx_session.SLOW_FUSIONS)
    return onnxruntime.InferenceSession(path / GRAPH_FILE, options, providers=providers, disabled_optimizers=left_out)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("eight_bits", [False, True], ids=["float32", "int8"])
def test_emissions_are_the_same_to_the_last_bit(exported, tmp_path, threads, eight_bits):
    model, _, path = exported
    path = quantize_onnx(path, tmp_path) if eight_bits else path
    ids, numbers = packed_rows(model.config.vocab_size)
    exact = onnx_backend(keeping_all_numbers(path, threads))(ids, numbers)
    assert np.array_equal(load_onnx_tagger(path, threads).backend(ids, numbers), exact)


@only_here
def test_a_backend_computes_so_and_the_default_one_does_not(exported, monkeypatch):
    """Asked in the very call of ONNX Runtime."""
    model, _, path = exported
    seen = []

    class Watched:
        def run(self, *_):
            seen.append(below_the_usual_form())
            return [np.zeros((1, 3, 13), np.float32)]

        def get_inputs(self):
            return [type("Node", (), {"name": name}) for name in ("input_ids", "attention_mask")]

        def get_outputs(self):
            return [type("Node", (), {"name": "emissions"})]

    monkeypatch.setattr("onnxruntime.InferenceSession", lambda *_, **__: Watched())
    for load in (load_onnx_tagger, load_by_default):
        load(path).backend(np.zeros((1, 3), np.int64), np.ones((1, 3), np.int64))
    assert seen[0] == 0 and seen[1] > 0


FIRST_SESSION_OF_A_PROCESS = """
import sys
import numpy as np
from utils.engines import onnx_session
onnx_session.adds_exactly = lambda: True  # which would make one before
tagger = onnx_session.load_onnx_tagger(sys.argv[1])
tagger.predict(["新华社"])
assert np.multiply(np.float32(1e-37), np.float32(0.01)) > 0
"""


def test_the_process_goes_on_with_all_numbers(exported):
    command = [sys.executable, "-c", FIRST_SESSION_OF_A_PROCESS, str(exported[2])]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
