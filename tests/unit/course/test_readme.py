"""The READMEs say what the reference run measured, and nothing of theirs leads nowhere."""

import json
import re
from pathlib import Path

import pytest

from utils.course.lac_table import with_lac
from utils.course.reference import READMES, REFERENCE, WATERFALL
from utils.course.report import filled_readme
from utils.files import ROOT
from utils.measure.ledger import Ledger

TEXTS = {language: path.read_text("utf-8") for language, path in READMES.items()}
each_language = pytest.mark.parametrize("language", READMES)


@each_language
def test_the_tables_are_those_of_the_reference_run(language):
    rows, run = Ledger(REFERENCE / "ledger.json").rows(), json.loads((REFERENCE / "run.json").read_text("utf-8"))
    assert rows, "data/reference/ledger.json is missing: make edition"
    waterfall = (REFERENCE / WATERFALL).is_file()
    assert filled_readme(TEXTS[language], rows, run, language, waterfall) == TEXTS[language]


@each_language
def test_the_table_beside_lac_is_that_of_the_study(language):
    assert with_lac(TEXTS[language], language) == TEXTS[language]


@each_language
def test_links_resolve_inside_the_repository(language):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", TEXTS[language])
    assert links and [link for link in links if not (ROOT / link).exists()] == []


@each_language
def test_every_notebook_has_its_row_and_link(language):
    linked = set(re.findall(r"^\| \d\d[a-z]? \| \[[^\]]+\]\(notebooks/(.+?)\.ipynb\)", TEXTS[language], re.M))
    assert linked == {path.stem for path in Path(ROOT, "notebooks").glob("*.ipynb")}


@each_language
def test_every_command_it_names_exists(language):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", TEXTS[language], re.M))
    assert {"course", "test"} <= named <= targets


@each_language
def test_no_measured_number_is_typed_by_hand(language):
    prose = re.sub(r"<!-- (results|lac) -->.*?<!-- /\1 -->", "", TEXTS[language], flags=re.S)
    prose = re.sub(r"^\| \d\d[a-z]? \|.*$", "", prose, flags=re.M)
    assert not re.findall(r"\d+\.\d+ ?%|\d+ ?(?:ms|MB|毫秒|分钟|minutes)\b|F1 (?:of |为)?\d", prose)


def test_both_languages_show_the_same_code_and_links():
    blocks, links = (
        {language: re.findall(pattern, text, re.S) for language, text in TEXTS.items()}
        for pattern in (r"```sh\n(.*?)```", r"\]\(((?:notebooks|utils|data|https)[^)]*)\)")
    )
    strip = [re.sub(r"\s+#.*", "", block) for block in blocks["en"]]
    assert strip == [re.sub(r"\s+#.*", "", block) for block in blocks["zh"]] and strip
    assert sorted(set(links["en"])) == sorted(set(links["zh"]))
