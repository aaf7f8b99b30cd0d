"""The study of a GPU, on the CPU: rows are whole, what is missing is named, parity is measured and not assumed."""

import json
import os
import re
import shutil

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from tiny_models import CHARACTERS, random_raner, random_texts, tiny_tokenizer

from utils.engines.onnx_files import GRAPH_FILE
from utils.engines.onnx_providers import CPU, CUDA, TENSORRT
from utils.measure.latency import Rounds
from utils.measure.machine import machine
from utils.measure.row import LedgerError, validated
from utils.model.checkpoint import save_raner
from utils.model.torch_tagger import torch_backend
from utils.model.twin import widen
from utils.studies.gpu import __main__ as command_module
from utils.studies.gpu import device, session, versions
from utils.studies.gpu.__main__ import main, measure_gpu, texts_at_once
from utils.studies.gpu.rows import BAR, SessionRow, lines_of, too_far
from utils.studies.gpu.session import Answer, ended, parity, session_row
from utils.studies.gpu.versions import BASE, Bench

TEXTS = ["天地玄黄宇宙洪荒", "日月盈昃辰宿列张", "寒来暑往秋收冬藏"]
ON_CPU = [BASE, "torch fp16", "torch bf16", f"{CPU} fp32", f"{CPU} fp16"]


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """A tiny model; the graphs in its folder are made once."""
    return Bench(random_raner(), tiny_tokenizer(), "cpu", (CPU,), tmp_path_factory.mktemp("graphs"))


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CPU])


@pytest.fixture
def three_rounds(monkeypatch):
    monkeypatch.setattr(command_module, "ROUNDS", Rounds(3))


@pytest.fixture(scope="module")
def row(bench):
    return session_row(bench, "mini", "mini, 3 at once", TEXTS, Rounds(3))


def by_name(row):
    return {one["name"]: one for one in row["versions"]}


def test_every_version_is_there_and_was_timed_in_turns(row):
    assert [one["name"] for one in row["versions"]] == ON_CPU and row["left_out"] == {}
    for measured in ("network", "whole"):
        assert len({one[measured]["session"] for one in row["versions"]}) == 1
        assert by_name(row)[BASE][measured]["times_as_fast"] == {"base": BASE, "value": 1.0, "low": 1.0, "high": 1.0}
        for one in row["versions"]:
            assert 0 < one[measured]["low"] <= one[measured]["p50"] <= one[measured]["high"]
    assert (row["texts"], row["characters"]) == (3, 8)


def test_the_row_says_what_computed(row):
    found = machine()
    assert row["device"]["name"] == found["cpu"]
    assert row["device"]["onnxruntime"] == onnxruntime.__version__
    assert row["machine"]["versions"]["torch"] == torch.__version__
    assert by_name(row)[f"{CPU} fp16"]["operators"].keys() == {CPU} and by_name(row)[BASE]["operators"] is None


def test_parity_is_the_difference_that_one_sees_by_hand(bench, row):
    half = random_raner()
    half.bert.to(torch.bfloat16), half.classifier.to(torch.bfloat16)
    encoding = tiny_tokenizer().batch(TEXTS)
    said = [
        torch_backend(model)(encoding.input_ids, encoding.attention_mask)[encoding.label_mask]
        for model in (bench.model, half)
    ]
    found = by_name(row)["torch bf16"]["parity"]
    assert found["difference"] == pytest.approx(np.abs(said[0] - said[1]).max()) and found["holds"] is None
    assert by_name(row)[BASE]["parity"] == {"difference": 0.0, "equal_tags": 1.0, "holds": True}


def test_float32_keeps_the_bar_and_16_bits_are_near_without_a_promise(row):
    found = {name: one["parity"] for name, one in by_name(row).items()}
    assert found[f"{CPU} fp32"]["holds"] and found[f"{CPU} fp32"]["equal_tags"] == 1
    for half in ("torch fp16", f"{CPU} fp16"):
        assert 0 < found[half]["difference"] < 0.02 and found[half]["equal_tags"] > 0.9
        assert found[half]["holds"] is None
    assert too_far([row]) == []


def test_a_graph_with_another_weight_does_not_keep_the_bar(bench, tmp_path):
    shutil.copytree(bench.graph("operator", "fp32"), tmp_path / "operator-fp32")
    graph = onnx.load(tmp_path / "operator-fp32" / GRAPH_FILE)
    (bias,) = (tensor for tensor in graph.graph.initializer if tensor.name.endswith("classifier.bias"))
    other = onnx.numpy_helper.to_array(bias).copy()
    other[2] += 0.5
    bias.raw_data = other.tobytes()
    onnx.save(graph, tmp_path / "operator-fp32" / GRAPH_FILE)
    changed = Bench(bench.model, bench.tokenizer, "cpu", (CPU,), tmp_path)
    row = session_row(changed, "mini", "changed", TEXTS, Rounds(1))
    found = by_name(row)[f"{CPU} fp32"]["parity"]
    assert found["difference"] == pytest.approx(0.5, abs=1e-3) and found["holds"] is False
    assert too_far([row]) == [f"changed: {CPU} fp32"]


