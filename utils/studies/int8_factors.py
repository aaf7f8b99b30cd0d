"""Why does one engine's INT8 lose more than another's? One rounding at a time is changed, on all test sentences.

Everything is simulated (`utils.studies.rounding`), so the answers are those of any computer. On a part of the test
one sees what happens to the emissions, but F1 hardly tells the factors apart: so this is done once, on all of it.

    python -m utils.studies.int8_factors --out FILE.json

An interrupted run goes on where it stopped when the same command is given again.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from utils.files import DATA
from utils.measure.bootstrap import Difference
from utils.model.checkpoint import MINI_RANER, load_raner
from utils.model.raner import RanerModel
from utils.model.torch_tagger import torch_tagger
from utils.studies.loud_channels import planted, smoothed
from utils.studies.recovery_bars import keep_rows
from utils.studies.rounding import ONNX_RUNTIME, TORCH, Rounding, inputs_of, ranges_of, rounded
from utils.studies.sensitivity import PartDamage, Yardstick
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.corpus import DEFAULT_CORPUS, load_corpus

STUDY = DATA / "reference" / "int8-factors.json"
"""What was found in the embedded model."""

FACTORS = {
    "as torch": TORCH,
    "activations with 8 bits": TORCH._replace(inputs=8),
    "a grid for each row of the weights": TORCH._replace(by_row=True),
    "both: as ONNX Runtime": TORCH._replace(inputs=8, by_row=True),
}
"""From torch's dynamic INT8 to that of ONNX Runtime, one change at a time and then both."""

NARROW = {
    "8 and 8 bits, exact sums": ONNX_RUNTIME,
    "8 and 8 bits, sums of 16 bits": ONNX_RUNTIME._replace(narrow=True),
    "activations with 7 bits, sums of 16 bits": ONNX_RUNTIME._replace(inputs=7, narrow=True),
    "weights with 7 bits, sums of 16 bits": ONNX_RUNTIME._replace(weights=7, narrow=True),
}
"""What a CPU without VNNI makes of eight bits, and two ways to leave room in its sums."""

TIMES, KEPT = 64, 0.999
"""How loud the planted channel is, and the share of the values that percentile calibration keeps."""


def read_by(model: RanerModel, tokenizer: CharacterTokenizer, texts: Sequence[str]) -> dict:
    """What flows into each linear layer while the texts are read one by one."""
    return inputs_of(model, lambda: torch_tagger(model, tokenizer).predict(texts, batch_size=1))


def repairs(model: RanerModel, tokenizer: CharacterTokenizer, texts: Sequence[str]) -> dict[str, RanerModel]:
    """A model with a loud channel in static INT8, simulated: as it is, and with each of three repairs.

    Args:
        texts: they fix the ranges.
    """
    inputs = read_by(model, tokenizer, texts)
    whole = ranges_of(inputs)
    even = smoothed(model, inputs)
    return {
        "one grid for each matrix": rounded(model, Rounding(8, 8), whole),
        "a grid for each row": rounded(model, ONNX_RUNTIME, whole),
        "a grid for each row, percentiles": rounded(model, ONNX_RUNTIME, ranges_of(inputs, KEPT)),
        "a grid for each row, smoothed": rounded(even, ONNX_RUNTIME, ranges_of(read_by(even, tokenizer, texts))),
    }


def measure_factors(model: RanerModel, yardstick: Yardstick, texts: Sequence[str], out: Path, header: dict) -> dict:
    """A row for each of `FACTORS`, `NARROW` and `repairs`, and torch with sixteen sentences a call."""
    jobs = {name: partial(rounded, model, setting) for name, setting in (FACTORS | NARROW).items()}
    jobs |= {
        f"planted, {name}": partial(lambda repair: repair, repair)
        for name, repair in repairs(planted(model, TIMES), yardstick.tokenizer, texts).items()
    }
    rows = {name: partial(_row, yardstick, name, make) for name, make in jobs.items()}
    shared = "as torch, 16 sentences a call"
    rows[shared] = partial(_row, yardstick, shared, partial(rounded, model, TORCH), 16)
    return keep_rows(out, header, rows)


def _row(yardstick: Yardstick, stage: str, make: Callable[[], RanerModel], batch_size: int = 1) -> dict:
    found = yardstick.damage(make(), batch_size)
    return {"stage": stage, "f1": found.f1._asdict(), "agreement": found.agreement, "noise": found.noise}


def damages_in(study: Mapping) -> dict[str, PartDamage]:
    """The rows of a study by their names."""
    return {row["stage"]: PartDamage(Difference(**row["f1"]), row["agreement"], row["noise"]) for row in study["rows"]}


def read_study() -> dict | None:
    """What `measure_factors` wrote into `STUDY`; None where it was not made yet."""
    return json.loads(STUDY.read_text("utf-8")) if STUDY.is_file() else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=MINI_RANER, help="directory of the model")
    parser.add_argument("--corpus", type=Path, default=DEFAULT_CORPUS, help="directory with train, dev and test")
    parser.add_argument("--sentences", type=int, default=None, help="of the test, the first so many (all)")
    parser.add_argument("--out", type=Path, required=True, help="file for the rows, JSON")
    given = parser.parse_args()
    (model, tokenizer), corpus = load_raner(given.model), load_corpus(given.corpus)
    test, texts = corpus.test[: given.sentences], [sentence.text for sentence in corpus.train[:16]]
    some = f" --sentences {given.sentences}" if given.sentences else ""
    command = f"python -m utils.studies.int8_factors --model {given.model.name}{some}"
    header = {"command": command, "sentences": len(test)}
    study = measure_factors(model, Yardstick(model, tokenizer, test), texts, given.out, header)
    for name, damage in damages_in(study).items():
        print(f"{name}: {damage.f1.f1:+.2f} points, {damage.noise:.1f} % noise")


if __name__ == "__main__":
    main()
