# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 05 · Recovery
#
# | | |
# |---|---|
# | **You will be able to** | say what a cut broke, not only how much; bring accuracy back by arithmetic, by labels or by a teacher, and say which is worth its time; choose an epoch without fooling yourself; tell what pruning cost from what training gave, and when the test set cannot say |
# | **You need** | [02 · Measuring fairly](02_measuring_fairly.ipynb) and [04 · Pruning](04_pruning.ipynb); head scores come from notebook 03, or are computed here |
# | **Minutes** | shown below the set-up cell, from a measured run |

# %% tags=["parameters"]
run_dir = ""
model = ""
corpus = ""
seed = 1
quick = False

# %% tags=["nbval-ignore-output"]
import copy
from dataclasses import replace
from functools import partial
from time import monotonic

import numpy as np
import torch
from IPython.display import clear_output
from torch.nn.utils import clip_grad_norm_

from utils.compress import recipes, training
from utils.compress.batches import make_batches
from utils.compress.importance import gradients, registry
from utils.compress.recovery import distillation, fine_tuning, gradual
from utils.compress.recovery.reconstruction import reconstruct
from utils.course import report
from utils.course.exercises import nb05 as exercises
from utils.course.figures import base
from utils.course.figures import nb05 as figures
from utils.course.sizes import sizes_of
from utils.course.solutions import solution
from utils.course.tables import table
from utils.course.teaching import check, exercise, predictions, show_minutes
from utils.measure import error_analysis, ledger
from utils.measure.evaluation import evaluate
from utils.measure.run import open_run
from utils.measure.verdict import Verdict, ahead, f1_difference, verdict
from utils.model import pruned_shape
from utils.model.checkpoint import load_raner
from utils.model.torch_tagger import torch_tagger
from utils.studies import pipeline, recovery_race, recovery_seeds
from utils.text import augmentation
from utils.text.corpus import evenly_spaced
from utils.text.entities import Sentence

run = open_run(run_dir, model, corpus, seed, quick)
sizes = sizes_of("05", run)
guesses = predictions(run, "05")
show_minutes("05")

# %% [markdown]
# Notebook 04 took heads and neurons out and left every other weight as it was. The next box of the article's chart (the original, pruned, fine-tuned, quantised, the result) says "微调恢复精度": fine-tuning brings the accuracy back. That is one way of several. Here they compete, **each with the same number of steps** of the optimizer, at most 32 sentences a step. A fast computer makes a step sooner, but no other one: the same steps train the same model everywhere, up to rounding. What they took in seconds is measured, and told at the end.
#
# One rule for the whole notebook: *train* is trained on, *dev* chooses, *test* reports.

# %% tags=["sizes"]
original, tokenizer = run.model()
whole, order = run.training, np.random.default_rng(seed)
mixed = [whole.train[i] for i in order.permutation(len(whole.train))]
data = whole._replace(train=mixed[: sizes.train], dev=evenly_spaced(whole.dev, sizes.dev), test=run.test)
race_schedule = training.Schedule(seed=seed, steps=sizes.steps)
schedule = pipeline.recovery_schedule(run)
print(
    "for the race:", ", ".join(f"{len(sentences)} sentences in {split}" for split, sentences in data._asdict().items())
)
print(f"{race_schedule.steps} steps for each training of the race")
print(f"{schedule.steps} steps, from {len(whole.train)} sentences of train, for what is to be shipped")

# %% [markdown]
# ## What does a cut break?
#
# Four cuts, from mild to strong, each with a **bar**: so many points of F1 may be lost *after* recovery. And one brutal cut without a promise: the race below needs a model that has much to get back, and one that is quick to train.

# %%
cuts = recipes.CUTS | {"brutal": recovery_race.BRUTAL}
targets = {name: recipes.left_after(original, cut) for name, cut in cuts.items()}
table(
    ("cut", "heads gone", "neurons gone", "heads left", "neurons left", "may lose (points)"),
    [(name, f"{cut.heads:.0%}", f"{cut.neurons:.0%}", *targets[name], cut.allowed) for name, cut in cuts.items()],
)

# %% [markdown]
# Which heads go? Those with the lowest score, as in notebook 04, and neurons likewise.

# %% tags=["nbval-ignore-output"]
batches = make_batches(data.train[: sizes.scored], tokenizer, original.labels)
winner, head_scores = pipeline.head_scores(run, original, batches)
neuron_scores = gradients.neuron_importance(original, batches)
pruned = {name: recipes.prune_to(original, head_scores, neuron_scores, target) for name, target in targets.items()}
print("heads are chosen by:", winner)

# %%
check(
    "every cut leaves what it promises",
    all(pruned_shape.size_of(pruned[name]) == target for name, target in targets.items()),
)

# %% [markdown]
# An entity can go wrong in four ways: nobody sees it (**missed**), something is found that overlaps it but begins or ends elsewhere (**wrong boundary**), the right characters get another type (**wrong type**: a person becomes a place), or there was nothing (**spurious**).
#
# **Predict:** which of the four grows most under the brutal cut? And whom does it hit harder, names that stand in *train* or names never seen?

