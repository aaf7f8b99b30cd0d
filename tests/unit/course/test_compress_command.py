"""The command `compress`: what it leaves, what it refuses, how it goes on."""

import json
import re
import shutil
import subprocess
from dataclasses import replace

import pytest
import torch
from latency_tables import TABLE
from tiny_compression import RECIPE, save_all, steady, texts

from utils.compress.pruning.remove import prune_heads
from utils.course import cli, compress_command
from utils.course.compress_command import MISSED
from utils.course.runs import CourseError
from utils.engines.variants import load_saved_tagger
from utils.files import ROOT
from utils.measure.ledger import Ledger
from utils.measure.memory import Memory
from utils.model.checkpoint import load_raner, save_raner
from utils.serving.models import open_model
from utils.studies.compression import search, stages, trial
from utils.studies.compression.forms import READINGS
from utils.studies.compression.plan import STAGES


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return save_all(tmp_path_factory.mktemp("compress"))


def words(home, out, *more):
    return ["compress", "--model", str(home / "model"), "--corpus", str(home / "corpus"), "--out", str(out), *more]


def run(*argv, recipe=RECIPE):
    """The command with tiny sizes; its exit code."""
    return compress_command.compress(cli.command_line().parse_args(argv), recipe)


@pytest.fixture(scope="module")
def finished(home, tmp_path_factory):
    """A compression with a clock that counts, from the command to its report."""
    out = tmp_path_factory.mktemp("finished") / "small"
    (home / "model" / "NOTICE").write_text("pass this on", "utf-8")
    (home / "texts.txt").write_text("\n".join(texts(6, seed=9)), "utf-8")
    asked = words(home, out, "--speedup", "1.6", "--lose", "100", "--texts", str(home / "texts.txt"))
    with pytest.MonkeyPatch.context() as patch:
        steady(patch)
        assert run(*asked) == 0
    return asked, out


def test_a_folder_is_left_whose_models_load(finished):
    _, out = finished
    assert sorted(path.name for path in out.iterdir() if not path.name.startswith(".")) == [
        "NOTICE", "README.md", "compress.json", "ledger.json", "model", "onnx-int8", "report.html"
    ]  # fmt: skip
    assert (out / "NOTICE").read_text("utf-8") == "pass this on"
    assert not (out / ".work").exists()
    for name in ("model", "onnx-int8"):
        assert len(load_saved_tagger(out / name).predict(["陈默在北京说。"])) == 1
    name, load = open_model(out / "onnx-int8")
    assert name.startswith("onnx-int8@") and load().predict(["陈默在北京说。"])


def test_the_card_says_what_was_asked_and_what_is_gone(finished):
    asked, out = finished
    card = (out / "README.md").read_text("utf-8")
    original, _ = load_raner(asked[2])
    result, vocabulary = load_raner(out / "model")
    assert f"{original.num_parameters():,} | {result.num_parameters():,}" in card
    assert f"| vocabulary entries | {original.config.vocab_size} | {len(vocabulary)} |" in card
    assert "| 1.6 times as fast | " in card and re.search(r"F1 at most 100 points below .* \| ✓ \|", card)
    (command,) = re.findall(r"```sh\n(.*)\n```", card)
    assert sorted(command.replace("'", "").split("compress ")[-1].split()) == sorted(asked[1:])
    assert "{{" not in card and "None" not in card and "\n\n\n" not in card
    tables = re.findall(r"(?:^\|.*\|\n)+", card, re.M)
    assert len(tables) >= 5 and all(len({row.count("|") for row in table.splitlines()}) == 1 for table in tables)


def test_the_report_needs_nothing_from_elsewhere(finished):
    _, out = finished
    page = (out / "report.html").read_text("utf-8")
    assert set(re.findall(r'(?:src|href)="([^":,]+)', page)) == {"data"}
    assert page.count("<img") == 3 and not re.search(r"https?://|@import|url\(", page)
    for row in Ledger(out / "ledger.json").rows():
        assert f"<td>{row['stage']}</td>" in page


