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
# | **You will be able to** | say what a cut broke, not only how much; bring accuracy back by arithmetic, by labels or by a teacher, and say which is worth its time; choose an epoch without fooling yourself; tell what pruning cost from what training gave |
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

import numpy as np
from IPython.display import clear_output

from utils.compress import recipes, training
from utils.compress.batches import make_batches
from utils.compress.importance import gradients, registry
from utils.compress.recovery import distillation, fine_tuning, gradual
from utils.course import report
from utils.course.exercises import nb05 as exercises
from utils.course.figures import base
from utils.course.figures import nb05 as figures
from utils.course.sizes import sizes_of
from utils.course.tables import table
from utils.course.teaching import check, exercise, reveal, show_minutes
from utils.measure import error_analysis, ledger
from utils.measure.bootstrap import paired_bootstrap
from utils.measure.evaluation import evaluate
from utils.measure.run import open_run
from utils.model import pruned_shape
from utils.model.checkpoint import load_raner, save_raner
from utils.model.torch_tagger import torch_tagger
from utils.studies import pipeline, recovery_race
from utils.text import augmentation

run = open_run(run_dir, model, corpus, seed, quick)
sizes = sizes_of("05", run)
show_minutes("05")

# %% [markdown]
# Notebook 04 took heads and neurons out and left every other weight as it was. The next box of the article's chart says "微调恢复精度": fine-tuning brings the accuracy back. That is one way of several. Here they compete, **each with the same number of seconds**, because time is what you pay with.
#
# One rule for the whole notebook: *train* is trained on, *dev* chooses, *test* reports.

# %% tags=["sizes"]
original, tokenizer = run.model()
shuffled = [run.corpus.train[i] for i in np.random.default_rng(seed).permutation(len(run.corpus.train))]
data = run.corpus._replace(
    train=shuffled[: sizes.train],
    dev=run.corpus.dev[: sizes.dev],
    test=run.test,
)
budget, long_budget = sizes.seconds, sizes.long_seconds
schedule = training.Schedule(epochs=100, seed=seed, seconds=budget)
long_schedule = replace(schedule, seconds=long_budget)
print(", ".join(f"{len(sentences)} sentences in {split}" for split, sentences in data._asdict().items()))
print(f"{budget} seconds for each training of the race, {long_budget} for what is to be shipped")

# %% [markdown]
# ## What does a cut break?
#
# Four cuts, from mild to strong, each with a **bar**: so many points of F1 may be lost *after* recovery. And one brutal cut without a promise, so that there is something to see.

# %%
cuts = recipes.CUTS | {"brutal": recipes.Cut(heads=0.90, neurons=0.95, allowed=100)}
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
# An entity can go wrong in four ways: nobody sees it (**missed**), its edge is off by a character (**wrong boundary**), a person becomes a place (**wrong type**), or there was nothing (**spurious**).
#
# **Predict:** which of the four grows most under the brutal cut? And whom does it hit harder, names that stand in *train* or names never seen?

# %%
my_guess = ...


# %% tags=["nbval-ignore-output"]
def tested(tagger_model):
    return evaluate(torch_tagger(tagger_model, tokenizer), data.test, seed)


known = error_analysis.names_of(data.train)
evaluations = {"original": tested(original)} | {name: tested(m) for name, m in pruned.items()}
broken = {name: error_analysis.error_profile(data.test, e.predictions, known) for name, e in evaluations.items()}
figures.error_profile_figure(broken)

# %% tags=["nbval-ignore-output"]
types, errors, names = (
    {group: after - before for (group, before), after in zip(whole.items(), cut.values(), strict=True)}
    for whole, cut in zip(broken["original"].values(), broken["brutal"].values(), strict=True)
)
worst, hit = max(errors, key=errors.get), min(names, key=names.get)
reveal(my_guess, f"{worst}, {errors[worst]:+.1f} for every 100 names; harder hit: {hit}, {names[hit]:+.1f} % found")
check("new names suffer more than names seen in train", hit == "new")

# %% tags=["nbval-ignore-output"]
examples = [
    row for row in error_analysis.error_table(data.test, evaluations["brutal"].predictions) if row.kind == worst
]
table(
    ("annotated", "type", "predicted", "type", "in"),
    [(row.gold_text, row.gold_type, row.predicted_text, row.predicted_type, data.test[row.sentence].text)
     for row in examples[:5]],
)  # fmt: skip

