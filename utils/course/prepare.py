"""What a run makes before its notebooks, where it was asked to: the corpus with other types, a head for its types."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from utils.compress.recovery.fine_tuning import fine_tune
from utils.compress.training import Schedule, dev_f1
from utils.course.start_check import fitted, parse_types
from utils.measure.run import Run, open_run
from utils.model.checkpoint import save_raner
from utils.model.new_head import with_new_head
from utils.text.entities import Corpus

STEPS = (400, 60)
"""What a new head is trained for: in full, and in a quick run, which reads fewer sentences.

Steps and not epochs, which end where dev sees no progress: a head that knows nothing may take some to make any.
"""

PEAK_RATE, ITS_WIDTH = 5e-4, 192
"""Learning rate for an encoder of this hidden size; wider ones get less, in the square of their width. A head that
knows nothing shakes the encoder below it, so this is below what a cut that is distilled bears (`plan.peak_rate`)."""


def prepared(folder: Path, settings: Mapping[str, object]) -> dict[str, object]:
    """The parameters of a run's notebooks. What `types` and `new_head` ask for lies in the run's `artifacts/`.

    A run that is resumed finds there what it made before.

    Args:
        settings: of the run.
    """
    given = {name: settings[name] for name in ("model", "corpus", "seed", "quick")}
    if types := settings.get("types"):
        run = open_run(str(folder), **given)
        given["corpus"] = str(run.artifact("corpus", lambda path: _write_renamed(run, types, path), types))
    if settings.get("new_head"):
        run = open_run(str(folder), **given)
        given["model"] = str(run.artifact("new-head", lambda path: train_head(run, path)))
    return {"run_dir": str(folder)} | given


def _write_renamed(run: Run, types: str, path: Path) -> None:
    write_corpus(fitted(run.corpus, (), parse_types(types), new_head=True), path)


def write_corpus(corpus: Corpus, path: Path) -> None:
    """Three files in JSON lines, as `utils.text.formats.jsonl` reads them."""
    path.mkdir(parents=True)
    for name, split in corpus._asdict().items():
        rows = ({"text": s.text, "entities": [entity.span._asdict() for entity in s.entities]} for s in split)
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (path / f"{name}.jsonl").write_text("".join(lines), "utf-8")


def train_head(run: Run, path: Path) -> None:
    """Save the run's model with a head for the types of the run's corpus, encoder and head trained on it together."""
    model, tokenizer = run.model()
    print(f"Training a head for {', '.join(run.corpus.types)} ...", flush=True)
    rate = PEAK_RATE * min(1.0, (ITS_WIDTH / model.config.hidden_size) ** 2)
    schedule = Schedule(learning_rate=rate, seed=run.seed, steps=STEPS[run.quick])
    fresh, checkpoints = with_new_head(model, run.corpus.types, run.seed), path.with_name("new-head-checkpoints")
    trained = fine_tune(fresh, tokenizer, run.training, checkpoints, schedule)
    save_raner(trained, tokenizer, path)
    shutil.rmtree(checkpoints)
    print(f"F1 on dev: {dev_f1(trained, tokenizer, run.training):.1f}", flush=True)
