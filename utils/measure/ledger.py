"""The ledger: one row a stage, what it weighs, how fast and how right it is; and whether that holds again.

A row has the keys of `COLUMNS`, always all of them. What was not measured is null, never 0: a table
that shows 0 MB for "nobody looked" lies. Scores are in points (0-100), times in ms, sizes in bytes,
memory in MB of 10^6 bytes. A row is named by stage, scale and backend; writing it again replaces it.
"""

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from utils.files import write_atomically
from utils.measure.evaluation import Evaluation
from utils.measure.latency import Latency
from utils.measure.memory import Memory, directory_bytes
from utils.model.raner import RanerModel

COLUMNS = (
    "stage", "notebook", "scale", "backend", "heads_per_layer", "ffn_per_layer", "vocabulary", "parameters",
    "file_bytes", "precision", "recall", "f1", "f1_low", "f1_high", "f1_by_type", "latency_ms", "rss_mb", "machine",
)  # fmt: skip


SCALES = ("mini", "article")


BACKENDS = (
    "torch-fp32", "torch-bf16", "torch-int8", "onnx-fp32", "onnx-int8", "openvino-fp32", "openvino-int8",
)  # fmt: skip


ORIGINAL = ("original", "torch-fp32")
"""Stage and backend of the untouched model, against which times and memory are compared."""


_POINTS = ("precision", "recall", "f1", "f1_low", "f1_high")


_POSITIVE = ("vocabulary", "parameters", "file_bytes", "rss_mb")


_NESTED = {"latency_ms": ("p50", "p95"), "machine": ("cpu", "flags", "cores", "threads", "versions")}


class LedgerError(ValueError):
    """A row or a ledger file that cannot be accepted; the message names row, key and reason."""


def make_row(
    stage: str,
    notebook: str,
    scale: str,
    backend: str,
    model: RanerModel | None = None,
    evaluation: Evaluation | None = None,
    latency: Latency | None = None,
    memory: Memory | None = None,
    path: str | Path | None = None,
    machine: dict | None = None,
) -> dict:
    """A complete row; what is not given is null.

    Args:
        model: the float model whose shapes are counted, also for a backend that was made from it.
        path: file or directory whose bytes are counted.
        machine: the answer of `benchmark.machine()`.

    Raises:
        LedgerError: a value that `check_row` rejects.
    """
    row = dict.fromkeys(COLUMNS) | {"stage": stage, "notebook": notebook, "scale": scale, "backend": backend}
    row |= model_shape(model) if model is not None else {}
    row |= _score_columns(evaluation) if evaluation else {}
    row["latency_ms"] = {"p50": round(latency.p50, 3), "p95": round(latency.p95, 3)} if latency else None
    row["rss_mb"] = round(memory.peak, 1) if memory else None
    row["file_bytes"] = directory_bytes(path) if path is not None else None
    row["machine"] = {key: machine[key] for key in _NESTED["machine"]} if machine else None
    check_row(row)
    return row