# %% [markdown]
# A name that train shows can be remembered; a new one has to be recognised by its surroundings, which is what heads are for: carrying something from one character to another. So one would expect the ✓. Where it is a ✗, the memory was damaged as well, or there are too few names of one sort to tell.
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
# ### Exercise 2: the soft loss by hand
#
# One character, three tags, the emissions of teacher and student, $T = 2$. How large is $L_\mathrm{soft}$, in nats? $\mathrm{KL}(p \,\|\, q) = \sum_i p_i \ln (p_i / q_i)$.

# %%
print(exercises.TEACHER, exercises.STUDENT, exercises.TEMPERATURE)
my_loss = ...

# %%
exercise(my_loss, exercises.soft_loss_by_hand())


# %% jupyter={"source_hidden": true} tags=["solution"]
def soft(emissions):
    odds = np.exp(emissions / exercises.TEMPERATURE)
    return odds / odds.sum()


p, q = soft(exercises.TEACHER), soft(exercises.STUDENT)
my_loss = exercises.TEMPERATURE**2 * (p * np.log(p / q)).sum()
exercise(my_loss, exercises.soft_loss_by_hand())

# %% [markdown]
# ### The race
#
# The brutal cut, three recoveries. The clock of distillation also runs while the teacher reads the sentences. (`hidden=0` leaves out a second comparison, that of the layers' outputs. Put it back and see whether it pays within the budget.) **Predict:** which one is ahead at the end of the budget? And what does rescaling reach, without any training?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
rescaled = recovery_race.run_rescaling(pruned["brutal"], original, tokenizer, data, batches)
tuned = recovery_race.run_recovery(fine_tuning.fine_tune, pruned["brutal"], tokenizer, data, schedule)
by_original = partial(distillation.distil, distillation=distillation.Distillation(original, hidden=0))
taught = recovery_race.run_recovery(by_original, pruned["brutal"], tokenizer, data, schedule)
race = {"rescaling": rescaled, "fine-tuning": tuned, "distillation": taught}
clear_output(wait=True)
whole = {"original": training.dev_f1(original, tokenizer, data)}
base.recovery_figure({name: r.curve for name, r in race.items()}, whole)

# %% tags=["nbval-ignore-output"]
best = {name: max(point.f1 for point in r.curve) for name, r in race.items()}
ahead = max(best, key=best.get)
reveal(my_guess, f"{ahead} with {best[ahead]:.1f} on dev; rescaling alone {race['rescaling'].curve[-1].f1:.1f}")

# %%
check("rescaling leaves every shape as it was", pruned_shape.size_of(rescaled.model) == targets["brutal"])
check(
    "so do fine-tuning and distillation",
    {pruned_shape.size_of(r.model) for r in (tuned, taught)} == {targets["brutal"]},
)


# %% [markdown]
# Dev has chosen the epoch, so the curve flatters a little. Test has not been asked yet. Two differences matter: against the cut model (did recovery help?) and against the original (is it all back?).


# %% tags=["nbval-ignore-output"]
def spelled(d):
    return f"{d.f1:+.1f} ({d.low:+.1f} to {d.high:+.1f})"


def compared(name, evaluation, *others):
    """One row: F1 on test, and what it is against other models, paired."""
    pairs = [paired_bootstrap(data.test, evaluations[o].predictions, evaluation.predictions, seed) for o in others]
    return name, f"{evaluation.scores.f1:.1f}", *map(spelled, pairs)


raced = {name: tested(r.model) for name, r in race.items()}
table(("recovery of the brutal cut", "F1 on test", "against the cut", "against the original"),
      [compared(name, e, "brutal", "original") for name, e in raced.items()])  # fmt: skip

# %% [markdown]
# Rescaling makes a layer's *output* come closer to what it was, in squared error. Nobody asked F1. Where it brings nothing here, the few parts left had too little to say, however loud.
#
# ### The line that is missing
#
# If a recovered model *beats* the original, did pruning make it better? It was trained on these sentences a little longer; the original was not. **Predict:** what does the original reach with the same extra training?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
again = recovery_race.run_recovery(fine_tuning.fine_tune, original, tokenizer, data, long_schedule)
clear_output(wait=True)
evaluations["original, trained again"] = tested(again.model)
before, after = (evaluations[name].scores.f1 for name in ("original", "original, trained again"))
reveal(my_guess, f"{after:.1f} after {before:.1f}")
gain = paired_bootstrap(data.test, *(evaluations[n].predictions for n in ("original", "original, trained again")), seed)
print(f"what training alone gives: {spelled(gain)} points")