# %%
my_guess = ...


# %% tags=["nbval-ignore-output"]
def tested(tagger_model):
    return evaluate(torch_tagger(tagger_model, tokenizer), data.test, seed)


known = error_analysis.names_of(run.corpus.train)
evaluations = {"original": tested(original)}
evaluations |= {name: tested(pruned[name]) for name in (recipes.STRONGEST, "brutal")}
broken = {name: error_analysis.error_profile(data.test, e.predictions, known) for name, e in evaluations.items()}
figures.error_profile_figure(broken)


# %% tags=["nbval-ignore-output"]
def grown(title):
    """What the brutal cut added to each group of a panel."""
    before, after = broken["original"][title], broken["brutal"][title]
    return {group: after[group] - before[group] for group in before}


_, errors, _ = map(grown, broken["original"])
worst = max(errors, key=errors.get)
answers = [evaluations[name].predictions for name in ("original", "brutal")]
gap = error_analysis.harder_on_new_names(data.test, *answers, known, seed)
hit = {Verdict.YES: "new names", Verdict.NO: "names of train", Verdict.UNSURE: "nobody, surely"}[verdict(gap, 0)]
outcome = f"{worst}, {errors[worst]:+.1f} for every 100 names; harder hit: {hit}"
guesses.reveal("what the brutal cut breaks", my_guess, outcome)
print(f"new names lost {gap.value:+.1f} points of recall more than seen ones ({gap.low:+.1f} to {gap.high:+.1f})")
check("new names suffer more than names seen in train", verdict(gap, 0))

# %% tags=["nbval-ignore-output"]
examples = [
    row for row in error_analysis.error_table(data.test, evaluations["brutal"].predictions) if row.kind == worst
]
table(
    ("annotated", "type", "predicted", "type", "in"),
    [
        (row.gold_text, row.gold_type, row.predicted_text, row.predicted_type, data.test[row.sentence].text)
        for row in examples[:5]
    ],
)

# %% [markdown]
# A name that train shows can be remembered; a new one has to be recognised by its surroundings, which is what heads are for: carrying something from one character to another. So one would expect the ✓. A ✗ says that the memory was damaged as well; a ? that there are too few names of one sort to tell. (A verdict hangs on a whole interval, here of the difference between the two losses: ✓ where all of it lies above the margin, ✗ where all of it lies below, else ?.)
#
# ## Three ways back
#
# | | what it needs | what it changes |
# |---|---|---|
# | **rescaling** | text; the original model | one number for each head and neuron that is left |
# | **fine-tuning** | annotated sentences | every weight |
# | **distillation** | text, better with labels; the original model as a teacher | every weight |
#
# ### Rescaling: let the survivors speak louder
#
# A layer's output has lost the sum of what the removed heads added. Kwon et al. (2022) do not train. They look for one factor for each part that is left, so that the layer's output comes close to what it was:
#
# $$ \min_s \left\| y - \sum_h s_h \, \mathrm{out}_h \right\|^2 $$
#
# That is least squares, solved layer by layer from below, in a moment.
#
# ### Exercise 1: one head, one factor
#
# Say that one head is left. It adds `OUT` to four characters (rows) of two features. All heads together had added `TARGET`. With which factor $s$ does $s \cdot$ `OUT` come closest to `TARGET`, in squared error?
#
# Stuck? `solution("05", 1)` shows one way.

# %%
print(exercises.OUT, exercises.TARGET, sep="\n\n")
my_scale = ...

# %%
exercise(my_scale, exercises.head_scale())

# %% jupyter={"source_hidden": true} tags=["solution"]
out, target = exercises.OUT, exercises.TARGET
my_scale = (out * target).sum() / (out * out).sum()  # where the derivative of the squared error is zero
exercise(my_scale, exercises.head_scale())

# %% [markdown]
# ### Distillation: ask the model that still knows
#
# An annotation says "B-PER". The teacher says "B-PER, though B-ORG would not be absurd, and never E-LOC". The second is more to learn from. A **temperature** $T$ above 1 makes these side remarks louder:
#
# $$ L_\mathrm{soft} = T^2 \, \mathrm{KL}\left( \mathrm{softmax}(z_\mathrm{teacher} / T) \,\|\, \mathrm{softmax}(z_\mathrm{student} / T) \right) $$
#
# ### Exercise 2: the soft loss
#
# Emissions of student and teacher come as two tensors `(positions, tags)`. Write a function `(student, teacher, temperature)` that returns $L_\mathrm{soft}$, the mean over positions, in nats, that is with natural logarithms. (The function takes the student first; in the formula the teacher comes first.) $\mathrm{KL}(p \,\|\, q) = \sum_i p_i \ln (p_i / q_i)$. (`log_softmax(-1)` of a tensor gives the logarithms of its probabilities.)
#
# Stuck? `solution("05", 2)` shows one way.

