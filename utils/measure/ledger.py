"""The ledger: one row a version that a notebook made or measured, kept in the run's folder.

A row is named by stage, scale and backend; writing it again replaces it. What a row holds stands in
`utils.measure.row`.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from utils.files import locked, write_atomically
from utils.measure.evaluation import Evaluation
from utils.measure.latency import Latency
from utils.measure.memory import Memory, directory_bytes
from utils.measure.row import Computer, LedgerError, Row, checked, key_of
from utils.model.raner import RanerModel

WAIT = 60
"""Seconds to wait for another process that is writing to the same ledger."""


@dataclass(frozen=True)
class Measured:
    """What is known of a version; None where nobody looked."""

    model: RanerModel | None = None
    """The float model whose shapes are counted, also for a backend that was made from it."""
    evaluation: Evaluation | None = None
    latency: Latency | None = None
    memory: Memory | None = None
    path: Path | None = None
    """File or directory whose bytes are counted."""
    machine: dict | None = None
    """The answer of `utils.measure.machine.machine`."""


def make_row(stage: str, notebook: str, scale: str, backend: str, measured: Measured) -> dict:
    """A complete row.

    Raises:
        LedgerError: a value that no row can have.
    """
    latency, memory, machine = measured.latency, measured.memory, measured.machine
    found = {
        "file_bytes": directory_bytes(measured.path) if measured.path else None,
        "latency_ms": {"p50": round(latency.p50, 3), "p95": round(latency.p95, 3)} if latency else None,
        "rss_mb": round(memory.peak, 1) if memory else None,
        "machine": {key: machine[key] for key in Computer.model_fields} if machine else None,
    }
    found |= model_shape(measured.model) if measured.model else {}
    found |= _scores(measured.evaluation) if measured.evaluation else {}
    names = {"stage": stage, "notebook": notebook, "scale": scale, "backend": backend}
    return checked(dict.fromkeys(Row.model_fields) | names | found)


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


def _scores(evaluation: Evaluation) -> dict:
    scores = evaluation.scores
    columns = {key: round(getattr(scores, key), 2) for key in ("precision", "recall", "f1")}
    columns |= {key: round(getattr(evaluation, key), 2) for key in ("f1_low", "f1_high")}
    return columns | {"f1_by_type": {kind: round(s.f1, 2) for kind, s in scores.by_type.items()}}


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
            return [checked(row) for row in rows]
        except ValueError as error:
            raise LedgerError(f"{self.path}: {error}") from None

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

        Processes that append to one ledger wait for each other. The file is replaced as a whole: a reader,
        or a run that dies, never meets half a ledger.

        Raises:
            LedgerError: the row or the file is not valid; the file then stays as it was.
            LockedError: another process has kept the ledger for `WAIT` seconds.
        """
        row = checked(row)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with locked(self.path, WAIT):
            rows = {key_of(old): old for old in self.rows()} | {key_of(row): row}
            write_atomically(self.path, _format(rows.values()))


def _format(rows: Iterable[dict]) -> str:
    blocks = (
        ",\n".join(f"    {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in row.items())
        for row in rows
    )
    return "[\n" + ",\n".join(f"  {{\n{block}\n  }}" for block in blocks) + "\n]\n"