def test_the_bar_is_kept_at_the_bar_and_not_beyond():
    def said(value):
        return Answer(np.array([[0.0, value]]), np.array([1]))

    assert parity(said(0.0), said(BAR), True)["holds"] is True
    assert parity(said(0.0), said(np.nextafter(BAR, 1)), True)["holds"] is False


def test_equal_tags_are_a_share_of_the_characters():
    emissions = np.zeros((4, 2))
    base, other = Answer(emissions, np.array([0, 1, 1, 0])), Answer(emissions, np.array([0, 1, 1, 1]))
    assert parity(base, other, False)["equal_tags"] == 0.75


def test_a_provider_that_is_missing_is_left_out_and_named(bench, no_gpu, capsys):
    asked = Bench(bench.model, bench.tokenizer, "cpu", (CPU, CUDA), bench.folder)
    row = session_row(asked, "mini", "m", TEXTS, Rounds(1))
    assert [one["name"] for one in row["versions"]] == ON_CPU
    assert row["left_out"].keys() == {f"{CUDA} fp32", f"{CUDA} fp16"}
    for reason in row["left_out"].values():
        assert "does not have it" in reason and "install requirements-gpu.txt" in reason
    assert f"left out: {CUDA} fp32" in capsys.readouterr().err
    assert f"m: {CUDA} fp16: left out" in "\n".join(lines_of(row))


def test_the_cpu_is_never_timed_under_another_name(bench, monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    asked = Bench(bench.model, bench.tokenizer, "cpu", (CUDA,), bench.folder)
    with pytest.warns(UserWarning, match="not in available provider names"):
        row = session_row(asked, "mini", "m", TEXTS, Rounds(1))
    assert [one["name"] for one in row["versions"]] == ON_CPU[:3]
    assert all(f"{CPU} would compute instead" in reason for reason in row["left_out"].values())


def test_numbers_that_overflow_are_left_out(bench):
    """float16 ends at 65504; bfloat16 reaches as far as float32."""
    loud = random_raner()
    with torch.no_grad():
        loud.classifier.bias += 1e5
    row = session_row(Bench(loud, bench.tokenizer, "cpu", (), bench.folder), "mini", "m", TEXTS, Rounds(1))
    assert by_name(row).keys() == {BASE, "torch bf16"}
    assert "not finite" in row["left_out"]["torch fp16"]


def test_without_the_base_there_is_nothing_to_compare(bench):
    class Broken(torch.nn.Module):
        def forward(self, *_, **__):
            raise RuntimeError("out of memory")

    model = random_raner()
    model.classifier = Broken()
    with pytest.raises(RuntimeError, match="out of memory"):
        session_row(Bench(model, bench.tokenizer, "cpu", (CPU,), bench.folder), "mini", "m", TEXTS, Rounds(1))


def test_tensorrt_is_given_written_out_attention_and_halves_by_itself(bench, monkeypatch):
    graphs, told = [], []
    monkeypatch.setattr(Bench, "graph", lambda self, *what: graphs.append(what) or self.folder)
    monkeypatch.setattr(versions, "open_on", lambda provider, graph, words: told.append(words) or 1 / 0)
    asked = Bench(bench.model, bench.tokenizer, "cuda", (CUDA, TENSORRT), bench.folder)
    for name, make in versions.versions(asked).items():
        if not name.startswith("torch"):
            pytest.raises(ZeroDivisionError, make)
    assert graphs == [("operator", "fp32"), ("operator", "fp16"), ("eager", "fp32"), ("eager", "fp32")]
    assert told == [{}, {}, {}, {"trt_fp16_enable": "1"}]


def test_the_device_has_finished_before_the_clock_is_read(monkeypatch):
    order = []
    monkeypatch.setattr(torch.cpu, "synchronize", lambda *_: order.append("synchronised"))
    assert ended(lambda: order.append("called") or "answer", "cpu")() == "answer"
    assert order == ["called", "synchronised"]


def test_every_call_that_is_timed_waits_for_the_device(bench, monkeypatch):
    waits = []
    monkeypatch.setattr(torch.cpu, "synchronize", lambda *_: waits.append(None))
    row = session_row(bench, "mini", "m", TEXTS, Rounds(2))
    warm_up = 2
    assert len(waits) == len(row["versions"]) * 2 * (2 + warm_up)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scale": "huge"}, "scale is 'huge'"),
        ({"texts": 0}, "texts is 0"),
        ({"gpu": "x"}, "gpu is no known key"),
    ],
)
def test_a_row_that_cannot_be_is_refused(row, change, words):
    with pytest.raises(LedgerError, match=words):
        validated(SessionRow, "m", row | change)


