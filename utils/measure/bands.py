"""How far a second run may stray from the reference before something must have changed.

Scores in points, up or down. What moves them depends on where a row's weights come from:

- **committed**, float32: the same sums in another order. Only a tie can be decided otherwise; one
  decision touches two entities at most (two names become one), so the band is two entities of the test split.
- **committed**, fewer bits: every CPU rounds in its own way. A model's INT8 scores differ from its
  float32 scores by d; two ways of rounding differ from each other by d - d'.
- **trained**: on another machine a training ends elsewhere, as it does with another seed.

The last two were measured, `data/reference/spread.json` (made by `python -m utils.studies.seed_spread`): with s the
root mean square of d, or the standard deviation over seeds pooled over cuts and arithmetics, a difference of
two runs has the deviation sqrt(2) s, and the band is three of those. The F1 of an entity type has its own s,
larger than that of all: what one type loses another one finds. No band is below two entities (of the type).
"""

import json
import math
import statistics
from functools import cache

from utils.files import DATA

SPREAD = DATA / "reference" / "spread.json"

COMMITTED = {
    "original", "heads-20", "heads-20-article", "heads-20-random", "heads-50", "heads-50-ffn-50",
    "quantized", "quantized-linear", "quantized-static", "quantized-sentences",
}  # fmt: skip
"""Stages with the weights of the committed model: cut or rounded, never trained. All other stages were trained."""

MATCHED = {"pruned-equal"}
"""Stages cut until they took as long as another model. A clock decided how much is left, so no count is exact."""

DEVIATIONS = 3
"""Of a difference of two runs, in a band."""

ENTITIES = 2
"""Of the test split, that no band is narrower than."""

FACTORS = {"file_bytes": 1.02, "times_as_fast": 1.5, "memory_ratio": 1.25}
"""The others may stray by a factor, up or down. These three are chosen, not measured.

Bytes: the tensors of a shape take the same bytes everywhere; 2 % are left for what a library's version
writes around them. Times are compared with those of the session's first version, which took turns; memory is a
share of the same run's original.
Time: 1.5 is less than what INT8 gains at article scale on a CPU with instructions for it, so that a model
that was not quantised is caught.
Memory: libraries, which every variant loads, weigh more or less by version.
Both are judged between runs on the same kind of CPU only: others were seen further apart than that, with
eight-bit instructions and without, and even where both have them.
"""

MATCHED_FACTOR = 1.1
"""The same for parameters and bytes of the stages of `MATCHED`: chosen too, several times what two runs differed by."""


def score_band(stage: str, backend: str, metric: str, kind: str = "") -> float:
    """Points by which precision, recall or F1 of a row may stray, of one entity type where `kind` names it."""
    found = measured_spread()
    entities = found["entities_by_type"].get(kind, found["entities"])
    deviation = _deviation(found["rows"], stage, backend, metric, kind)
    return round(max(100 * ENTITIES / entities, DEVIATIONS * math.sqrt(2) * deviation), 2)


@cache
def measured_spread() -> dict:
    """What `python -m utils.studies.seed_spread` measured."""
    return json.loads(SPREAD.read_text("utf-8"))


def _deviation(rows: list[dict], stage: str, backend: str, metric: str, kind: str) -> float:
    if stage not in COMMITTED:
        return seed_deviation(rows, metric, kind)
    return 0.0 if backend.endswith("fp32") else rounding_deviation(rows, metric, kind)


def seed_deviation(rows: list[dict], metric: str, kind: str = "") -> float:
    """Standard deviation of a score over seeds, points, pooled over cuts and arithmetics."""
    groups: dict[tuple, list[float]] = {}
    for row in rows:
        for arithmetic in ("fp32", "int8"):
            groups.setdefault((row["cut"], arithmetic), []).append(_score(row[arithmetic], metric, kind))
    return math.sqrt(statistics.mean(statistics.variance(scores) for scores in groups.values()))


def rounding_deviation(rows: list[dict], metric: str, kind: str = "") -> float:
    """Root mean square of INT8 minus float32 of the same model, points."""
    pairs = ([_score(row[arithmetic], metric, kind) for arithmetic in ("int8", "fp32")] for row in rows)
    return math.sqrt(statistics.mean((int8 - fp32) ** 2 for int8, fp32 in pairs))


def _score(scores: dict, metric: str, kind: str) -> float:
    """A score of all entities, or F1 of a type; a type that was not measured has no spread."""
    return scores["f1_by_type"].get(kind, 0.0) if kind else scores[metric]
