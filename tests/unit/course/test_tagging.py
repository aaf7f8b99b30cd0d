"""The command `tag`: one text, a file, standard input; any model of the course; answers that any terminal can show."""

import io
import json
import os
import subprocess
import sys

import pytest
from tiny_course import TINY
from tiny_models import random_raner, tiny_tokenizer

from utils.compress.quantization.dynamic import quantize
from utils.compress.quantization.saved import save_quantized
from utils.course import cli
from utils.engines.onnx_export import export_onnx
from utils.engines.onnx_quantize import quantize_onnx
from utils.engines.onnx_session import load_onnx_tagger
from utils.files import ROOT
from utils.model.torch_tagger import load_tagger, torch_tagger
from utils.text.formats.jsonl import read_jsonl

TEXTS = ["国家图书馆馆长陈默昨日在北京说", "", "李娜到了上海。"]


@pytest.fixture
def tag(capsys):
    """A function: options in; exit code, output and errors out."""

    def run(*words):
        code = cli.main(["tag", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def standard_input(monkeypatch):
    return lambda data: monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def spans(record):
    return [(e["start"], e["end"], e["type"]) for e in record["entities"]]


def check_lines(out):
    """One JSON object a text, in order, with what the tagger answers alone."""
    records = [json.loads(line) for line in out.splitlines()]
    assert [record["text"] for record in records] == TEXTS
    tagger = load_tagger(TINY)
    assert [spans(record) for record in records] == [[e.span for e in tagger.predict([text])[0]] for text in TEXTS]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_case_34_texts_by_standard_input(tag, standard_input, mark, ending):
    standard_input((mark + ending.join(TEXTS)).encode())
    code, out, _ = tag("-", "--model", str(TINY))
    assert code == 0
    check_lines(out)


@pytest.mark.parametrize("end", ["", "\n"])
def test_case_34_texts_from_a_file_and_the_answers_are_a_corpus_file(tag, tmp_path, end):
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS) + end, "utf-8")
    code, out, _ = tag(str(tmp_path / "texts.txt"), "--model", str(TINY))
    assert code == 0
    check_lines(out)
    (tmp_path / "found.jsonl").write_text("\n".join(line for line in out.splitlines() if '""' not in line), "utf-8")
    assert [sentence.text for sentence in read_jsonl(tmp_path / "found.jsonl")] == [TEXTS[0], TEXTS[2]]


def test_case_34_nothing_to_read_gives_nothing(tag, standard_input):
    standard_input(b"")
    assert tag("-", "--model", str(TINY))[:2] == (0, "")


def test_an_answer_goes_out_before_the_next_line_comes():
    command = [sys.executable, "-m", "utils.course", "tag", "-", "--model", str(TINY)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, encoding="utf-8", **pipes) as process:
        for text in TEXTS[::2]:
            process.stdin.write(text + "\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["text"] == text
        process.stdin.close()
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [("好\n陈默\n".encode("gbk"), "line 1"), ("好\n陈默".encode()[:-1], "line 2")],
    ids=["GBK", "cut off"],
)
def test_input_that_is_not_utf8_is_one_line_that_says_where(tag, standard_input, tmp_path, content, words):
    standard_input(content)
    code, _, said = tag("-", "--model", str(TINY))
    assert code == 2 and words in said and said.count("\n") == 1
    (tmp_path / "texts").write_bytes(content)
    code, out, said = tag(str(tmp_path / "texts"), "--model", str(TINY))
    assert code == 2 and f"texts:{words[-1]}" in said and said.count("\n") == 1 and not out


@pytest.mark.parametrize("word", ["texts.txt", "./北京.jsonl", "data"])
def test_a_mistyped_file_is_not_tagged(tag, tmp_path, monkeypatch, word):
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    code, out, said = tag(word, "--model", str(TINY))
    assert code == 2 and word in said and said.count("\n") == 1 and not out


@pytest.mark.parametrize("text", ["陈默" * 200, "网址是baidu.com", "a/b", "." * 5])
def test_texts_that_no_file_has_for_a_name_are_texts(tag, text):
    code, out, _ = tag(text, "--model", str(TINY))
    assert code == 0 and isinstance(json.loads(out), list)


@pytest.mark.parametrize("encoding", ["ascii", "gbk", "latin-1", "utf-8"])
@pytest.mark.parametrize("from_file", [False, True])
def test_case_21_any_terminal_can_show_the_answer(monkeypatch, tmp_path, encoding, from_file):
    text = "陈默在北京说😀é"
    (tmp_path / "texts").write_text(text, "utf-8")
    screen = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", screen)
    assert cli.main(["tag", str(tmp_path / "texts") if from_file else text, "--model", str(TINY)]) == 0
    shown = screen.buffer.getvalue().decode(encoding)
    found = json.loads(shown)["entities"] if from_file else json.loads(shown)
    expected = load_tagger(TINY).predict([text])[0]
    assert [(e["start"], e["end"], e["text"]) for e in found] == [(e.start, e.end, e.text) for e in expected] != []
    assert (expected[0].text in shown) == (encoding == "utf-8")


@pytest.mark.parametrize("settings", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}])
def test_case_21_a_system_without_chinese_takes_the_text_and_shows_the_answer(settings):
    command = [sys.executable, "-m", "utils.course", "tag", "陈默在北京说", "--model", str(TINY)]
    environment = os.environ | {"PYTHONUTF8": "0"} | settings
    done = subprocess.run(command, cwd=ROOT, capture_output=True, env=environment)
    assert done.returncode == 0 and not done.stderr, done.stderr
    expected = [entity.text for entity in load_tagger(TINY).predict(["陈默在北京说"])[0]]
    assert [e["text"] for e in json.loads(done.stdout.decode("ascii"))] == expected


def saved(kind, path):
    """A small random model in one of the course's formats, and a tagger on it made another way."""
    model, tokenizer = random_raner(), tiny_tokenizer()
    if kind == "torch INT8":
        small = quantize(model)
        return save_quantized(small, tokenizer, path), torch_tagger(small, tokenizer)
    exported = export_onnx(model, tokenizer, path / "float")
    if kind == "ONNX":
        return exported, torch_tagger(model, tokenizer)
    path = quantize_onnx(exported, path / "int8")
    return path, load_onnx_tagger(path)


@pytest.mark.parametrize("kind", ["torch INT8", "ONNX", "ONNX INT8"])
def test_case_23_the_courses_own_models_tag(tag, tmp_path, kind):
    path, tagger = saved(kind, tmp_path)
    text = "天地玄黄宇宙洪荒"
    expected = [e.span for e in tagger.predict([text])[0]]
    file = next(name for name in ("model.onnx", "model.int8.pt") if (path / name).is_file())
    for source in (path, path / file):
        code, out, _ = tag(text, "--model", str(source))
        assert code == 0 and [(e["start"], e["end"], e["type"]) for e in json.loads(out)] == expected and expected


@pytest.mark.parametrize("damage", ["model.onnx", "vocab.txt", "tagger.json"])
def test_case_23_a_damaged_model_is_one_line(tag, tmp_path, damage):
    path, _ = saved("ONNX", tmp_path)
    (path / damage).write_bytes(b"\x93 damaged" * (damage != "vocab.txt"))
    code, out, said = tag("天", "--model", str(path))
    assert code == 2 and str(path) in said and said.count("\n") == 1 and not out