def test_done_is_done(finished, capsys):
    asked, out = finished
    assert run("compress", "--resume", "--out", str(out)) == 0
    assert "1.6 times as fast" in capsys.readouterr().out
    for argv, said in (
        (asked, "finished"),
        (words(out.parent, out, "--speedup", "9"), "another --model, --corpus, --texts, --speedup, --lose"),
        (["compress", "--resume", "--seed", "5", "--out", str(out)], "another --seed"),
    ):
        before = (out / "compress.json").read_bytes()
        assert cli.main(argv) == 2
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1
        assert (out / "compress.json").read_bytes() == before and (out / "model").is_dir()


def test_the_result_is_held_against_its_card(finished, tmp_path, capsys):
    out = shutil.copytree(finished[1], tmp_path / "small")
    assert cli.main(["check", str(out)]) == 0
    assert re.findall(r"^(model|onnx-int8) .* ok$", said := capsys.readouterr().out, re.M) == ["model", "onnx-int8"]
    f1 = Ledger(out / "ledger.json").rows()[-1]["f1"]
    assert f" {f1:.1f} [" in said
    model, tokenizer = load_raner(out / "model")
    with torch.no_grad():
        model.classifier.bias[0] = 1e3  # nothing is an entity
    save_raner(model, tokenizer, out / "model")
    assert cli.main(["check", str(out)]) == 1
    assert re.search(r"^model .* BREACH$", capsys.readouterr().out, re.M)


def test_a_result_that_cannot_be_held_against_its_card_says_why(finished, tmp_path, capsys):
    out = shutil.copytree(finished[1], tmp_path / "small")
    state = json.loads((out / "compress.json").read_text("utf-8"))
    for changed, said in (
        ({"state": "interrupted"}, "not finished"),
        ({"identity": {"corpus": "another"}}, "the corpus is not the one"),
        ({"settings": state["settings"] | {"corpus": str(tmp_path / "gone")}}, "gone"),
    ):
        (out / "compress.json").write_text(json.dumps(state | changed), "utf-8")
        assert cli.main(["check", str(out)]) == 2
        assert said in (error := capsys.readouterr().err) and error.count("\n") == 1
    (out / "compress.json").write_text(json.dumps(state), "utf-8")
    row = Ledger(out / "ledger.json").rows()[-1]
    (out / "ledger.json").rename(out / "elsewhere.json")
    assert cli.main(["check", str(out)]) == 2
    assert "without what was measured of the result" in capsys.readouterr().err
    (out / "elsewhere.json").rename(out / "ledger.json")
    shutil.rmtree(out / ("model" if row["backend"] == "torch-fp32" else row["backend"]))
    assert cli.main(["check", str(out)]) == 2
    assert "gone, and it is what the card speaks of" in capsys.readouterr().err