# %% [markdown]
# This is the honest baseline. A gain above the *original* belongs to the training; what pruning really costs is the distance to the original **trained again**. Papers that compare a fine-tuned small model with an untouched large one report the sum of both.
#
# ## All at once, or in steps?
#
# Gradual pruning cuts a part, recovers, *scores again*, and cuts on. The promise: heads that turn out to be needed after the first cut can still be kept. The price: the same seconds are shared among the steps. **Predict:** who wins at equal training time?

# %%
my_guess = ...

# %%
steps = 3
targets_in_steps = gradual.gradual_targets(pruned_shape.size_of(original), targets["brutal"], steps)
table(("step", "heads left", "neurons left"), [(i, *target) for i, target in enumerate(targets_in_steps, 1)])

# %%
stages = []
scored_by = registry.SCORES.get(winner, gradients.michel_per_example)


def prune(m, target):
    scores = scored_by(m, batches), gradients.neuron_importance(m, batches)
    return recipes.prune_to(m, *scores, target)


def recover_step(m, step):
    share = replace(schedule, seconds=budget / steps)
    stages.append(recovery_race.run_recovery(fine_tuning.fine_tune, m, tokenizer, data, share))
    return stages[-1].model


# %% tags=["nbval-ignore-output"]
in_steps = gradual.gradual_recovery(original, targets_in_steps, prune, recover_step)
clear_output(wait=True)
in_steps_curve = recovery_race.concatenate_curves([stage.curve for stage in stages])
base.recovery_figure({"one shot": tuned.curve, f"{steps} steps": in_steps_curve}, whole)

# %% tags=["nbval-ignore-output"]
evaluations["one shot"] = raced["fine-tuning"]
stepwise = tested(in_steps)
d = paired_bootstrap(data.test, evaluations["one shot"].predictions, stepwise.predictions, seed)
reveal(my_guess, f"gradual against one shot: {spelled(d)} points on test")
check("gradual pruning is surely better at equal training time", d.low > 0)
check("one shot is surely better at equal training time", d.high < 0)

# %%
check("both end at the same size", pruned_shape.size_of(in_steps) == pruned_shape.size_of(tuned.model))

# %% [markdown]
# Each drop of the curve is a cut. Scoring again took time too, which the picture does not count. Two ✗ say that this test set cannot tell them apart; then take the simpler one.
#
# ## How many sentences does it need?
#
# Annotations cost more than seconds. Fine-tuning again, the same budget, with fewer sentences, each of them seen more often. The last line has a hundred annotated sentences and copies of them with **other names in the same places**, drawn from these sentences and from lists of names.
#
# **Predict:** how much of what all sentences bring back do a hundred bring back? Will the copies help?

# %%
my_guess = ...

# %% tags=["sizes"]
hundred = data.train[:100]
amounts = {"100": hundred, "300": data.train[:300]}
amounts["100 and copies"] = hundred + augmentation.swapped_copies(
    hundred, augmentation.name_pool(hundred), copies=8, seed=seed
)
print(", ".join(f"{name}: {len(sentences)} sentences" for name, sentences in amounts.items()))
print(hundred[0].text, amounts["100 and copies"][100].text, sep="\n")

# %% tags=["nbval-ignore-output"]
fed = {
    name: recovery_race.run_recovery(
        fine_tuning.fine_tune, pruned["brutal"], tokenizer, data._replace(train=sentences), schedule
    )
    for name, sentences in amounts.items()
}
fed["all"] = tuned
clear_output(wait=True)
base.recovery_figure({name: r.curve for name, r in fed.items()}, whole)

# %% tags=["nbval-ignore-output"]
fed_f1 = {name: tested(r.model) for name, r in fed.items()}
evaluations["100"] = fed_f1["100"]
lost, back, least = (e.scores.f1 for e in (evaluations["brutal"], fed_f1["all"], fed_f1["100"]))
reveal(my_guess, f"{100 * (least - lost) / (back - lost):.0f} % of the way")
table(("sentences", "F1 on test", "against the cut", "against 100 sentences"),
      [compared(name, e, "brutal", "100") for name, e in fed_f1.items()])  # fmt: skip

