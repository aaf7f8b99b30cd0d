"""What notebooks and READMEs quote of the article stands in `data/quotations.json`, and that stands in the article."""

import json
import os
import re
from pathlib import Path

import jupytext
import pytest

from utils.files import DATA, ROOT
from utils.measure.claim_list import CLAIMS

QUOTATIONS = json.loads((DATA / "quotations.json").read_text("utf-8"))
TEXTS = {quotation["text"] for quotation in QUOTATIONS}
SOURCES = sorted((ROOT / "notebooks" / "source").glob("*.py"))

QUOTED = re.compile(r'"([^"\n]+)"|“([^”\n]+)”|「([^」\n]+)」')
CHINESE = re.compile(r"[\u4e00-\u9fff]")
NUMBER = re.compile(r"(?:[-+\d.±→<≥ ]|ms|MB|%)*\d(?:[-+\d.±→<≥ ]|ms|MB|%)*")
"""A quotation that is a number, such as those of the article's table."""


def quoted(text: str) -> list[str]:
    """What stands in quotation marks and is Chinese or a number, code left out."""
    prose = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.S)
    found = ["".join(groups) for groups in QUOTED.findall(prose)]
    return [words for words in found if CHINESE.search(words) or NUMBER.fullmatch(words)]


def markdown_of(source: Path) -> str:
    cells = jupytext.read(source).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_a_notebook_quotes_the_article_word_for_word(source):
    assert [words for words in quoted(markdown_of(source)) if words not in TEXTS] == []


@pytest.mark.parametrize(
    "readme", [ROOT / "README.md", ROOT / "utils" / "README.md"], ids=lambda path: path.parent.name
)
def test_a_readme_quotes_the_article_word_for_word(readme):
    assert [words for words in quoted(readme.read_text("utf-8")) if words not in TEXTS] == []


def test_the_chinese_readme_does_so_between_corner_brackets():
    """Its other quotation marks hold its own words."""
    found = re.findall(r"「([^」\n]+)」", (ROOT / "README.zh-CN.md").read_text("utf-8"))
    assert [words for words in found if words not in TEXTS] == []


def test_an_altered_quotation_is_noticed():
    text = 'It says "参数量减少 18%", and "参数量减少了 18%", "85 ± 5", "85ms", "a word" and `"代码"`.'
    assert [words for words in quoted(text) if words not in TEXTS] == ["参数量减少了 18%", "85ms"]


def test_nothing_is_kept_that_nobody_quotes():
    used = {quote.text for claim in CLAIMS for quote in claim.quotes}.union(*(quoted(markdown_of(s)) for s in SOURCES))
    assert used >= TEXTS


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    """The article's text by the number of its section; the article itself is not part of the repository."""
    corpora = Path(os.environ.get("NER_CORPORA", ROOT.parent / "shared" / "corpora"))
    path = corpora.parent / "research" / "article_zh.md"
    if not path.is_file():
        pytest.skip(f"the article is not at {path}; set NER_CORPORA to the folder of the corpora beside it")
    found, section = {}, ""
    for line in path.read_text("utf-8").splitlines():
        heading = re.match(r"(\d(?:\.\d)?)\.? (?=\D)", line)
        section = heading[1] if heading else section
        found[section] = found.get(section, "") + ("" if heading else line + "\n")
    return found


def test_every_quotation_stands_in_the_article_in_its_section(sections):
    assert [q for q in QUOTATIONS if q["text"] not in sections[q["section"]]] == []


CELLS = {
    "320 ± 1582094.3": ("320 ± 15", "820", "94.3"),
    "140 ± 831093.5": ("140 ± 8", "310", "93.5"),
    "100 ± 633093.1": ("100 ± 6", "330", "93.1"),
    "85 ± 529093.3": ("85 ± 5", "290", "93.3"),
}
"""Rows of the article's table, whose cells run together in its text."""

NO_CLAIM = {
    "2.1": ["32", "8"],  # bits
    "3.3": ["1", "12", "12", "2", "0", "2", "3", "12", "0"],  # a formula's index, and code
    "3.4": ["20"],  # what is to be done
    "4.1": ["500"],  # characters of the text
    "4.2": ["8000"],  # a port
}


def test_every_number_of_sections_2_to_5_is_a_claim(sections):
    claimed = {(quote.section, quote.text) for claim in CLAIMS for quote in claim.quotes}
    left = {}
    for section, text in sections.items():
        for line, cells in CELLS.items() if section == "4.1" else ():
            assert line in text and {(section, cell) for cell in cells} <= claimed
            text = text.replace(line, "")
        for _, words in sorted((q for q in claimed if q[0] == section), key=lambda q: -len(q[1])):
            text = text.replace(words, "")
        if numbers := re.findall(r"(?<![A-Za-z\d.])\d+(?:\.\d+)?", text):
            left[section] = numbers
    assert {section: numbers for section, numbers in left.items() if section >= "2"} == NO_CLAIM