def test_rows_are_kept_but_not_those_with_something_left_out(bench, no_gpu, three_rounds, tmp_path, monkeypatch):
    out, asked = tmp_path / "gpu.json", Bench(bench.model, bench.tokenizer, "cpu", (CPU, CUDA), bench.folder)
    first = measure_gpu({"mini": bench}, [TEXTS[:1], TEXTS], out, "c")
    assert json.loads(out.read_text("utf-8")) == first
    name = machine()["cpu"]
    assert [one["stage"] for one in first["rows"]] == [f"mini, 1 at once, on {name}", f"mini, 3 at once, on {name}"]
    with monkeypatch.context() as patch:
        patch.setattr(session, "measure_latency", None)
        assert measure_gpu({"mini": bench}, [TEXTS[:1], TEXTS], out, "c") == first
    with pytest.raises(ValueError, match="give another file"):
        measure_gpu({"mini": bench}, [TEXTS], out, "another")
    second = measure_gpu({"article": asked}, [TEXTS[:1]], out, "c")["rows"]
    assert second[:2] == first["rows"] and second[2]["left_out"]
    third = measure_gpu({"article": bench}, [TEXTS[:1]], out, "c")["rows"]
    assert third[:2] == first["rows"] and len(third) == 3 and not third[2]["left_out"]


def test_texts_have_their_length_and_differ():
    assert texts_at_once(1, [], "天地玄黄。") == ["天地玄黄。" * 100]
    assert texts_at_once(1, [], "天" + "地" * 600) == ["天" + "地" * 499]
    sentences = random_texts(400, longest=60)
    found = texts_at_once(8, sentences, "")
    assert "".join(found) == "".join(sentences)[:4000] and {len(text) for text in found} == {500}
    with pytest.raises(ValueError, match="600 characters in the corpus, and 2 texts of 500 are wanted"):
        texts_at_once(2, ["天" * 600], "")


@pytest.mark.parametrize(("said", "driver"), [("echo 580.95.05; echo 580.95.05", "580.95.05"), ("exit 9", None)])
def test_the_driver_is_what_its_tool_says(said, driver, tmp_path, monkeypatch):
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{said}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"card {device}")
    assert device.describe("cuda")["driver"] == driver and device.describe("cuda")["name"] == "card cuda"


def test_without_the_tool_there_is_no_driver(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert device._driver() is None


@pytest.fixture
def command(bench, three_rounds, tmp_path, monkeypatch):
    """Runs the study as a command, with a tiny model and short texts; returns its file."""
    save_raner(bench.model, bench.tokenizer, tmp_path / "tiny")
    (tmp_path / "corpus").mkdir()
    sentences = "\n".join(f"[张](PER){text}" for text in random_texts(9, seed=3))
    for split in ("train", "dev", "test"):
        (tmp_path / "corpus" / f"{split}.txt").write_text(sentences, "utf-8")
    monkeypatch.setattr(command_module, "COUNTS", (1, 2))
    monkeypatch.setattr(command_module, "CHARACTERS", 20)
    monkeypatch.setattr(command_module, "article_twin", lambda model: widen(model, 2, model.config.vocab_size))
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "1")  # so that it is as before when the test is over
    monkeypatch.delenv("NVIDIA_TF32_OVERRIDE")

    def run(*words):
        out = tmp_path / "new" / "gpu.json"
        given = ["gpu", "--model", str(tmp_path / "tiny"), "--corpus", str(tmp_path / "corpus"), "--out", str(out)]
        monkeypatch.setattr("sys.argv", [*given, *words])
        main()
        return json.loads(out.read_text("utf-8"))

    return run


def test_the_command_measures_both_scales_and_batches(command, capsys):
    found = command("--device", "cpu")
    assert found["command"] == "python -m utils.studies.gpu --model tiny --device cpu" and found["bar"] == BAR
    assert [(row["scale"], row["texts"], row["characters"]) for row in found["rows"]] == [
        (scale, count, 20) for scale in ("mini", "article") for count in (1, 2)
    ]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 * len(ON_CPU) and all(re.search(r"ms \[.*times as fast.*tags are equal", x) for x in lines)
    assert os.environ["NVIDIA_TF32_OVERRIDE"] == "0"


def test_the_command_ends_with_an_error_where_a_float32_engine_is_too_far(command, row, monkeypatch):
    far = {
        "rows": [row | {"versions": [one | {"parity": one["parity"] | {"holds": False}} for one in row["versions"]]}]
    }
    monkeypatch.setattr(command_module, "measure_gpu", lambda *_: far)
    with pytest.raises(SystemExit, match=f"further than 0.001 from torch in float32: .*{CPU} fp32"):
        command("--device", "cpu")


def test_without_a_gpu_the_command_says_so(command, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as stopped:
        command()
    assert stopped.value.code == 2
    assert re.search(r"sees no GPU.*README.md", " ".join(capsys.readouterr().err.split()))


def test_the_texts_of_these_tests_are_known_characters():
    assert set("".join(TEXTS)) <= set(CHARACTERS)