# %%
print("one position, three tags; teacher:", exercises.TEACHER, "student:", exercises.STUDENT)
my_soft_loss = ...

# %%
exercise(my_soft_loss, exercises.soft_loss_function)


# %% jupyter={"source_hidden": true} tags=["solution"]
def my_soft_loss(student, teacher, temperature):
    log_p = (teacher / temperature).log_softmax(-1)
    log_q = (student / temperature).log_softmax(-1)
    divergence = (log_p.exp() * (log_p - log_q)).sum(-1)
    return temperature**2 * divergence.mean()


exercise(my_soft_loss, exercises.soft_loss_function)

# %% [markdown]
# ### Build it: one step of distillation
#
# Now the whole step, as it is made some thousand times in a long training. Write `my_step(student, teacher, batch, optimizer)`. It
#
# 1. asks the teacher for its emissions: without gradients, and without dropout, which is for those who learn;
# 2. asks the student: `student(**batch)` has `.logits`, the emissions `(batch, length, tags)`, and `.loss`, what fine-tuning minimises (the CRF's);
# 3. adds `ALPHA` times that loss and `1 - ALPHA` times your soft loss, at the temperature `T`, on real positions only: where `batch["attention_mask"]` is 1;
# 4. makes the step: gradients of this batch alone, shortened to `LARGEST_NORM` where they are longer (`clip_grad_norm_` is imported above), then the optimizer;
# 5. returns the loss as a number.
#
# It is tried on two batches and tiny models with random weights, and the student's parameters are compared with those that a step by hand gives. Both models come in training mode, and the student stays in it.
#
# Your step calls `my_soft_loss` of exercise 2. If that is still open: `from utils.compress.recovery.distillation import soft_loss as my_soft_loss`.
#
# Stuck? `solution("05", 3)` shows one way.

# %%
T, ALPHA, LARGEST_NORM = exercises.TEMPERATURE, exercises.ALPHA, exercises.LARGEST_NORM
print(f"T = {T}, ALPHA = {ALPHA}, LARGEST_NORM = {LARGEST_NORM}")
my_step = ...

# %%
exercise(my_step, exercises.distillation_step)


# %% jupyter={"source_hidden": true} tags=["solution"]
def my_step(student, teacher, batch, optimizer):
    teacher.eval()
    with torch.no_grad():
        theirs = teacher(batch["input_ids"], batch["attention_mask"]).logits
    said, real = student(**batch), batch["attention_mask"].bool()
    loss = ALPHA * said.loss + (1 - ALPHA) * my_soft_loss(said.logits[real], theirs[real], T)
    optimizer.zero_grad()
    loss.backward()
    clip_grad_norm_(student.parameters(), LARGEST_NORM)
    optimizer.step()
    return loss.item()


exercise(my_step, exercises.distillation_step)

# %% [markdown]
# ### The race
#
# The brutal cut, three recoveries. `distillation.distil` makes your step again and again, with a better optimizer (AdamW) and a rate that rises and falls; and since a teacher says the same each time, it reads all sentences once, before the first step. That costs seconds and no step. Fine-tuning and distillation make the same steps over the same sentences. (`hidden=0` leaves out a second comparison, that of the layers' outputs. Put it back and see whether it pays.) **Predict:** which one gets furthest on dev, at the best of its epochs? And what does rescaling reach, without any step?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
rescaled = recovery_race.run_rescaling(pruned["brutal"], original, tokenizer, data, batches)
tuned = recovery_race.run_recovery(fine_tuning.fine_tune, pruned["brutal"], tokenizer, data, race_schedule)
by_original = partial(distillation.distil, distillation=distillation.Distillation(original, hidden=0))
taught = recovery_race.run_recovery(by_original, pruned["brutal"], tokenizer, data, race_schedule)
race = {"rescaling": rescaled, "fine-tuning": tuned, "distillation": taught}
clear_output(wait=True)
uncut = {"original": training.dev_f1(original, tokenizer, data)}
base.recovery_figure({name: r.curve for name, r in race.items()}, uncut)

# %% tags=["nbval-ignore-output"]
furthest = sorted(race, key=lambda name: -max(point.f1 for point in race[name].curve))
on_dev = {name: torch_tagger(race[name].model, tokenizer).predict([s.text for s in data.dev]) for name in furthest}
first, *others = furthest
leads = {name: f1_difference(data.dev, on_dev[name], on_dev[first], seed) for name in others}
outcome = f"{ahead(first, leads)}; rescaling alone {rescaled.curve[-1].f1:.1f}"
guesses.reveal("who wins the race", my_guess, outcome)
for name, lead in leads.items():
    print(f"{first} against {name} on dev: {lead.value:+.1f} points, {lead.low:+.1f} to {lead.high:+.1f}")

# %%
check("rescaling leaves every shape as it was", pruned_shape.size_of(rescaled.model) == targets["brutal"])
check(
    "so do fine-tuning and distillation",
    {pruned_shape.size_of(r.model) for r in (tuned, taught)} == {targets["brutal"]},
)


