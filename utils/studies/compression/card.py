"""The model card of a compressed model: what it came from, what is gone, what was measured, and how it was made."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from utils.measure.memory import MB
from utils.measure.verdict import Estimate
from utils.model.checkpoint import read_characters
from utils.model.layouts import read_config
from utils.model.pruned_shape import Size, pruning_map, size_of
from utils.studies.compression.plan import Target, peak_rate
from utils.studies.compression.stages import MODEL
from utils.studies.compression.trial import AGAIN, RESULT, Trial
from utils.studies.compression.work import Work
from utils.tagger.tokenizer import CharacterTokenizer

HEADER = ("version", "engine", "ms (p95)", "file MB", "peak MB", "F1 [95 %]")

SHOWN = 300
"""Characters that are gone, at most, that a card lists; what is left stands in the model's `vocab.txt`."""

USES = {
    MODEL: "float32 in safetensors, with the map of what was pruned; `utils.model.torch_tagger.load_tagger` reads it",
    "onnx-int8": "ONNX Runtime, no torch needed: `python -m utils.serving --model DIRECTORY/onnx-int8`",
    "openvino-int8": "OpenVINO, which was the fastest here",
    "torch-int8": "INT8 of torch, which was the fastest here",
}


class Origin(NamedTuple):
    """Where a compressed model comes from: its own name, the model's and the corpus's source, the command."""

    name: str
    model: str
    corpus: str
    command: str


def card(work: Work, trials: Sequence[Trial], trial: Trial, out: Path, folders: Sequence[str], origin: Origin) -> str:
    """The card of what was delivered to `out`, as Markdown.

    Args:
        trials: all that were trained; `trial` is the one that was delivered, `folders` its forms.
    """
    config = read_config(out / MODEL)
    kept, vocabulary = pruning_map(config), read_characters(out / MODEL, config)
    result, before, after = trial.row(RESULT), size_of(work.model), Size(*map(_count, kept[:2]))
    counts = {name: len(split) for name, split in work.corpus._asdict().items()}
    return _template().render(
        origin=origin,
        target=work.target,
        trial=trial,
        trials=trials,
        promises=promises(work.target, trial),
        header=HEADER,
        rule="|---|---|" + "---:|" * (len(HEADER) - 2),
        rows=version_rows(trial),
        machine=result["machine"],
        article=len(work.run.article.text),
        sentences=counts | {"learned": len(work.training.train)},
        types=work.corpus.types,
        texts=len(work.texts),
        left=[
            ("attention heads", before.heads, after.heads),
            ("feed-forward neurons", before.neurons, after.neurons),
            ("vocabulary entries", work.model.config.vocab_size, config.vocab_size),
            ("parameters", work.model.num_parameters(), result["parameters"]),
        ],
        heads=result["heads_per_layer"],
        neurons=result["ffn_per_layer"],
        gone=sorted(_characters(work.tokenizer) - _characters(vocabulary)),
        shown=SHOWN,
        engines=work.recipe.engines,
        recipe=work.recipe,
        rate=peak_rate(config.hidden_size),
        seed=work.run.seed,
        uses=[(folder, USES[folder]) for folder in folders],
    )


def _count(layers: Sequence[Sequence[int]]) -> int:
    return sum(map(len, layers))


def _characters(tokenizer: CharacterTokenizer) -> set[str]:
    """Vocabulary entries that are one character."""
    return {token for token in tokenizer.tokenizer.get_vocab() if len(token) == 1}


def promises(target: Target, trial: Trial) -> list[tuple[str, str, str, str]]:
    """The two parts of the target: what was asked, what was measured, its interval, and the mark of its verdict."""
    first, second = trial.verdicts(target)
    value, interval = _measured(target, trial)
    lost = f"{trial.difference.value:+.2f} points", f"{trial.difference.low:+.2f} to {trial.difference.high:+.2f}"
    return [
        (target.words, value, interval, first.mark),
        (f"F1 at most {target.lose:g} points below the original trained as long", *lost, second.mark),
    ]


def _measured(target: Target, trial: Trial) -> tuple[str, str]:
    """The first part in its own unit."""
    if target.speedup is not None:
        return f"{trial.times.value:.2f} times", f"{trial.times.low:.2f} to {trial.times.high:.2f}"
    if target.milliseconds is not None:
        ms = Estimate(*(target.milliseconds / share for share in trial.reached))
        return f"{ms.value:.1f} ms", f"{ms.high:.1f} to {ms.low:.1f}"
    return f"{trial.row('compressed')['file_bytes'] / MB:.1f} MB", "counted"


def version_rows(trial: Trial) -> list[list[str]]:
    """Original, fair baseline and result as cells below `HEADER`."""
    return [_cells(row) for row in trial.rows if row["f1"] is not None]


def _cells(row: dict) -> list[str]:
    time, size, memory = row["latency_ms"], row["file_bytes"], row["rss_mb"]
    return [
        row["stage"],
        row["backend"],
        f"{time['p50']:.1f} ({time['p95']:.1f})" if time else _as_original(row),
        f"{size / MB:.1f}" if size else _as_original(row),
        f"{memory:.0f}" if memory else _as_original(row),
        f"{row['f1']:.1f} [{row['f1_low']:.1f}, {row['f1_high']:.1f}]",
    ]


def _as_original(row: dict) -> str:
    """Of the fair baseline only F1 is measured: it has the original's size."""
    return "as the original" if row["stage"] == AGAIN else "–"


def _template() -> Template:
    rules = Environment(loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined)
    rules.filters["bars"] = lambda cells: f"| {cells} |"
    return rules.get_template("card.md")
