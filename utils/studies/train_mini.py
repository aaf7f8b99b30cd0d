"""How the predecessor of the embedded model was made: grown by stacking, from nothing, on two cores.

Three layers learn fastest; doubled by copying to six and then twelve, they keep what they know
(Gong et al. 2019, "Efficient Training of BERT by Progressively Stacking"). While the model is
shallow, a masked-language-model loss (Devlin et al. 2019) on the same masked characters, and on
text without labels, teaches it Chinese beside the tagging.

    python -m utils.studies.train_mini --msra DIR --unlabelled DIR --out DIR

An interrupted run goes on where it stopped when the same command is given again.
"""

import argparse
import copy
from pathlib import Path
from string import Template

import torch
from torch import Tensor, nn
from torch.utils.data import SequentialSampler
from transformers import BertConfig, BertTokenizer, Trainer, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

from utils.measure.evaluation import evaluate
from utils.model.checkpoint import MINI_RANER, load_raner, save_raner
from utils.model.raner import RanerModel
from utils.model.torch_tagger import torch_tagger
from utils.studies.mini_batches import HALF_WIDTH, SPECIALS, TOKENS_A_BATCH, Stage, TrainingBatches, build_vocabulary
from utils.tagger.tagger import Tagger
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.corpus import DEFAULT_CORPUS, load_corpus
from utils.text.entities import Corpus, Sentence
from utils.text.tags import RANER_LABELS

GEOMETRY = {"hidden_size": 192, "num_attention_heads": 12, "intermediate_size": 768, "max_position_embeddings": 512}

STAGES = (
    Stage(3, 3600, 1.5e-3, 300, "constant_with_warmup", 0.2, 2),
    Stage(6, 2400, 8e-4, 100, "constant_with_warmup", 0.2, 2),
    Stage(12, 4600, 6e-4, 150, "linear", 0.0, 4),
)
"""The model doubles twice."""

SAVE_STEPS = 250
"""Steps between two checkpoints."""


class TaggingAndMasking(nn.Module):
    """RaNER beside a masked-LM head that shares the word embeddings."""

    def __init__(self, raner: RanerModel, mlm_weight: float):
        super().__init__()
        self.raner, self.mlm_weight = raner, mlm_weight
        hidden = raner.config.hidden_size
        self.transform = nn.Sequential(nn.Linear(hidden, hidden), nn.GELU(), nn.LayerNorm(hidden))
        self.bias = nn.Parameter(torch.zeros(raner.config.vocab_size))

    def forward(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor, targets: Tensor) -> dict[str, Tensor]:
        out = self.raner(input_ids, attention_mask, labels, output_hidden_states=bool(self.mlm_weight))
        if not self.mlm_weight:
            return {"loss": out.loss}
        masked = targets >= 0
        embeddings = self.raner.bert.embeddings.word_embeddings.weight
        logits = self.transform(out.hidden_states[-1][masked]) @ embeddings.T + self.bias
        return {"loss": out.loss + self.mlm_weight * nn.functional.cross_entropy(logits.float(), targets[masked])}


class OrderedTrainer(Trainer):
    """The Trainer over ready-made batches, in their planned order."""

    def _get_train_sampler(self, *args) -> SequentialSampler:
        return SequentialSampler(self.train_dataset)


def train_stage(
    model: TaggingAndMasking,
    batches: TrainingBatches,
    stage: Stage,
    out: Path,
    seed: int,
) -> None:
    """Train one depth; resumes from the last checkpoint in `out`."""
    arguments = TrainingArguments(
        output_dir=str(out),
        max_steps=stage.steps,
        per_device_train_batch_size=1,
        learning_rate=stage.learning_rate,
        warmup_steps=stage.warmup,
        lr_scheduler_type=stage.schedule,
        weight_decay=0.01,
        bf16=True,
        use_cpu=not torch.cuda.is_available(),
        logging_steps=50,
        save_steps=SAVE_STEPS,
        save_total_limit=2,
        seed=seed,
        report_to=[],
        remove_unused_columns=False,
        dataloader_num_workers=0,
    )
    trainer = OrderedTrainer(model, arguments, train_dataset=batches, data_collator=lambda items: items[0])
    out.mkdir(parents=True, exist_ok=True)
    trainer.train(resume_from_checkpoint=get_last_checkpoint(str(out)))


def grow(model: TaggingAndMasking, stage: Stage) -> TaggingAndMasking:
    """Double the encoder by copying its layers on top of themselves; CRF and heads come along."""
    grown = copy.deepcopy(model)
    layers = grown.raner.bert.encoder.layer
    while len(layers) < stage.layers:
        layers.extend(copy.deepcopy(layers))
    for index, layer in enumerate(layers):
        layer.attention.self.layer_idx = index
    grown.raner.config.num_hidden_layers = len(layers)
    grown.mlm_weight = stage.mlm_weight
    return grown


def new_model(vocabulary_size: int, stage: Stage) -> TaggingAndMasking:
    """An untrained model of the first stage's depth."""
    config = BertConfig(
        vocab_size=vocabulary_size,
        num_hidden_layers=stage.layers,
        id2label=dict(enumerate(RANER_LABELS)),
        label2id={label: i for i, label in enumerate(RANER_LABELS)},
        attn_implementation="eager",
        **GEOMETRY,
    )
    return TaggingAndMasking(RanerModel(config), stage.mlm_weight)