def test_an_interrupt_is_gone_on_with_and_a_target_that_is_missed_says_so(home, tmp_path, monkeypatch, capsys):
    steady(monkeypatch)
    out, asked = tmp_path / "small", words(home, tmp_path / "small", "--speedup", "500")
    with monkeypatch.context() as patch:
        patch.setattr(stages, "search", lambda work: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(*asked)
    assert f"compress --resume --out {out}`" in capsys.readouterr().err
    assert json.loads((out / "compress.json").read_text("utf-8"))["state"] == "interrupted"
    assert cli.main(asked) == 2 and "interrupted: --resume goes on" in capsys.readouterr().err
    assert run("compress", "--resume", "--out", str(out)) == MISSED
    said = capsys.readouterr().out
    assert "500 times as fast" in said and "✗" in said and "nearest" in said
    assert "The target" not in (out / "README.md").read_text("utf-8") and load_saved_tagger(out / "onnx-int8")
    assert run("compress", "--resume", "--out", str(out)) == MISSED


def test_what_was_begun_with_another_model_is_not_gone_on_with(home, tmp_path, monkeypatch, capsys):
    out = tmp_path / "small"
    shutil.copytree(home / "corpus", tmp_path / "corpus")
    shutil.copytree(home / "model", tmp_path / "model")
    monkeypatch.setattr(stages, "compress", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        run(*words(tmp_path, out))
    model, tokenizer = load_raner(tmp_path / "model")
    model.classifier.bias.data += 1
    shutil.rmtree(tmp_path / "model")
    save_raner(model, tokenizer, tmp_path / "model")
    with pytest.raises(CourseError, match="begun with another model under the same name"):
        run("compress", "--resume", "--out", str(out))


def test_a_dry_run_prints_the_plan_and_leaves_nothing(home, tmp_path, capsys):
    assert run(*words(home, tmp_path / "small", "--max-mb", "30", "--dry-run")) == 0
    said = capsys.readouterr().out
    assert "at most 30 MB, for at most 1 points of F1" in said and "100 / 30 / 30 sentences" in said
    assert len(re.findall(r"about \d+ (?:s|min)", said)) == len(STAGES) + 1
    assert not (tmp_path / "small").exists()


def test_texts_beside_the_corpus_are_learned_from_unless_others_are_given(home, tmp_path, capsys):
    shutil.copytree(home / "corpus", tmp_path / "corpus")
    shutil.copytree(home / "model", tmp_path / "model")
    (tmp_path / "corpus" / "unlabelled.txt").write_text("\n".join(texts(5, seed=3)), "utf-8")
    (tmp_path / "three.txt").write_text("\n".join(texts(3, seed=4)), "utf-8")
    for more, count in ((), 5), (("--texts", str(tmp_path / "three.txt")), 3):
        assert run(*words(tmp_path, tmp_path / "small", "--dry-run", *more)) == 0
        assert f"Texts   {count} without labels" in capsys.readouterr().out


def rewritten(folder, target, change):
    """The corpus with every row changed, or left out where `change` gives None."""
    shutil.copytree(folder, target)
    for file in target.glob("*.jsonl"):
        rows = [change(number, json.loads(line)) for number, line in enumerate(file.read_text("utf-8").splitlines())]
        file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows if row), "utf-8")
    return target


def renamed(number, row):
    return row | {"entities": [entity | {"type": "PLANT"} for entity in row["entities"]]}


def write(path, data):
    path.write_bytes(data)
    return path


BAD = {
    "unknown types": (
        lambda home, here: ["--corpus", rewritten(home / "corpus", here / "c", renamed)],
        "the model has no tag for PLANT; map them, as in --types PLANT=",
    ),
    "three sentences": (
        lambda home, here: ["--corpus", rewritten(home / "corpus", here / "c", lambda n, row: row if n < 3 else None)],
        "too small for a compression: train has 3 sentences (100 needed)",
    ),
    "a model that is pruned": (
        lambda home, here: ["--model", pruned(home / "model", here / "m")],
        "pruned already: 7 of 8 heads",
    ),
    "no text file": (lambda home, here: ["--texts", write(here / "t", b"\x89PNG\r\n\x1a\n\0\0")], "not UTF-8"),
    "a text file of zeros": (lambda home, here: ["--texts", write(here / "t", "好\0好".encode())], "NUL"),
    "an empty text file": (lambda home, here: ["--texts", write(here / "t", b"\n \n")], "holds no text"),
    "a text file that is a folder": (lambda home, here: ["--texts", here], "cannot be read"),
    "no such text file": (lambda home, here: ["--texts", here / "none.txt"], "cannot be read"),
    "a target below one": (lambda home, here: ["--speedup", "0.5"], "a speed-up of 0.5: wanted is 1 or more"),
    "a target that is no number": (lambda home, here: ["--speedup", "nan"], "wanted is 1 or more"),
    "no milliseconds": (lambda home, here: ["--budget-ms", "0"], "wanted is more than 0"),
    "a loss below zero": (lambda home, here: ["--lose", "-1"], "points of F1 to lose"),
    "no such model": (lambda home, here: ["--model", here / "none"], "no such model directory"),
    "no such corpus": (lambda home, here: ["--corpus", here / "none"], "no such corpus directory"),
    "nothing to resume": (lambda home, here: ["--resume"], "no compression to go on with"),
    "a folder with other things": (lambda home, here: ["--out", home], "is there, and no compression"),
    "a folder with another compress.json": (
        lambda home, here: ["--out", write(here / "compress.json", b'{"mine": 1}').parent],
        "not written by this command",
    ),
    "a file": (lambda home, here: ["--out", write(here / "f", b"mine")], "is there, and no compression"),
}


