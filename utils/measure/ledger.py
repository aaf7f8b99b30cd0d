"""The ledger: one row a version that a notebook made or measured, kept in the run's folder.

A row is named by stage, scale, backend and notebook. A notebook that writes it again replaces it; another one's
row of the same version stays beside it. What a row holds stands in `utils.measure.row`.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from utils.files import locked, write_atomically
from utils.measure.evaluation import Evaluation
from utils.measure.latency import Latency
from utils.measure.memory import Memory, directory_bytes
from utils.measure.row import Computer, LedgerError, Row, checked, key_of, preferred, version_of
from utils.measure.verdict import Estimate, f1_difference, times_as_fast
from utils.model.raner import RanerModel
from utils.tagger.batching import Reading

VERSION = 2
"""Of the file. In version 1 a later notebook overwrote an earlier one's rows, and no row knew its session."""

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
    base: tuple[str, Latency] | None = None
    """The first version of the session that `latency` is of: its name (`base_name`) and its times."""
    baseline: tuple[str, Evaluation] | None = None
    """The stage that F1 is compared with, judged on the same sentences."""
    reading: Reading | None = None
    """None: as it was scored."""
    steps: int | None = None
    seed: int | None = None


def make_row(stage: str, notebook: str, scale: str, backend: str, measured: Measured) -> dict:
    """A complete row.

    Raises:
        LedgerError: a value that no row can have.
        ValueError: the base's times come from another session, or the baseline knows no sentences.
    """
    memory, machine = measured.memory, measured.machine
    found = {
        "file_bytes": directory_bytes(measured.path) if measured.path else None,
        "rss_mb": round(memory.peak, 1) if memory else None,
        "machine": {key: machine[key] for key in Computer.model_fields} if machine else None,
    }
    found |= model_shape(measured.model) if measured.model else {}
    found |= _scores(measured.evaluation, measured.baseline) if measured.evaluation else {}
    found |= _times(measured.latency, measured.base) if measured.latency else {}
    found |= {"reading": measured.reading} if measured.reading else {}
    names = {"stage": stage, "notebook": notebook, "scale": scale, "backend": backend}
    names |= {"steps": measured.steps, "seed": measured.seed}
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


def _times(latency: Latency, base: tuple[str, Latency] | None) -> dict:
    return {
        "session": latency.session or None,
        "latency_ms": {"p50": round(latency.p50, 3), "p95": round(latency.p95, 3)},
        "times_as_fast": _compared(base[0], times_as_fast(base[1], latency), 3) if base else None,
    }


def _compared(base: str, estimate: Estimate, digits: int) -> dict:
    return {"base": base} | {name: round(value, digits) for name, value in estimate._asdict().items()}


def _difference(evaluation: Evaluation, baseline: tuple[str, Evaluation]) -> dict:
    base, other = baseline
    found = f1_difference(other.sentences, other.predictions, evaluation.predictions, evaluation.seed)
    return _compared(base, found, 2)


def _scores(evaluation: Evaluation, baseline: tuple[str, Evaluation] | None) -> dict:
    scores = evaluation.scores
    columns = {key: round(getattr(scores, key), 2) for key in ("precision", "recall", "f1")}
    columns |= {key: round(getattr(evaluation, key), 2) for key in ("f1_low", "f1_high")}
    columns |= {"f1_by_type": {kind: round(s.f1, 2) for kind, s in scores.by_type.items()}}
    columns |= {"reading": evaluation.reading, "batch_size": evaluation.batch_size}
    return columns | {"f1_difference": _difference(evaluation, baseline) if baseline else None}


class Ledger:
    """Rows in a JSON file, one key a line so that people and `diff` can read it."""

    def __init__(self, path: str | Path):
        self.path = Path(path)

    def rows(self) -> list[dict]:
        """All rows, in the order in which they first came; none if the file is not there yet.

        Raises:
            LedgerError: the file is of another version, or a row of it is not valid.
        """
        if not self.path.exists():
            return []
        try:
            return [checked(row) for row in _rows_of(json.loads(self.path.read_text("utf-8")))]
        except ValueError as error:
            raise LedgerError(f"{self.path}: {error}") from None

    def row(self, stage: str, scale: str, backend: str, notebook: str | None = None) -> dict:
        """The notebook's row of that version, or where none is named the `preferred` one.

        Raises:
            LedgerError: there is none.
        """
        rows, version = self.rows(), (stage, scale, backend)
        found = [row for row in rows if version_of(row) == version and notebook in (None, row["notebook"])]
        if not found:
            asked, known = filter(None, (*version, notebook)), ", ".join("/".join(key_of(row)) for row in rows)
            raise LedgerError(f"{self.path}: no row {'/'.join(asked)}; there are: {known or 'none'}")
        return preferred(found)[0]

    def append(self, row: dict) -> None:
        """Add a row, or put it in the place of the one with the same stage, scale, backend and notebook.

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


def _rows_of(content: object) -> list[dict]:
    """The rows in a file's content, if it is of this version."""
    version = 1 if isinstance(content, list) else content.get("version") if isinstance(content, dict) else None
    if version != VERSION:
        told = "no ledger" if version is None else f"a ledger of version {version}"
        raise LedgerError(
            f"{told}, and this course reads version {VERSION}: delete the file or move it away, and run again"
        )
    rows = content.get("rows")
    if not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
        raise LedgerError("expected a list of rows")
    return rows


def _format(rows: Iterable[dict]) -> str:
    blocks = (
        ",\n".join(f"    {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in row.items())
        for row in rows
    )
    body = ",\n".join(f"  {{\n{block}\n  }}" for block in blocks)
    return f'{{"version": {VERSION}, "rows": [\n{body}\n]}}\n'
