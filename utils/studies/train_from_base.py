"""The next embedded model: a pre-trained BERT taught to tag, in one training that can be interrupted.

Two batches of annotated sentences (MSRA and our own, names swapped) are followed by one of news without
annotation. There a second head learns the words and names that a lexical tagger sees, from all positions,
and a third one the characters that were masked (Devlin et al. 2019, section 3.1). The learning rate rises,
stays, and falls to 0 at the end (Hu et al. 2024, "MiniCPM", section 4), so that a training may be made
longer afterwards. What is kept is the average of the weights along the way (Polyak and Juditsky 1992).

    python -m utils.studies.train_from_base --msra DIR --news FILE.txt.xz --out DIR

An interrupted run goes on where it stopped when the same command is given again.
"""

import argparse
import copy
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm import tqdm
from transformers import BertTokenizer

from utils.files import write_atomically, written_atomically
from utils.measure.evaluation import evaluate
from utils.model.checkpoint import save_raner
from utils.model.raner import RanerModel
from utils.model.torch_tagger import torch_tagger
from utils.studies.lexical_teacher import LEXICAL_TAGS, packaged_teacher
from utils.studies.mini_batches import BUCKETS, TOKENS_A_BATCH
from utils.studies.mixed_batches import MixedBatches, Mixture, read_news
from utils.studies.pretrained_base import base_vocabulary, character_tagger, packaged_file, read_e5
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.corpus import load_corpus
from utils.text.formats.bracketed import read_bracketed

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

    return {"float32": plain, "bfloat16": bfloat16, "compiled": torch.compile(plain, dynamic=False)}


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


def _tokenizer(path: Path, pieces_of_base: Sequence[str], texts: Sequence[str]) -> CharacterTokenizer:
    """The vocabulary, made once and kept in `path`."""
    if not path.exists():
        write_atomically(path, "".join(f"{token}\n" for token in base_vocabulary(pieces_of_base, texts)))
    return CharacterTokenizer(BertTokenizer(vocab=str(path), do_lower_case=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--msra", type=Path, required=True, help="directory with train, dev, test of MSRA NER")
    parser.add_argument("--news", type=Path, required=True, help="texts without annotation, one a line, .xz")
    parser.add_argument("--characters", type=int, default=6_000_000, help="how much of the news is read (6000000)")
    parser.add_argument("--more", type=Path, help="more annotated sentences, in our own format")
    parser.add_argument("--out", type=Path, required=True, help="directory for checkpoints and the finished model")
    parser.add_argument("--steps", type=int, default=Mixture.steps)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    mixture, own, msra = Mixture(steps=given.steps), load_corpus(), load_corpus(given.msra)
    ours = own.train + (read_bracketed(given.more) if given.more else [])
    sentences = msra.train + ours * mixture.own_copies
    news, base = read_news(given.news, given.characters, packaged_teacher(), mixture.seed), read_e5(packaged_file())
    tokenizer = _tokenizer(given.out / "vocab.txt", base.pieces, [s.text for s in sentences] + news.texts)
    torch.manual_seed(mixture.seed)
    vocabulary = tokenizer.tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    training = Training(Pupil(character_tagger(base, vocabulary)), mixture)
    batches = MixedBatches(sentences, news, tokenizer, mixture)

    def look(model: RanerModel) -> str:
        tagger = torch_tagger(model, tokenizer)
        f1 = {name: evaluate(tagger, dev).scores.f1 for name, dev in (("ours", own.dev), ("MSRA", msra.dev[::4]))}
        return "F1 on dev: " + ", ".join(f"{name} {points:.2f}" for name, points in f1.items())

    finished = train(training, batches, given.out / "state.pt", look)
    save_raner(finished, tokenizer, given.out / "model", torch.float16)
    print(f"{look(finished)}; written: {given.out / 'model'}")


if __name__ == "__main__":
    main()
