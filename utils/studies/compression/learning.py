"""The fair baseline, and a cut model that learns again: both take the same training, from the same texts and labels."""

from functools import partial
from pathlib import Path

from utils.compress.batches import make_batches
from utils.compress.recipes import prune_to
from utils.compress.recovery.distillation import distil
from utils.compress.recovery.gradual import gradual_recovery, gradual_targets
from utils.compress.recovery.reconstruction import reconstruct
from utils.compress.training import Schedule, dev_f1
from utils.model.pruned_shape import Size, size_of
from utils.model.raner import RanerModel, piece_limit
from utils.studies.compression.plan import peak_rate
from utils.studies.compression.search import scores
from utils.studies.compression.work import Work, accelerated


def original_again(work: Work) -> RanerModel:
    """The original, trained as long as a cut model is, on the same texts with the same answers, nothing cut."""
    model = work.model
    for part, steps in enumerate(work.recipe.steps, 1):
        model = work.trained(f"original-again-{part}", partial(learned, work, model, steps))
    return model


def cut_and_learned(work: Work, name: str, size: Size) -> RanerModel:
    """The original, cut to this size in steps; after each, it is reconstructed, learns, and is scored anew.

    Where nothing is to be cut, this is the fair baseline itself.
    """
    whole = size_of(work.model)
    if size == whole:
        return original_again(work)

    def prune(model: RanerModel, target: Size) -> RanerModel:
        of = "scores" if model is work.model else f"{name}/scores-of-{'-'.join(map(str, size_of(model)))}"
        cut = prune_to(model, *scores(work, of, model), target)
        return work.saved(f"{name}/cut-to-{'-'.join(map(str, target))}", partial(reconstructed, work, cut))

    def recover(model: RanerModel, step: int) -> RanerModel:
        return work.trained(f"{name}/step-{step}", partial(learned, work, model, work.recipe.steps[step - 1]))

    return gradual_recovery(work.model, gradual_targets(whole, size, len(work.recipe.steps)), prune, recover)


def reconstructed(work: Work, cut: RanerModel) -> RanerModel:
    """A cut model whose parts that are left are mixed so as to do what all of the original's did together."""
    batches = make_batches(work.read_along, work.tokenizer, cut.labels, limit=piece_limit(cut.config))
    return reconstruct(accelerated(cut), accelerated(work.model), batches).cpu()


def learned(work: Work, model: RanerModel, steps: int, out: Path) -> RanerModel:
    """The model after so many steps of distillation from the original: its best one on dev, the start included."""
    schedule = Schedule(learning_rate=peak_rate(model.config.hidden_size), seed=work.run.seed, steps=steps)
    taught = distil(model, work.tokenizer, work.training, out, schedule, work.lessons)
    return max((taught, model), key=lambda one: dev_f1(one, work.tokenizer, work.training))
