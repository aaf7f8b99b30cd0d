"""The embedded model's card: what made it, how well it tags, and what it loses when parts of it go.

    python -m utils.studies.card --model DIR --msra DIR

Every number is measured now, or read from what a study left in `data/reference`.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from utils.files import write_atomically
from utils.measure.evaluation import evaluate
from utils.model.checkpoint import MINI_RANER, load_raner
from utils.model.torch_tagger import torch_tagger
from utils.studies.ingredients import STUDY as INGREDIENTS
from utils.studies.redundancy import DRAWS, PREDECESSORS, REDUNDANCY
from utils.text.corpus import load_corpus
from utils.text.entities import Sentence

PUBLISHED = (
    "with 49 % of the heads kept by score MNLI falls by 6.5 points (1.5 after retraining), at random by 10.4 (1.7); "
    "with 28 % kept SST-2 falls by 7.1 (1.0), at random by 18.7 (2.5) "
    '(Prasanna et al. 2020, "When BERT Plays the Lottery, All Tickets Are Winning", from the authors\' files, '
    'five seeds). The lower layers matter most (Sajjad et al. 2023, "On the effect of dropping layers").'
)
"""What pruning costs a pre-trained BERT."""


def removal_table(found: Mapping, before: Mapping) -> dict[str, list[str]]:
    """Of each removal, in both models: points lost, and points lost after a recovery; a dash where none was tried."""
    studies = [_by_removal(study["rows"]) for study in (found, before)]
    return {name: [cell for study in studies for cell in _cells(study.get(name, []))] for name in studies[0]}


def _by_removal(rows: Sequence[Mapping]) -> dict[str, list[Mapping]]:
    """Rows by name, random draws together."""
    groups: dict[str, list[Mapping]] = {}
    for row in rows:
        groups.setdefault(row["stage"].split(", draw")[0], []).append(row)
    return groups


def _cells(rows: Sequence[Mapping]) -> tuple[str, str]:
    return tuple(_lost(part) for part in (rows, [row["recovered"] for row in rows if "recovered" in row]))


def _lost(rows: Sequence[Mapping]) -> str:
    if not rows:
        return "–"
    lost = [-row["difference"]["f1"] for row in rows]
    if len(rows) > 1:
        return f"{mean(lost):z.1f} ({min(lost):z.1f} to {max(lost):z.1f})"
    difference = rows[0]["difference"]
    return f"{lost[0]:z.1f} [{-difference['high']:z.1f}, {-difference['low']:z.1f}]"


def write_card(path: Path, tests: Mapping[str, Sequence[Sentence]]) -> None:
    """Evaluate the model in `path` on the tests, by name, and write its `README.md`.

    Raises:
        FileNotFoundError: the directory has no `training.json`.
    """
    model, tokenizer = load_raner(path)
    tagger = torch_tagger(model, tokenizer)
    judged = {name: {"sentences": len(test), "found": evaluate(tagger, test)} for name, test in tests.items()}
    redundancy, before = (_read(file) for file in (REDUNDANCY, PREDECESSORS))
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined)
    card = environment.get_template("card.md").render(
        config=model.config,
        parameters=model.num_parameters(),
        tests=judged,
        training=json.loads((path / "training.json").read_text("utf-8")),
        ingredients=_read(INGREDIENTS),
        redundancy=redundancy,
        before=before,
        draws=DRAWS,
        removals=removal_table(redundancy, before) if redundancy else {},
        published=PUBLISHED,
    )
    write_atomically(path / "README.md", card + "\n")


def _read(path: Path) -> dict | None:
    """What a study found; None where it was not run yet."""
    return json.loads(path.read_text("utf-8")) if path.is_file() else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=MINI_RANER, help="directory of the model")
    parser.add_argument("--msra", type=Path, required=True, help="directory with train, dev, test of MSRA NER")
    given = parser.parse_args()
    write_card(given.model, {"ours": load_corpus().test, "MSRA": load_corpus(given.msra).test})
    print(given.model / "README.md")


if __name__ == "__main__":
    main()
