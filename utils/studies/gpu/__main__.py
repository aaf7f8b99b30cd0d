"""The command: sessions at both scales with one text and with many, a row each in a file of their own."""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from utils.files import DATA, RUNS, write_atomically
from utils.measure.latency import Rounds
from utils.model.checkpoint import MINI_RANER, load_raner
from utils.model.twin import article_twin
from utils.studies import gpu
from utils.studies.gpu.device import describe
from utils.studies.gpu.rows import BAR, lines_of, too_far
from utils.studies.gpu.session import session_row
from utils.studies.gpu.versions import PROVIDERS, Bench
from utils.studies.recovery_bars import keep_rows
from utils.text.corpus import DEFAULT_CORPUS, load_corpus, read_file

COUNTS, CHARACTERS = (1, 32), 500
"""Texts that are read at once, and the length of each."""

ROUNDS = Rounds(50)

NO_GPU = "torch {} sees no GPU: see 'With a GPU' in README.md. `--device cpu` tries the script, slowly."


def texts_at_once(count: int, sentences: Sequence[str], article: str) -> list[str]:
    """Texts of `CHARACTERS` each: the article alone, as often as that takes, or the corpus's sentences, joined and cut.

    Raises:
        ValueError: the corpus is too short for so many texts.
    """
    joined = "".join(sentences) if count > 1 else article * -(-CHARACTERS // len(article))
    if len(joined) < count * CHARACTERS:
        raise ValueError(f"{len(joined)} characters in the corpus, and {count} texts of {CHARACTERS} are wanted")
    return [joined[first : first + CHARACTERS] for first in range(0, count * CHARACTERS, CHARACTERS)]


def measure_gpu(benches: Mapping[str, Bench], batches: Sequence[Sequence[str]], out: Path, command: str) -> dict:
    """A row for each scale and batch, written to `out` after every row; whole rows of this device are kept.

    Args:
        benches: by scale.
        batches: the texts that are read at once.

    Raises:
        ValueError: `out` holds the rows of another command.
    """
    _forget_incomplete(out)
    jobs = {}
    for scale, bench in benches.items():
        for texts in batches:
            stage = f"{scale}, {len(texts)} at once, on {describe(bench.device)['name']}"
            jobs[stage] = partial(session_row, bench, scale, stage, texts, ROUNDS)
    return keep_rows(out, {"command": command, "bar": BAR}, jobs)


def _forget_incomplete(out: Path) -> None:
    """Take the rows out of a file in which a version was left out."""
    if not out.is_file():
        return
    found = json.loads(out.read_text("utf-8"))
    whole = [row for row in found["rows"] if not row.get("left_out")]
    if len(whole) < len(found["rows"]):
        write_atomically(out, json.dumps(found | {"rows": whole}, indent=2))


def command_line() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=gpu.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=MINI_RANER, help="directory of the model")
    parser.add_argument("--corpus", type=Path, default=DEFAULT_CORPUS, help="directory with train, dev and test")
    parser.add_argument("--device", choices=PROVIDERS, default="cuda", help="(cuda)")
    parser.add_argument("--out", type=Path, default=RUNS / "gpu.json", help="file for the rows, JSON (runs/gpu.json)")
    return parser


def main() -> None:
    parser = command_line()
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        parser.error(NO_GPU.format(torch.__version__))
    os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")  # TensorRT has no other switch for float32 with all its bits
    (model, tokenizer), corpus = load_raner(given.model), load_corpus(given.corpus)
    article, sentences = read_file(DATA / "article.txt")[0].text, [sentence.text for sentence in corpus.train]
    command = f"python -m utils.studies.gpu --model {given.model.name} --device {given.device}"
    given.out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        sized = {"mini": model, "article": article_twin(model)}
        benches = {
            scale: Bench(one, tokenizer, given.device, PROVIDERS[given.device], Path(folder, scale))
            for scale, one in sized.items()
        }
        batches = [texts_at_once(count, sentences, article) for count in COUNTS]
        rows = measure_gpu(benches, batches, given.out, command)["rows"]
    print("\n".join(line for row in rows for line in lines_of(row)))
    if far := too_far(rows):
        sys.exit(f"further than {BAR:g} from torch in float32: {'; '.join(far)}")


if __name__ == "__main__":
    main()
