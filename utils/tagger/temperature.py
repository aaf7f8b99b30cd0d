"""The temperature of a model's confidence, kept in the directory of the model, whatever engine it is for.

It is one number in `config.json`, which every directory of the course has. Whoever loads a tagger from there gets it
as `Tagger.temperature`. It was fitted to the answers of these very weights: a model that is trained on, pruned or
quantised out of this one takes it along, and should have its own fitted.
"""

import json
from pathlib import Path

from utils.files import CheckpointError, read_settings, write_atomically

CONFIG_FILE, SETTING = "config.json", "confidence_temperature"


def stored_temperature(path: str | Path) -> float:
    """The temperature that a model directory holds, 1 where it holds none.

    Raises:
        CheckpointError: as `utils.files.read_settings` raises it, or what stands there is no number.
    """
    found = (read_settings(Path(path) / CONFIG_FILE) or {}).get(SETTING, 1.0)
    if not isinstance(found, int | float):
        raise CheckpointError(f"{path}: {SETTING} is {found!r}, and a number is wanted")
    return float(found)


def store_temperature(path: str | Path, temperature: float) -> None:
    """Write a temperature into a model directory, in place of one that is there.

    Raises:
        CheckpointError: no `config.json` there, or a damaged one.
    """
    file = Path(path) / CONFIG_FILE
    if (settings := read_settings(file)) is None:
        raise CheckpointError(f"{file}: not there, so this is no model directory of the course")
    write_atomically(file, json.dumps(settings | {SETTING: temperature}, indent=2, ensure_ascii=False) + "\n")