# %% [markdown]
# Dev is asked once before the training and once after each epoch, so a curve has only a few points. The lines between them are drawn, not measured. And dev has chosen the epoch, so the curve flatters, and dev is other sentences than test: compare what was measured on the same ones only. Test has not been asked yet. Two differences matter: against the cut model (did recovery help?) and against the original (is it all back?).


# %% tags=["nbval-ignore-output"]
def difference(a, b):
    """F1 of b minus F1 of a on test, the same sentences resampled for both."""
    return f1_difference(data.test, a.predictions, b.predictions, seed)


def spelled(d):
    return f"{d.value:+.1f} ({d.low:+.1f} to {d.high:+.1f})"


def compared(name, evaluation, *others):
    """One row: F1 on test, and what it is against others."""
    return name, f"{evaluation.scores.f1:.1f}", *(spelled(difference(other, evaluation)) for other in others)


# %% tags=["nbval-ignore-output"]
raced = {name: tested(r.model) for name, r in race.items()}
starts = evaluations["brutal"], evaluations["original"]
ahead_by = difference(raced["fine-tuning"], raced["distillation"])
check("distillation is better than fine-tuning after as many steps", verdict(ahead_by, 0))
table(
    ("recovery of the brutal cut", "F1 on test", "against the cut", "against the original"),
    [compared(name, e, *starts) for name, e in raced.items()],
)

# %% [markdown]
# ### Is it the method, or luck?
#
# One training each, one budget, one seed: a ✓ above would hold for this one race. So there is a study that runs the race with three seeds, each of which draws other sentences of train, and with budgets from short to long. `python -m utils.studies.recovery_seeds` makes it; until then the picture is empty. Left: does the winner depend on the budget? Right, for fine-tuning: what more sentences bring. **Predict:** do teacher and labels come closer with more steps, or drift apart?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
rows = recovery_seeds.read_rows()
panels = {"steps of the optimizer": "steps", "annotated sentences": "sentences"}
figures.seeds_figure({name: recovery_seeds.curves(rows, by) for name, by in panels.items()})

# %% tags=["nbval-ignore-output"]
ahead_after = recovery_seeds.distillation_ahead(rows)
outcome = "; ".join(f"{steps} steps: {spelled(d)}" for steps, d in ahead_after.items())
guesses.reveal("distillation against fine-tuning, by steps", my_guess, outcome or "not measured yet")
for steps, d in ahead_after.items():
    check(f"distillation is better after {steps} steps, whatever the seed", verdict(d, 0))

# %% [markdown]
# These intervals, where the study is there, are over seeds, by Student's $t$, and three seeds make them wide. A method that wins by less than seeds differ has not won: then choose by what you have, labels or a teacher.
#
# ### Where can rescaling work?
#
# Rescaling makes a layer's *output* come closer to what it was, in squared error. Nobody asked F1. It needs two things: something was lost, and what is left has enough to say to stand in for it. **Predict:** how many points does it bring to the strongest of the four cuts, which keeps a third of the neurons, and how many to the brutal one?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
rescued = recovery_race.run_rescaling(pruned[recipes.STRONGEST], original, tokenizer, data, batches)
louder = {recipes.STRONGEST: tested(rescued.model), "brutal": raced["rescaling"]}
brought = {name: difference(evaluations[name], e) for name, e in louder.items()}
guesses.reveal("what rescaling brings", my_guess, ", ".join(f"{n}: {d.value:+.1f}" for n, d in brought.items()))
table(
    ("cut, rescaled", "F1 on test", "against the cut", "against the original"),
    [compared(name, e, evaluations[name], evaluations["original"]) for name, e in louder.items()],
)

# %% tags=["nbval-ignore-output"]
for name, d in brought.items():
    check(f"rescaling helps {name}", verdict(d, 0))
share = {
    name: d.value / (evaluations["original"].scores.f1 - evaluations[name].scores.f1) for name, d in brought.items()
}
print("of what the cut took, it brings back:", ", ".join(f"{name}: {part:.0%}" for name, part in share.items()))

# %% [markdown]
# Compare the shares, not the points: a mild cut has few points to give back. Where few parts are left, no loudness makes them say what they never knew. Kwon et al. rescale mild cuts, in which most is left, and there it costs no label and no step.
#
# ### A whole matrix instead of one number a part?
#
# Behind the parts of a sublayer stands a matrix that mixes them into its output. Rescaling turns one knob for each of its groups of columns. Least squares can find *all* its entries just as well, and the bias with them. This is **reconstruction**: `reconstruct` mixes what is left anew, so that it comes as close as it can to what all parts said together (He et al. 2017 did so with the channels of image networks). No labels, no steps; but it has thousands of numbers to find instead of dozens, so it reads more text. Plain texts will do. **Predict:** how many points does it bring to the brutal cut, on top of what rescaling brought?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
texts = run.unlabelled or [sentence.text for sentence in data.train]
plain_texts = [Sentence(text) for text in evenly_spaced(texts, sizes.plain)]
plain = make_batches(plain_texts, tokenizer, original.labels)
anew, seconds_anew = {}, {}
for name in louder:
    start = monotonic()
    rebuilt = reconstruct(pruned[name], original, plain)
    seconds_anew[name] = monotonic() - start
    anew[name] = tested(rebuilt)