def tie_unseen_to_unknown(model: RanerModel, tokenizer: CharacterTokenizer, texts: list[str]) -> int:
    """Give characters that no training text held the embedding of [UNK]; returns how many."""
    seen = {i for text in texts for c in set(text) for i in tokenizer.pieces(c)}
    seen |= {i for text in texts for c in set(text.translate(HALF_WIDTH)) for i in tokenizer.pieces(c)}
    unseen = [i for i in range(len(SPECIALS), model.config.vocab_size) if i not in seen]
    table = model.bert.embeddings.word_embeddings.weight
    with torch.no_grad():
        table[unseen] = table[tokenizer.tokenizer.unk_token_id].clone()
    return len(unseen)


def prepare_tokenizer(out: Path, texts: list[str]) -> CharacterTokenizer:
    """The vocabulary, made once and kept in `out`."""
    path = out / "vocab.txt"
    if not path.exists():
        path.write_text("".join(f"{token}\n" for token in build_vocabulary(texts)), "utf-8")
    return CharacterTokenizer(BertTokenizer(vocab=str(path), do_lower_case=True))


def train(msra: Path, unlabelled_dir: Path, out: Path, seed: int) -> None:
    """All stages, each resumable; the finished model goes to `data/models/mini-raner`."""
    out.mkdir(parents=True, exist_ok=True)
    corpus = load_corpus(msra)
    unlabelled = [t for p in sorted(unlabelled_dir.glob("*.txt")) for t in p.read_text("utf-8").split("\n") if t]
    own = load_corpus(DEFAULT_CORPUS).train
    texts = [s.text for s in corpus.train + own] + unlabelled
    tokenizer = prepare_tokenizer(out, texts)
    model = None
    for number, stage in enumerate(STAGES, 1):
        torch.manual_seed(seed + number)
        model = grow(model, stage) if model else new_model(len(tokenizer), stage)
        done = out / f"stage-{number}.pt"
        if done.exists():
            model.load_state_dict(torch.load(done, weights_only=True))
            continue
        batches = TrainingBatches(corpus.train + own * stage.own_copies, unlabelled, tokenizer, stage, seed + number)
        train_stage(model, batches, stage, out / f"stage-{number}", seed + number)
        torch.save(model.state_dict(), done)
    print(
        f"{tie_unseen_to_unknown(model.raner, tokenizer, texts)} characters were never seen: they share [UNK]'s vector"
    )
    save_raner(model.raner, tokenizer, MINI_RANER, torch.float16)
    write_card(corpus, len(unlabelled), seed)


def write_card(msra: Corpus, unlabelled: int, seed: int) -> None:
    """Evaluate the shipped model on both test sets and write its `README.md`."""
    model, tokenizer = load_raner(MINI_RANER)
    own, tagger = load_corpus(DEFAULT_CORPUS), torch_tagger(model, tokenizer)
    card = Template((Path(__file__).parent / "model_card.md").read_text("utf-8")).substitute(
        layers=model.config.num_hidden_layers,
        heads=model.config.num_attention_heads,
        hidden_size=model.config.hidden_size,
        scores="\n".join(_score_line(name, tagger, test) for name, test in (("ours", own.test), ("MSRA", msra.test))),
        msra_sentences=f"{len(msra.train):,}",
        own_sentences=f"{len(own.train):,}",
        unlabelled_texts=f"{unlabelled:,}",
        tokens=f"{TOKENS_A_BATCH:,}",
        stages="\n".join(_stage_line(stage) for stage in STAGES),
        seed=seed,
        parameters=f"{model.num_parameters():,}",
        vocabulary=f"{model.config.vocab_size:,}",
    )
    (MINI_RANER / "README.md").write_text(card, "utf-8")


def _stage_line(stage: Stage) -> str:
    rate, schedule = f"{stage.learning_rate:g}", stage.schedule.replace("_", " ")
    cells = (stage.layers, f"{stage.steps:,}", rate, schedule, f"{stage.mlm_weight:g}", stage.own_copies)
    return f"| {' | '.join(map(str, cells))} |"


def _score_line(name: str, tagger: Tagger, sentences: list[Sentence]) -> str:
    evaluation = evaluate(tagger, sentences)
    scores = evaluation.scores
    types = ", ".join(f"{kind} {s.f1:.1f}" for kind, s in scores.by_type.items())
    numbers = f"{scores.precision:.1f} | {scores.recall:.1f} | {scores.f1:.1f}"
    return f"| {name} | {len(sentences):,} | {numbers} | {evaluation.f1_low:.1f}-{evaluation.f1_high:.1f} | {types} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--msra", type=Path, required=True, help="directory with train, dev, test of MSRA NER")
    parser.add_argument("--unlabelled", type=Path, required=True, help="directory of plain .txt files, a text a line")
    parser.add_argument("--out", type=Path, required=True, help="directory for checkpoints")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    train(arguments.msra, arguments.unlabelled, arguments.out, arguments.seed)


if __name__ == "__main__":
    main()