def model_shape(model: RanerModel) -> dict:
    """What is really there: heads and neurons of each layer, characters, parameters, read off the matrices."""
    config, layers = model.config, model.bert.encoder.layer
    head_size = config.hidden_size // config.num_attention_heads
    return {
        "heads_per_layer": [getattr(x.attention.output.dense, "in_features", 0) // head_size for x in layers],
        "ffn_per_layer": [getattr(x.intermediate.dense, "out_features", 0) for x in layers],
        "vocabulary": model.bert.embeddings.word_embeddings.num_embeddings,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }


def _score_columns(evaluation: Evaluation) -> dict:
    scores = evaluation.scores
    columns = {key: round(getattr(scores, key), 2) for key in ("precision", "recall", "f1")}
    columns |= {key: round(getattr(evaluation, key), 2) for key in ("f1_low", "f1_high")}
    return columns | {"f1_by_type": {kind: round(s.f1, 2) for kind, s in scores.by_type.items()}}


def check_row(row: dict) -> None:
    """Accept a row, or say what is wrong with it.

    Raises:
        LedgerError: a key is unknown or absent, a name is unknown, a score leaves 0-100, or a size,
            time or count that must be positive is not (unmeasured is None).
    """
    name = _name(row)
    _check_keys(name, row, COLUMNS)
    _check_names(name, row)
    for key, nested in _NESTED.items():
        if row[key] is not None:
            _check_keys(f"{name}: {key}", row[key], nested)
    _check_points(name, {key: row[key] for key in _POINTS})
    _check_positive(name, {key: row[key] for key in _POSITIVE})
    if row["f1_by_type"] is not None:
        _check_points(f"{name}: f1_by_type", row["f1_by_type"])
    if row["latency_ms"] is not None:
        _check_positive(f"{name}: latency_ms", row["latency_ms"])


def _check_points(name: str, values: dict) -> None:
    for key, value in values.items():
        if value is not None and not (_finite(value) and 0 <= value <= 100):
            raise LedgerError(f"{name}: {key} is {value!r}, expected points from 0 to 100")


def _check_positive(name: str, values: dict) -> None:
    for key, value in values.items():
        if value is not None and not (_finite(value) and value > 0):
            raise LedgerError(f"{name}: {key} is {value!r}; it must be above 0, and None where it was not measured")


def _check_keys(name: str, found: dict, wanted: Sequence[str]) -> None:
    if not isinstance(found, dict):
        raise LedgerError(f"{name} is {found!r}, expected the keys {', '.join(wanted)}")
    if unknown := sorted(found.keys() - set(wanted)):
        raise LedgerError(f"{name}: unknown keys {', '.join(unknown)}")
    if absent := [key for key in wanted if key not in found]:
        raise LedgerError(f"{name}: keys {', '.join(absent)} are absent (None says: not measured)")


def _check_names(name: str, row: dict) -> None:
    for key in ("stage", "notebook"):
        if not (isinstance(row[key], str) and row[key]):
            raise LedgerError(f"{name}: {key} is {row[key]!r}, expected a name")
    for key, known in (("scale", SCALES), ("backend", BACKENDS)):
        if row[key] not in known:
            raise LedgerError(f"{name}: {key} {row[key]!r} is not one of {', '.join(known)}")


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def key_of(row: dict) -> tuple:
    return row.get("stage"), row.get("scale"), row.get("backend")


def _name(row: dict) -> str:
    return "row " + "/".join(map(str, key_of(row)))


class Ledger:
    """Rows in a JSON file, one key a line so that people and `diff` can read it."""

    def __init__(self, path: str | Path):
        self.path = Path(path)

    def rows(self) -> list[dict]:
        """All rows, in the order in which they first came; none if the file is not there yet.

        Raises:
            LedgerError: the file is not a JSON list of valid rows.
        """
        if not self.path.exists():
            return []
        try:
            rows = json.loads(self.path.read_text("utf-8"))
            if not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
                raise LedgerError("expected a list of rows")
            for row in rows:
                check_row(row)
        except ValueError as error:
            raise LedgerError(f"{self.path}: {error}") from None
        return rows

    def row(self, stage: str, scale: str, backend: str) -> dict:
        """The row of that name.

        Raises:
            LedgerError: there is none.
        """
        rows = {key_of(row): row for row in self.rows()}
        if (stage, scale, backend) not in rows:
            known = ", ".join("/".join(key) for key in rows) or "none"
            raise LedgerError(f"{self.path}: no row {stage}/{scale}/{backend}; there are: {known}")
        return rows[stage, scale, backend]

    def append(self, row: dict) -> None:
        """Add a row, or put it in the place of the one with the same stage, scale and backend.

        The file is replaced as a whole: a reader, or a run that dies, never meets half a ledger.

        Raises:
            LedgerError: the row or the file is not valid; the file then stays as it was.
        """
        check_row(row)
        rows = {key_of(old): old for old in self.rows()} | {key_of(row): row}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, _format(rows.values()))


def _format(rows: Iterable[dict]) -> str:
    blocks = (
        ",\n".join(f"    {json.dumps(key)}: {json.dumps(row[key], ensure_ascii=False)}" for key in COLUMNS)
        for row in rows
    )
    return "[\n" + ",\n".join(f"  {{\n{block}\n  }}" for block in blocks) + "\n]\n"