# %% tags=["nbval-ignore-output"]
on_top = {name: difference(louder[name], e) for name, e in anew.items()}
guesses.reveal("what a matrix brings", my_guess, ", ".join(f"{n}: {d.value:+.1f}" for n, d in on_top.items()))
for name, d in on_top.items():
    check(f"a whole matrix brings {name} more than a number for each part", verdict(d, 0))
table(
    ("cut, reconstructed", "F1 on test", "against the cut, rescaled", "against the original"),
    [compared(name, e, louder[name], evaluations["original"]) for name, e in anew.items()],
)

# %% [markdown]
# It needs no labels and makes no step of the optimizer; its seconds stand in the last table. It is no rival of the others: training begins where it ends. Notebook 08's own versions and `make compress` reconstruct each cut before they teach it.
#
# ### The line that is missing
#
# If a recovered model *beats* the original, did pruning make it better? It was trained on these sentences a little longer; the original was not. **Predict:** what does the original reach with the same extra training?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
again = pipeline.fair_baseline(run, original, tokenizer, schedule)
clear_output(wait=True)
untouched, fair = evaluations["original"], tested(again)
guesses.reveal("the original, trained again", my_guess, f"{fair.scores.f1:.1f} after {untouched.scores.f1:.1f}")
print(f"what training alone gives or takes: {spelled(difference(untouched, fair))} points")

# %% [markdown]
# This is the **fair baseline**: the original with the same training, on the same sentences. What that training gives, or takes, is not the cut's doing; what pruning really costs is the distance to the original **trained again**. Papers that compare a fine-tuned small model with an untouched large one report the sum of both.
#
# ## All at once, or little by little?
#
# Gradual pruning cuts a part, recovers, *scores again*, and cuts on. The promise: heads that turn out to be needed after the first cut can still be kept. The cost: the same training is shared among the cuts. **Predict:** who wins after equally many steps of the optimizer?

# %%
my_guess = ...

# %%
cuts_in_a_row = 3
small_targets = gradual.gradual_targets(pruned_shape.size_of(original), targets["brutal"], cuts_in_a_row)
table(("cut", "heads left", "neurons left"), [(i, *target) for i, target in enumerate(small_targets, 1)])

