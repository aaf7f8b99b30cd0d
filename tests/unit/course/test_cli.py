"""The command line: its help, its refusals, its exit codes."""

import json
import re
import subprocess
import sys

import pytest
from tiny_course import TINY

from utils.course import cli
from utils.files import ROOT


def test_wrong_arguments_end_with_two(capsys):
    for argv in ([], ["fly"], ["run", "--seed", "one"]):
        with pytest.raises(SystemExit) as ended:
            cli.main(argv)
        assert ended.value.code == 2


@pytest.mark.parametrize("command", ["run", "edition", "runs", "check", "report", "tag", "corpus", "build", "compress"])
def test_help_has_examples_that_parse(command, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    examples = re.findall(r"^  python -m utils\.course (.+)$", capsys.readouterr().out, re.M)
    assert ended.value.code == 0 and examples
    for example in examples:
        words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', example)]
        words = words[: words.index("<")] if "<" in words else words
        assert cli.command_line().parse_args(words).function.__name__.removeprefix("list_") == command


def test_tag_prints_the_entities_of_the_text(capsys):
    text = "陈默在北京说😀。"
    assert cli.main(["tag", text, "--model", str(TINY)]) == 0
    entities = json.loads(capsys.readouterr().out)
    assert all(text[e["start"] : e["end"]] == e["text"] and 0 < e["confidence"] <= 1 for e in entities)


def test_tag_answers_what_the_tagger_answers(capsys):
    from utils.model.torch_tagger import load_tagger

    text = "国家图书馆馆长陈默昨日在北京说"
    cli.main(["tag", text, "--model", str(TINY)])
    expected = [entity.span for entity in load_tagger(TINY).predict([text])[0]]
    assert [(e["start"], e["end"], e["type"]) for e in json.loads(capsys.readouterr().out)] == expected


@pytest.mark.parametrize("text", ["-5度的北京", "-h的北京", "--北京", "--model的北京"])
def test_case_22_a_text_that_begins_like_an_option(capsys, text):
    for words in ([text], ["北京", text]):
        with pytest.raises(SystemExit) as ended:
            cli.main(["tag", *words, "--model", str(TINY)])
        assert ended.value.code == 2 and "tag -- TEXT" in capsys.readouterr().err
    assert cli.main(["tag", "--model", str(TINY), "--", text]) == 0
    assert isinstance(json.loads(capsys.readouterr().out), list)


def test_what_the_system_refuses_is_one_line(capsys, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device", "runs")

    monkeypatch.setattr(cli.listing, "listed", full)
    assert cli.main(["runs"]) == 1
    assert capsys.readouterr().err == "course: [Errno 28] No space left on device: 'runs'\n"


@pytest.mark.parametrize(("text", "model"), [("好", "nowhere"), ("\udce4", str(TINY))])
def test_tag_refuses_in_one_line(capsys, text, model):
    assert cli.main(["tag", text, "--model", model]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("content", [None, "{"])
def test_report_of_no_run(tmp_path, capsys, content):
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    assert cli.main(["report", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("command", ["utils.course", "utils.serving", "utils.workshop"])
def test_every_command_of_the_house_starts(command):
    done = subprocess.run([sys.executable, "-m", command, "--help"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith(f"usage: python -m {command}"), done.stderr


def test_help_says_what_the_course_does_and_loads_no_torch_for_it():
    code = "import sys\nfrom utils.course import cli\ntry: cli.main(['-h'])\nfinally: print('torch' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True).stdout
    assert cli.__doc__.strip() in said and said.splitlines()[-1] == "False"