def pruned(source, target):
    model, tokenizer = load_raner(source)
    return save_raner(prune_heads(model, {1: [2]}), tokenizer, target)


@pytest.mark.parametrize("case", BAD)
def test_a_bad_request_is_one_clear_line_and_leaves_nothing(case, home, tmp_path, capsys):
    more, said = BAD[case]
    here, out = tmp_path / "here", tmp_path / "small"
    here.mkdir()
    argv = words(home, out, *map(str, more(home, here)))
    before = sorted(tmp_path.rglob("*"))
    assert cli.main(argv) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and error.startswith("course: ")
    assert sorted(tmp_path.rglob("*")) == before and not out.exists()


def test_two_targets_are_refused(home, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(words(home, tmp_path / "small", "--speedup", "8", "--max-mb", "30"))
    assert ended.value.code == 2 and "not allowed with" in capsys.readouterr().err


def test_a_cut_in_onnx_is_made_timed_and_explained(home, tmp_path, monkeypatch):
    """With the real clock, but for the table: what it says of time is not looked at."""
    engine, memory = "ONNX INT8, sentences", Memory(200.0, 100.0)
    known = dict.fromkeys(READINGS, TABLE) | {engine: TABLE._replace(rest=5)}
    monkeypatch.setattr(search, "tables", lambda work, forms=None: known)
    monkeypatch.setattr(stages, "tables", lambda work, forms=None: known)
    monkeypatch.setattr(trial, "memories", lambda variants, text: [memory for _ in variants])
    recipe = replace(RECIPE, engines=(engine,), fits=1, tries=1, steps=(2,))
    out = tmp_path / "small"
    assert run(*words(home, out, "--speedup", "3", "--lose", "100"), recipe=recipe) in (0, MISSED)
    rows = {row["stage"]: row for row in Ledger(out / "ledger.json").rows()}
    assert {stage: row["backend"] for stage, row in rows.items()} == {
        "original": "torch-fp32", "original-sentences": "torch-fp32", "original-again": "torch-fp32",
        "engine": "onnx-fp32", "quantized": "onnx-int8", "heads": "onnx-int8",
        "compressed": "onnx-int8",
    }  # fmt: skip
    assert rows["compressed"]["parameters"] < rows["heads"]["parameters"] < rows["quantized"]["parameters"]
    changes = re.findall(r"^\| ([a-zA-Z ,]+) \| \d+\.\d \| \d+\.\d \|", (out / "README.md").read_text("utf-8"), re.M)
    assert changes == [
        "the original", "sentences read apart", "ONNX Runtime", "eight bits", "fewer heads", "fewer neurons",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ([], "compress"),
        (["MODEL=my model", "SPEEDUP=8", "LOSE=1.0", "OUT=small"],
         'compress --model "my model" --speedup 8 --lose 1.0 --out "small"'),
        (["RESUME=1", "OUT=small"], 'compress --resume --out "small"'),
        (["DRY_RUN=1", "MAX_MB=30", "TEXTS=a b.txt"], 'compress --dry-run --max-mb 30 --texts "a b.txt"'),
    ],
)  # fmt: skip
def test_make_passes_its_settings_on(settings, asked):
    command = ["make", "--dry-run", "--no-print-directory", "compress", *settings]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert " ".join(lines[-1].split()).endswith(f"python -m utils.course {asked}")