# %%
stages = []
scored_by = registry.SCORES.get(winner, gradients.michel_per_example)
part_of_race = replace(race_schedule, steps=race_schedule.steps // cuts_in_a_row)


def prune(m, target):
    if m is original:
        return recipes.prune_to(m, head_scores, neuron_scores, target)  # scored above
    return recipes.prune_to(m, scored_by(m, batches), gradients.neuron_importance(m, batches), target)


def recover_stage(m, number):
    stages.append(recovery_race.run_recovery(fine_tuning.fine_tune, m, tokenizer, data, part_of_race))
    return stages[-1].model


# %% tags=["nbval-ignore-output"]
gradually = gradual.gradual_recovery(original, small_targets, prune, recover_stage)
clear_output(wait=True)
gradual_curve = recovery_race.concatenate_curves([stage.curve for stage in stages])
base.recovery_figure({"one shot": tuned.curve, "gradual": gradual_curve}, uncut)

# %% tags=["nbval-ignore-output"]
raced["gradual"] = tested(gradually)
d = difference(raced["fine-tuning"], raced["gradual"])
guesses.reveal("gradual or one shot", my_guess, f"gradual against one shot: {spelled(d)} points on test")
check("gradual pruning is better than one shot after as many steps", verdict(d, 0))

# %%
check("both end at the same size", pruned_shape.size_of(gradually) == pruned_shape.size_of(tuned.model))

# %% [markdown]
# Each drop of the curve is a cut. Early steps of the gradual way cost more time: its model is still large. And it scores again before each cut, which is no step at all. A ? says that this test set cannot tell the two apart; then take the simpler one.
#
# ## How many sentences does it need?
#
# Annotations cost more than steps. Fine-tuning again, as many steps, with fewer sentences, each of them seen more often. One line has a hundred annotated sentences and copies of them with **other names in the same places**, drawn from these sentences and from lists of names.
#
# **Predict:** of the points that all sentences of the race bring back, how many do a hundred bring back? Will the copies help?

# %%
my_guess = ...

# %% tags=["sizes"]
hundred = data.train[:100]
amounts = {"100": hundred, "200": data.train[:200]}
amounts["100 and copies"] = hundred + augmentation.swapped_copies(
    hundred, augmentation.name_pool(hundred), copies=8, seed=seed
)
print(", ".join(f"{name}: {len(sentences)} sentences" for name, sentences in amounts.items()))
print(hundred[0].text, amounts["100 and copies"][100].text, sep="\n")

# %% tags=["nbval-ignore-output"]
fed = {
    name: recovery_race.run_recovery(
        fine_tuning.fine_tune, pruned["brutal"], tokenizer, data._replace(train=sentences), race_schedule
    )
    for name, sentences in amounts.items()
}
clear_output(wait=True)
base.recovery_figure({name: r.curve for name, r in (fed | {"all": tuned}).items()}, uncut)

# %% tags=["nbval-ignore-output"]
taught_by = {name: tested(r.model) for name, r in fed.items()} | {"all": raced["fine-tuning"]}
lost, back, least = (e.scores.f1 for e in (evaluations["brutal"], taught_by["all"], taught_by["100"]))
outcome = f"{least - lost:+.1f} points on test, where all bring {back - lost:+.1f}"
guesses.reveal("what a hundred sentences bring", my_guess, outcome)
table(
    ("sentences", "F1 on test", "against the cut", "against 100 sentences"),
    [compared(name, e, evaluations["brutal"], taught_by["100"]) for name, e in taught_by.items()],
)

# %% tags=["nbval-ignore-output"]
read = {name: len(sentences) for name, sentences in (amounts | {"all": data.train}).items()}
by_hand = {read[name]: taught_by[name] for name in ("100", "200", "all")}
figures.amounts_figure(by_hand, {"with copies": (100, taught_by["100 and copies"])}, evaluations["brutal"])

# %% tags=["nbval-ignore-output"]
more = {name: difference(taught_by["100"], taught_by[name]) for name in ("100 and copies", "all")}
check("copies with other names are better than none", verdict(more["100 and copies"], 0))
check("all sentences are better than a hundred", verdict(more["all"], 0))
check("all sentences are better than two hundred", verdict(difference(taught_by["200"], taught_by["all"]), 0))

# %% [markdown]
# Each point is one training, with its interval over test sentences. The axis is logarithmic: twice as many sentences are the same step to the right everywhere. Where the curve flattens, more annotations buy less. New names in old sentences teach that names change. They do not teach a new sentence, and some of the old ones stop making sense. (One seed each: what a ✓ above is worth depends on how far seeds alone move an F1, which is shown further down.)
#
# ## When does learning become learning by heart?
#
# A hundred sentences once more, twice as many steps: each sentence is read again and again. The loss on *these* sentences can only fall. **Predict:** what does F1 on dev do meanwhile, and at which part of the way is it best?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
few, twice = data._replace(train=hundred), replace(race_schedule, steps=2 * race_schedule.steps)
longer = recovery_race.run_recovery(fine_tuning.fine_tune, pruned["brutal"], tokenizer, few, twice)
clear_output(wait=True)
kept, last = max(longer.curve, key=lambda point: point.f1), longer.curve[-1]
outcome = f"{kept.f1:.1f} at its best, step {kept.step} of {last.step}; {last.f1:.1f} at the end"
guesses.reveal("a hundred sentences, twice the steps", my_guess, outcome)
figures.overfitting_figure(longer.curve, kept)

# %% tags=["nbval-ignore-output"]
middle = longer.curve[len(longer.curve) // 2]
print(f"second half: loss {middle.loss:.4f} to {last.loss:.4f}, F1 on dev {middle.f1:.1f} to {last.f1:.1f}")
check("the loss goes on falling in the second half", last.loss < middle.loss)

# %% [markdown]
# The loss says how well the model knows *these* hundred. Dev says what that is worth elsewhere: compare what the two do in the second half. `fine_tune` keeps the epoch with the best F1 on dev (the dashed line), whatever came after.
#
# Was that wise? A curve on few dev sentences jumps, and its best point is partly luck. So ask the test set, which had no say: the model that dev chose, against the one that the training ended with. **Predict:** by how many points is the chosen one better?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
chosen, ended = tested(longer.model), tested(longer.last)
d = difference(ended, chosen)
guesses.reveal("the epoch that dev chose", my_guess, f"{spelled(d)} points against the last one")
check("the epoch that dev chose is better than the last one", verdict(d, 0))
print("the chosen one, against half as many steps:", spelled(difference(taught_by["100"], chosen)))

# %% [markdown]
# ✓: in this training the model went on learning these hundred by heart, and others paid for it; another seed may stop elsewhere. ? or ✗: on this data a large loss of F1 does not come from too many steps. A model that was trained before forgets slowly, and the falling learning rate lets it change less and less. The last line asks something less dramatic: what did twice as many steps bring? Where its interval holds 0, nothing that this test set could show.
#
# ### Exercise 3: which epoch, which number?
#
# A training that nobody made. Which epoch do you keep, and which F1 do you report? A list of two numbers.
#
# Stuck? `solution("05", 4)` shows one way.

# %%
table(exercises.COLUMNS, exercises.CURVE)

# %%
my_choice = [..., ...]

# %%
exercise(my_choice, exercises.kept_epoch)

# %% jupyter={"source_hidden": true} tags=["solution"]
epoch, _, _, on_test = max(exercises.CURVE, key=lambda row: row[2])  # dev chooses
my_choice = [epoch, on_test]  # test reports
exercise(my_choice, exercises.kept_epoch)

# %% [markdown]
# ### And when it breaks altogether?
#
# Two accidents: a learning rate that is far too high, and a single weight that is NaN, as a division by zero in somebody's pruning script leaves it. **Predict:** which of the two does an error message tell you about?

# %%
my_guess = ...


# %% tags=["nbval-ignore-output"]
def attempt(start, **changes):
    short = replace(race_schedule, steps=race_schedule.steps // 4, **changes)
    try:
        found = recovery_race.run_recovery(fine_tuning.fine_tune, start, tokenizer, data, short)
    except training.DivergedError as error:
        return str(error)
    return f"no error; F1 on dev {found.curve[-1].f1:.1f}"


poisoned = copy.deepcopy(pruned["brutal"])
poisoned.classifier.weight.data[0, 0] = np.nan
accidents = {"rate of 100": attempt(pruned["brutal"], learning_rate=100), "one NaN": attempt(poisoned)}
clear_output(wait=True)
outcome = "; ".join(f"{accident}: {said}" for accident, said in accidents.items())
guesses.reveal("which accident is told", my_guess, outcome)

# %%
check("one NaN stops the training, at its first step", "loss is nan at step 1," in accidents["one NaN"])

# %% [markdown]
# One NaN makes every number NaN that it meets, after the first update every weight, and no later step repairs it. A training that goes on regardless wastes the night and saves a model that tags nothing; here it stops, and names step and batch. What the rate of 100 does depends on how far its steps throw the weights. Either the loss stops being a number after some steps, and the training ends as well. Or it stays one, and that is the worse accident: only dev then knows that the model is gone. So look at both.
#
# ## Do the four cuts hold their bars?
#
# Now the cuts that one would ship, each fine-tuned on train, with the steps that the original above was trained again with: the course's one recovery, `pipeline.recovery_schedule`. It is short, so that one notebook can train them all alike: in a full run 16 steps of at most 32 sentences, which read a third of our *train* once. So a ✗ speaks of this budget. With more steps the same cut may hold its bar. And two **controls** for the strongest: as large, recovered alike, but chance says which heads go, or which neurons. **Predict:** which of the four will miss its bar? And how far behind are the controls?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
strongest = recipes.STRONGEST
by_chance = {
    f"{strongest}, random heads": (recipes.at_random(head_scores, seed), neuron_scores),
    f"{strongest}, random neurons": (head_scores, recipes.at_random(neuron_scores, seed)),
}
shipped = {name: pruned[name] for name in recipes.CUTS}
shipped |= {name: recipes.prune_to(original, *scores, targets[strongest]) for name, scores in by_chance.items()}
recovered = {
    name: pipeline.trained(run, f"{name.replace(', ', '-').replace(' ', '-')}-recovered", m, tokenizer, schedule)
    for name, m in shipped.items()
}
clear_output()

# %% tags=["nbval-ignore-output"]
after_recovery = {name: tested(m) for name, m in recovered.items()}
bars = {name: recipes.judge(cut, data.test, fair, after_recovery[name], seed) for name, cut in recipes.CUTS.items()}
missed = ", ".join(name for name, bar in bars.items() if bar.verdict is Verdict.NO) or "none for sure"
guesses.reveal("who misses the bar", my_guess, missed)
allowed = {name: f"-{bar.allowed}" for name, bar in bars.items()}
table(
    ("cut, recovered", "F1 on test", "against the untouched original", "against the original trained again", "bar"),
    [(*compared(name, e, untouched, fair), allowed.get(name, "")) for name, e in after_recovery.items()],
)

# %% tags=["nbval-ignore-output"]
for name, bar in bars.items():
    check(f"{name}: at most {bar.allowed} points lost", bar.verdict)
for name in by_chance:
    better = difference(after_recovery[name], after_recovery[strongest])
    check(f"the scores' choice is better than {name}", verdict(better, 0))

# %% tags=["nbval-ignore-output"]
shown = {"original": untouched, "trained again": fair} | after_recovery
base.f1_figure({"after recovery": {name: (e.scores.f1, e.f1_low, e.f1_high) for name, e in shown.items()}})

# %% [markdown]
# Read the column before the last. (An end of an interval that looks equal to the bar was rounded for the table; for the verdict it was not.) Against the untouched original a recovered model may look like a gift, or like a greater loss than it is; against the original with the same training stands what the cut costs. And look at the controls: where they come close, it is the training that does the work, and less the choice of what goes.
#
# ### And with another seed?
#
# The intervals say how far other *sentences* could move a difference. Another seed moves it too, by another order of the batches. (This model has no dropout.) So a deeper cut may well come out above a milder one. The mildest and the strongest cut were recovered with five seeds, once, by `python -m utils.studies.seed_spread`:

# %%
spread = recovery_seeds.seeds_of_cuts()
table(
    ("cut", "seeds", "lowest F1", "highest F1", "apart"),
    [(cut, len(f1), f"{min(f1):.1f}", f"{max(f1):.1f}", f"{max(f1) - min(f1):.1f}") for cut, f1 in spread.items()],
)

# %% [markdown]
# Hold the last column against the bars: where it is as wide as what may be lost, one training proves little, whatever its interval over sentences says.
#
# A ? is an honest answer. A test set of this size can show a loss of several points, not one of a few tenths. The same experiment was made on a thousand sentences of the test set of MSRA, a public corpus of another kind of news. It takes too long for a notebook. About as many sentences as ours give no sharper answer (see how many bars stay a ? there, too), but another text may tell another story. `python -m utils.studies.recovery_bars --corpus DIR --out data/reference/recovery-msra.json` makes the table below (`DIR` holds MSRA; `--sentences` and `--test` take a part). Read its second row first. Where the original *loses* by being trained again, the fair baseline is the easier one to hold a cut against, and whoever ships a model holds it against the untouched original as well:

# %%
report.study_table()

# %% [markdown]
# ## Which recovery is worth its time?
#
# All that this notebook recovered from the brutal cut, in one table: points of F1 on test above the cut model, and the seconds that they took. **Predict** the first line.

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
seconds = {name: r.seconds for name, r in race.items()} | {"gradual": sum(stage.seconds for stage in stages)}
seconds |= {f"fine-tuning, {name}": r.seconds for name, r in fed.items()} | {"reconstruction": seconds_anew["brutal"]}
paid = raced | {f"fine-tuning, {name}": taught_by[name] for name in fed} | {"reconstruction": anew["brutal"]}
gained = {name: e.scores.f1 - evaluations["brutal"].scores.f1 for name, e in paid.items()}
ranked = sorted(paid, key=lambda name: -gained[name])
table(
    ("recovery", "points gained", "seconds", "points per second"),
    [(n, f"{gained[n]:+.1f}", f"{seconds[n]:.1f}", f"{gained[n] / seconds[n]:+.2f}") for n in ranked],
)

# %% tags=["nbval-ignore-output"]
most, *others = ranked
leads = {name: difference(paid[name], paid[most]) for name in others}
guesses.reveal("most points gained", my_guess, ahead(most, leads))
for name in ("rescaling", "reconstruction"):
    trained_more = difference(paid[name], paid["fine-tuning"])
    check(f"training is worth its time: fine-tuning gains more than {name}", verdict(trained_more, 0))

# %% [markdown]
# The seconds are those of the whole call, loading the best epoch included, and each was timed once: neighbours in that column cannot be ranked. Points per second favour whoever stops early; points in all favour whoever had labels. Where there are none, rescaling, reconstruction and distillation remain.
#
# ## For the notebooks that follow
#
# The original with the same training and the recovered cuts lie in the run's folder, so that no notebook trains them again. The strongest of them and the fair baseline go into the ledger.

# %% tags=["nbval-ignore-output"]
path = run.artifacts / "mini" / f"{strongest}-recovered-seed{seed}"
saved, _ = load_raner(path)
found = {
    "recovered": ledger.Measured(saved, after_recovery[strongest], path=path),
    "original-again": ledger.Measured(again, fair),
}
rows = [ledger.make_row(stage, "05", "mini", "torch-fp32", measured) for stage, measured in found.items()]
for row in rows:
    run.ledger.append(row)
print(f"F1 {rows[0]['f1']:.1f} with {rows[0]['parameters'] / rows[1]['parameters']:.0%} of the parameters")

# %%
check("what is on disk has the heads and neurons of its cut", pruned_shape.size_of(saved) == targets[strongest])

# %% [markdown]
# ## Your predictions

# %% tags=["nbval-ignore-output"]
guesses.review()

# %% [markdown]
# ## What you know now
#
# - A cut does not hurt evenly. Look at kinds of error and at new names, not only at one F1.
# - Rescaling and reconstruction need no label and no training, and promise less; reconstruct first, then train. Whether labels or a teacher teach better depends on your data; equal steps are the fair way to ask.
# - Give the original the same training before you praise the cut, and let chance choose once before you praise the score.
# - Where the interval holds the margin, the answer is "cannot tell", not the point in its middle.
# - Dev chooses, test reports, and a training loss proves nothing but memory.
# - A loss that is no number must stop a training at once.
#
# **Papers:** [Hinton et al. 2015](https://arxiv.org/abs/1503.02531) on distillation, [Kwon et al. 2022](https://arxiv.org/abs/2204.09656) on rescaling, [He et al. 2017](https://arxiv.org/abs/1707.06168) on reconstruction, [Zhu and Gupta 2017](https://arxiv.org/abs/1710.01878) on cutting in steps.
#
# **Next:** [06 · Dynamic quantisation](06_dynamic_quantization.ipynb) takes bits instead of parts. Notebook 08 puts recovery between the two. Notebook 10 asks whether a small student, taught from the start, would have been better than a large model cut down.
