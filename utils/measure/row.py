"""What a row of the ledger holds: one version of a model, what it weighs, how fast and how right it is.

A row has all of `Row`'s keys, always. What was not measured is null, never 0: a table that shows 0 MB for
"nobody looked" lies. Rows travel as plain dicts, with the keys in the order of `Row`; `checked` is where
a dict becomes one of them.

Several notebooks may have a row of the same version, each with its own measurement. Whoever wants one row
a version takes `preferred`'s.
"""

from collections.abc import Iterable
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from utils.tagger.batching import Reading

BackendName = Literal[
    "torch-fp32", "torch-bf16", "torch-int8", "onnx-fp32", "onnx-int8", "openvino-fp32", "openvino-int8",
]  # fmt: skip

BACKENDS = get_args(BackendName)

ORIGINAL = ("original", "torch-fp32")
"""Stage and backend of the untouched model, against which times and memory are compared."""

RESULTS = ("f1", "latency_ms", "rss_mb")
"""What a row is read for. The others are counted, not measured."""

NotEmpty = Annotated[str, Field(min_length=1)]
Points = Annotated[float, Field(ge=0, le=100)]
Gained = Annotated[float, Field(ge=-100, le=100)]
Count = Annotated[int, Field(gt=0)]
NotNegative = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Parts = list[NotNegative]


class LedgerError(ValueError):
    """A row or a ledger file that cannot be accepted; the message names row, key and reason."""


class Strict(BaseModel):
    """What is stored beside a measurement: no key more or less, no number that is a string, infinite or none at all."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class Milliseconds(Strict):
    """Median and 95th percentile of the latency, text to entities."""

    p50: Positive
    p95: Positive


class TimesAsFast(Strict):
    """How many times as fast as `base`, which took turns with it: stage, backend and reading of the session's first."""

    base: NotEmpty
    value: Positive
    low: Positive
    high: Positive


class Difference(Strict):
    """F1 minus that of the stage `base` on the same sentences, in points, and its interval."""

    base: NotEmpty
    value: Gained
    low: Gained
    high: Gained


class Computer(Strict):
    """On what the row was measured: part of what `utils.measure.machine.machine` answers."""

    cpu: str
    flags: list[str]
    cores: Count
    threads: Count
    versions: dict[str, str]


class Row(Strict):
    """Scores in points (0-100), sizes in bytes, memory in MB of 10^6 bytes.

    Stage, scale, backend and notebook name the row. `steps` are those of the optimizer in the last training (0: the
    weights came untouched), `batch_size` is the one that was scored, and `session` is one measurement in turns:
    times of two sessions are never divided.
    """

    stage: NotEmpty
    notebook: NotEmpty
    scale: Literal["mini", "article"]
    backend: BackendName
    reading: Reading | None
    steps: NotNegative | None
    seed: int | None
    heads_per_layer: Parts | None
    ffn_per_layer: Parts | None
    vocabulary: Count | None
    parameters: Count | None
    file_bytes: Count | None
    precision: Points | None
    recall: Points | None
    f1: Points | None
    f1_low: Points | None
    f1_high: Points | None
    f1_by_type: dict[str, Points] | None
    f1_difference: Difference | None
    batch_size: Count | None
    session: NotEmpty | None
    latency_ms: Milliseconds | None
    times_as_fast: TimesAsFast | None
    rss_mb: Positive | None
    machine: Computer | None


def version_of(row: dict) -> tuple:
    """Of what the row speaks: stage, scale and backend."""
    return row.get("stage"), row.get("scale"), row.get("backend")


def key_of(row: dict) -> tuple:
    """What names a row: stage, scale, backend, and the notebook that wrote it."""
    return *version_of(row), row.get("notebook")


def base_name(stage: str, backend: str, reading: str) -> str:
    """How rows of a session call its base."""
    return f"{stage}/{backend}/{reading}"


def preferred(rows: Iterable[dict]) -> list[dict]:
    """One row a version, in the order in which the versions first came.

    Of several notebooks' rows it is the one with most of `RESULTS`; where they have equally many, the one of the
    last notebook by number, so that a table of versions that one late notebook compares shows one session.
    """
    found: dict[tuple, dict] = {}
    for row in rows:
        found[version_of(row)] = max(found.get(version_of(row), row), row, key=_weight)
    return list(found.values())


def _weight(row: dict) -> tuple[int, str]:
    return sum(row[key] is not None for key in RESULTS), row["notebook"]


def checked(row: dict) -> dict:
    """The row with its keys in order.

    Raises:
        LedgerError: a key is unknown or absent, a name is unknown, a score leaves 0-100, or a size, a time or a
            count that must be positive is not.
    """
    return validated(Row, "/".join(map(str, key_of(row))), row)


def validated(kind: type[Strict], name: str, row: dict) -> dict:
    """A row of any kind with its keys in order; errors as `checked` raises them, with this name."""
    try:
        return kind.model_validate(row).model_dump()
    except ValidationError as error:
        reasons = "; ".join(map(_reason, error.errors(include_url=False)))
        raise LedgerError(f"row {name}: {reasons}") from None


def _reason(error: dict) -> str:
    key = ".".join(map(str, error["loc"]))
    match error["type"]:
        case "missing":
            return f"{key} is absent (None says: not measured)"
        case "extra_forbidden":
            return f"{key} is no known key"
        case _:
            return f"{key} is {error['input']!r}: {error['msg']}"