# %% tags=["nbval-ignore-output"]
copies = paired_bootstrap(data.test, fed_f1["100"].predictions, fed_f1["100 and copies"].predictions, seed)
check("copies with other names are surely better than none", copies.low > 0)
check("all sentences are better than a hundred", fed_f1["all"].scores.f1 > fed_f1["100"].scores.f1)

# %% [markdown]
# New names in old sentences teach that names change. They do not teach a new sentence, and some of the old ones stop making sense.
#
# ## When does learning become learning by heart?
#
# A hundred sentences once more, half as much time again. The loss on *these* sentences can only fall. **Predict:** what does F1 on dev do meanwhile, and at which part of the way is it best?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
longer = recovery_race.run_recovery(
    fine_tuning.fine_tune, pruned["brutal"], tokenizer, data._replace(train=hundred), schedule
)
clear_output(wait=True)
epochs = [point for point in longer.curve if point.epoch % 1 == 0]  # the clock may cut the last one short
kept = max(epochs, key=lambda point: point.f1)
reveal(
    my_guess,
    f"{kept.f1:.1f} at its best, epoch {kept.epoch:.0f} of {epochs[-1].epoch:.0f}; {epochs[-1].f1:.1f} at the end",
)
figures.overfitting_figure(epochs, kept)

# %% tags=["nbval-ignore-output"]
half = epochs[len(epochs) // 2 :]
print(f"second half: loss {half[0].loss:.4f} to {half[-1].loss:.4f}, F1 on dev {half[0].f1:.1f} to {half[-1].f1:.1f}")
check("the loss goes on falling in the second half", half[-1].loss < half[0].loss)
check("F1 on dev gains less than a point in the second half", half[-1].f1 - half[0].f1 < 1)

# %% [markdown]
# The loss says how well the model knows *these* hundred. Dev says what that is worth elsewhere. `fine_tune` keeps the epoch with the best F1 on dev, whatever came after.
#
# ### Exercise 3: which epoch, which number?
#
# A training that nobody made. Which epoch do you keep, and which F1 do you report? A list of two numbers.

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
    short = replace(schedule, seconds=budget / 4, **changes)
    try:
        found = recovery_race.run_recovery(fine_tuning.fine_tune, start, tokenizer, data, short)
    except training.DivergedError as error:
        return str(error)
    return f"no error; F1 on dev {found.curve[-1].f1:.1f}"


poisoned = copy.deepcopy(pruned["brutal"])
poisoned.classifier.weight.data[0, 0] = np.nan
accidents = {"rate of 100": attempt(pruned["brutal"], learning_rate=100), "one NaN": attempt(poisoned)}
clear_output(wait=True)
for accident, outcome in accidents.items():
    reveal(my_guess, f"{accident}: {outcome}")

# %%
check("one NaN stops the training, at its first step", "loss is nan at step 1," in accidents["one NaN"])

# %% [markdown]
# One NaN makes every number NaN that it meets, after the first update every weight, and no later step repairs it. A training that goes on regardless wastes the night and saves a model that tags nothing; here it stops, and names step and batch. The quiet accident is worse: the loss stays a number, and only dev knows that the model is gone. So look at both.
#
# ## Do the four cuts hold their bars?
#
# Now the cuts that one would ship, each fine-tuned for as long as the original was trained again. **Predict:** which of the four will miss its bar?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
recovered = {
    name: recovery_race.run_recovery(fine_tuning.fine_tune, pruned[name], tokenizer, data, long_schedule)
    for name in recipes.CUTS
}
clear_output(wait=True)
after_recovery = {name: tested(r.model) for name, r in recovered.items()}
verdicts = {
    name: recipes.judge(cut, data.test, evaluations["original"], after_recovery[name], seed)
    for name, cut in recipes.CUTS.items()
}
reveal(my_guess, ", ".join(name for name, verdict in verdicts.items() if not verdict.holds) or "none")

# %% tags=["nbval-ignore-output"]
table(
    ("cut", "F1 after the cut", "F1 recovered", "against the original", "against the original trained again", "bar"),
    [(name, f"{evaluations[name].scores.f1:.1f}", *compared(name, e, "original", "original, trained again")[1:],
      f"-{recipes.CUTS[name].allowed}") for name, e in after_recovery.items()],
)  # fmt: skip

# %% tags=["nbval-ignore-output"]
for name, verdict in verdicts.items():
    took = recovered[name].seconds
    check(
        f"{name}: at most {verdict.allowed} points lost, p = {verdict.difference.p_value:.2f}, {took:.0f} s",
        verdict.holds,
    )

# %% tags=["nbval-ignore-output"]
untouched = {"original": evaluations["original"], "trained again": evaluations["original, trained again"]}
base.f1_figure({
    title: {name: (e.scores.f1, e.f1_low, e.f1_high) for name, e in group.items()}
    for title, group in (("after the cut", untouched | {n: evaluations[n] for n in recipes.CUTS}),
                         ("after recovery", untouched | after_recovery))
})  # fmt: skip

# %% [markdown]
# Read the column before the last. Against the untouched original a recovered model may look like a gift; against the original with the same training stands what the cut costs.
#
# A test set of this size can show a loss of several points, not one of a few tenths. The same experiment on MSRA, a public corpus many times as large, takes too long for a notebook. It was made once, with `python -m utils.studies.recovery_bars`:

# %%
report.study_table()

# %% [markdown]
# ## Which recovery is worth its time?
#
# All that this notebook recovered from the brutal cut, in one table: points of F1 on test above the cut model, and what a second bought. **Predict** the first line.

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
prices = {name: (raced[name], r.seconds) for name, r in race.items()}
prices[f"fine-tuning in {steps} steps"] = (stepwise, sum(stage.seconds for stage in stages))
prices |= {f"fine-tuning, {n}": (fed_f1[n], fed[n].seconds) for n in ("100", "300", "100 and copies")}
gains = {name: (e.scores.f1 - evaluations["brutal"].scores.f1, s) for name, (e, s) in prices.items()}
ranked = sorted(gains, key=lambda name: -gains[name][0])
reveal(my_guess, ranked[0])
table(("recovery", "points gained", "seconds", "points a second"),
      [(n, f"{gains[n][0]:+.1f}", f"{gains[n][1]:.1f}", f"{gains[n][0] / gains[n][1]:+.2f}") for n in ranked])  # fmt: skip

# %% tags=["nbval-ignore-output"]
per_second = max(gains, key=lambda name: gains[name][0] / gains[name][1])
print(f"most points: {ranked[0]}; most points a second: {per_second}")
close = [n for n in ranked[1:] if paired_bootstrap(data.test, prices[n][0].predictions, prices[ranked[0]][0].predictions, seed).low <= 0]  # fmt: skip
print("not surely worse than the first:", ", ".join(close) or "none")
check("training is worth its time: it gains more than rescaling", gains["fine-tuning"][0] > gains["rescaling"][0])

# %% [markdown]
# The seconds are those of the whole call, loading the best epoch included. Points a second reward whoever stops early; points in all reward whoever had labels. Where there are none, rescaling and distillation remain.
#
# ## For the notebooks that follow
#
# The strongest of the four cuts, recovered, is saved; it and the original with the same training go into the ledger.

# %% tags=["nbval-ignore-output"]
name = "heads-50-ffn-67"
path = run.artifact("recovered", lambda path: save_raner(recovered[name].model, tokenizer, path))
saved, saved_tokenizer = load_raner(path)
shipped = evaluate(torch_tagger(saved, saved_tokenizer), data.test, seed)
found = {
    "recovered": ledger.Measured(saved, shipped, path=path),
    "original-again": ledger.Measured(again.model, evaluations["original, trained again"]),
}
rows = [ledger.make_row(stage, "05", "mini", "torch-fp32", measured) for stage, measured in found.items()]
for row in rows:
    run.ledger.append(row)
print(f"F1 {shipped.scores.f1:.1f} with {rows[0]['parameters'] / rows[1]['parameters']:.0%} of the parameters")

# %%
check("what is on disk has the heads and neurons of its cut", pruned_shape.size_of(saved) == targets[name])

# %% [markdown]
# ## What you know now
#
# - A cut does not hurt evenly. Look at kinds of error and at new names, not only at one F1.
# - Rescaling needs no label and no training, and promises less. Whether labels or a teacher teach better depends on your data; equal seconds are the fair way to ask.
# - Give the original the same training before you praise the scissors.
# - Dev chooses, test reports, and a training loss proves nothing but memory.
# - A loss that is no number must stop a training at once.
#
# **Next:** [08 · The whole pipeline](08_the_whole_pipeline.ipynb) puts recovery between pruning and fewer bits. Notebook 10 asks whether a small student, taught from the start, would have been better than a large model cut down.
