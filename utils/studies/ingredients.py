"""What does each ingredient of the embedded model's training give? The training in short, each time without one.

    python -m utils.studies.ingredients --msra DIR --news FILE.txt.xz --out DIR

An interrupted run goes on where it stopped when the same command is given again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from utils.files import DATA
from utils.measure.machine import machine
from utils.studies.mixed_batches import Mixture
from utils.studies.recovery_bars import keep_rows
from utils.studies.train_from_base import Material, begin, command_line, dev_scores, dev_sets, gather, train
from utils.text.entities import Sentence

STUDY = DATA / "reference" / "ingredients.json"
"""What was found."""

SHORT = Mixture(steps=520, warm_up=100, decay=300, news_until=200)
"""A fifth of the whole training, its parts in proportion."""

VARIANTS = {
    "all ingredients": {},
    "no news": {"news_until": 0},
    "news without masked characters": {"masked": 0.0},
    "news without words and names": {"lexical": 0.0},
    "every sentence without a name read": {"plain": 1.0},
    "our own sentences read once": {"own_copies": 1},
    "encoder from nothing": {"pretrained": False},
}
"""Name of a training -> what is different in its mixture."""


def trained_row(
    name: str, mixture: Mixture, material: Material, dev: Mapping[str, Sequence[Sentence]], folder: Path
) -> dict:
    """One training: F1 in points on each dev set, of the average of the weights."""
    training, batches = begin(material, mixture)
    model = train(training, batches, folder / f"{name.replace(' ', '-')}.pt", lambda model: "")
    return {"stage": name, "f1": dev_scores(model, material.tokenizer, dev)}


def compare_ingredients(
    material: Material, dev: Mapping[str, Sequence[Sentence]], folder: Path, short: Mixture, command: str
) -> dict:
    """One row a variant, written to `folder` after each; rows that are there are kept.

    Raises:
        ValueError: the folder holds the rows of another command.
    """
    header = {
        "command": command,
        "machine": machine(),
        "steps": short.steps,
        "dev": {n: len(s) for n, s in dev.items()},
    }
    jobs = {
        name: partial(trained_row, name, replace(short, **change), material, dev, folder)
        for name, change in VARIANTS.items()
    }
    return keep_rows(folder / STUDY.name, header, jobs)


def main() -> None:
    given = command_line(__doc__).parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    command = f"python -m utils.studies.ingredients --characters {given.characters}"
    found = compare_ingredients(gather(given, SHORT), dev_sets(given.msra), given.out, SHORT, command)
    for row in found["rows"]:
        print(f"{row['stage']}: " + ", ".join(f"{name} {points:.1f}" for name, points in row["f1"].items()))


if __name__ == "__main__":
    main()
