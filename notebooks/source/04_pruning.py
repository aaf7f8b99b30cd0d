# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 04 · Pruning
#
# | | |
# |---|---|
# | **You will be able to** | predict to the last parameter what removing heads, neurons or characters saves; tell a mask from a removal, and say which of them is faster; keep the numbers of heads straight when pruning twice; find where the curve of F1 bends; say what *would* reach the article's "减少 18%" |
# | **You need** | [01 · RaNER and its data](01_raner_and_its_data.ipynb) and [02 · Measuring fairly](02_measuring_fairly.ipynb); head scores come from notebook 03, or are computed here; 4 GB of free memory |
# | **Minutes** | shown below the set-up cell, from a measured run |

# %% tags=["parameters"]
run_dir = ""
model = ""
corpus = ""
seed = 1
quick = False

# %% tags=["nbval-ignore-output"]
from types import SimpleNamespace

import numpy as np
import torch

from utils.compress.batches import make_batches
from utils.compress.importance import gradients
from utils.compress.pruning import cost, remove, select
from utils.course.exercises import nb04 as exercises
from utils.course.figures import base, results
from utils.course.figures import nb04 as figures
from utils.course.sizes import sizes_of
from utils.course.tables import table
from utils.course.teaching import check, exercise, reveal, show_minutes
from utils.engines.variants import Variant, measure_variants
from utils.measure import bootstrap, latency
from utils.measure.evaluation import evaluate
from utils.measure.run import open_run
from utils.measure.scores import agreement
from utils.measure.verdict import Estimate, times_as_fast, verdict
from utils.model import anatomy, pruned_shape
from utils.model.checkpoint import load_raner, save_raner
from utils.model.torch_tagger import torch_tagger
from utils.model.twin import article_twin
from utils.studies import pipeline, sweep
from utils.tagger.tagger import emissions_of
from utils.text.corpus import evenly_spaced

run = open_run(run_dir, model, corpus, seed, quick)
sizes = sizes_of("04", run)
show_minutes("04")

# %% [markdown]
# The article removes 20 % of the attention heads and reports: "参数量减少 18%" (parameters), "推理速度提升 35%" (speed), "F1 微降 1.2%". Three numbers, one cut. We predict each of them, then make the cut, then measure.
#
# ## Where are the parameters, and where is the time?
#
# They are not in the same place. A matrix costs its parameters once, and its multiplications once for every character. Attention has something more: every character is compared with every other, which takes multiplications and no parameters at all.
#
# **Predict:** mini has half of the published width. Of all multiplications for 500 characters, is attention's share in mini *smaller*, *the same* or *larger*?

# %%
my_guess = ...

# %%
original, tokenizer = run.model()
published, length = anatomy.published_config(), 502
by_part = {
    name: cost.cost_by_part(config, pruned_shape.pruning_map(config), length)
    for name, config in {"RaNER as published": published, "the model of this run": original.config}.items()
}
work = {name: {part: c.multiply_adds / 1e9 for part, c in parts.items()} for name, parts in by_part.items()}
share = {name: 100 * parts["attention"] / sum(parts.values()) for name, parts in work.items()}
reveal(my_guess, "; ".join(f"{name}: {percent:.1f} %" for name, percent in share.items()))

# %%
base.shares_figure(work, "G")

# %% [markdown]
# Matrices shrink with the *square* of the width. Comparing every character with every other shrinks only with the width itself. The narrower the model, the more of its time is attention, and the more a removed head seems to save. **A small model flatters the pruning of heads.** For this reason every cost below is given at two sizes.
#
# ## What does each percent take away?
#
# `cost_of_shares` asks `predict_cost` what is left when so many heads, neurons or characters stay. No model is needed for it, only five sizes from the config.
#
# **Predict:** at the published size, what percent of the *heads* would have to go to save 18 % of the *parameters*?

# %%
my_guess = ...


# %%
def saved(**left):
    """Percent of the published parameters, and of the multiply-adds, that are saved when only these shares are left."""
    whole, now = cost.cost_of_shares(published, length), cost.cost_of_shares(published, length, **left)
    return 100 * (1 - now.parameters / whole.parameters), 100 * (1 - now.multiply_adds / whole.multiply_adds)


heads = published.num_hidden_layers * published.num_attention_heads
needed = next(n for n in range(heads + 1) if saved(heads=1 - n / heads)[0] >= 18)
reveal(my_guess, f"{100 * needed / heads:.0f} % ({needed} of {heads})")

# %%
names = {"heads": "heads", "neurons": "feed-forward neurons", "tokens": "characters"}
curves = {
    name: {percent: saved(**{part: 1 - percent / 100}) for percent in range(0, 101, 10)} for part, name in names.items()
}
panels = ("parameters", "multiplications, 500 characters")
promised = dict(zip(panels, (18, 100 * (1 - 1 / 1.35)), strict=True))
savings = {
    panel: {name: {p: both[i] for p, both in curve.items()} for name, curve in curves.items()}
    for i, panel in enumerate(panels)
}
figures.savings_figure(savings, promised)

# %% [markdown]
# "提升 35%" is read kindly here, as 1.35 times the speed: then a quarter of the time has to go. Follow the blue line to 20 % of the heads, in both panels.

# %%
parameters_saved, work_saved = saved(heads=0.8)
print(f"20 % of the heads: {parameters_saved:.1f} % of the parameters, {work_saved:.1f} % of the multiplications")
check("20 % of the heads are 18 % of the parameters (article)", parameters_saved >= 17.5)
check("20 % of the heads do enough of the work for 1.35 times the speed (article)", work_saved >= 100 * (1 - 1 / 1.35))

# %% [markdown]
# Two claims fail before any model is touched, and no choice of heads could save them: all heads are equally large. Multiplications are not time, however. Time is measured below.

# %% [markdown]
# ## Which heads go?
#
# Those with the lowest score; which score, notebook 03 decides. Without it, the loss's sensitivity to each head is computed here. **Predict:** the weakest fifth of all heads is crossed out in the next picture. Will every layer lose about two?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
batches = make_batches(run.corpus.train[: sizes.scored], tokenizer, original.labels)
winner, scores = pipeline.head_scores(run, original, batches)
weakest = select.select_globally(scores, round(0.2 * scores.numel()))
base.head_grid(scores, weakest, f"{winner}; crossed: the weakest fifth")

# %% tags=["nbval-ignore-output"]
lost = [len(weakest.get(layer, ())) for layer in range(len(scores))]
reveal(my_guess, f"{min(lost)} to {max(lost)} a layer")

# %% [markdown]
# `select_globally` ranks all heads in one list. `select_per_layer` takes the same share of every layer. Both have a point: the first believes that scores of different layers can be compared, the second does not.
#
# ### Exercise 1: one list or many?
#
# Three layers of four heads. **Half of the network's heads** go, the weakest ones. Which? Answer with a dict from layer to heads, both counted from 0, such as `{0: [1, 2], 2: [3]}`.

# %%
rows = [(f"layer {i}", *(f"{score:.2f}" for score in row)) for i, row in enumerate(exercises.RANKED)]
table(("", *(f"head {h}" for h in range(4))), rows)

# %%
my_choice = ...

# %%
exercise(my_choice, exercises.global_choice)

# %% jupyter={"source_hidden": true} tags=["solution"]
my_choice = select.select_globally(exercises.RANKED, 6)  # layer 1 loses all its heads
exercise(my_choice, exercises.global_choice)

# %% [markdown]
# ## A mask or a removal?
#
# A **mask** multiplies what a head says by zero. A **removal** takes its rows out of query, key and value, and its columns out of the output matrix. **Predict:** which of the two changes the answers more? Which makes the file smaller? Which is faster?

# %%
my_guess = ...


# %%
def without(heads=0.0, neurons=0.0):
    """A new model without these shares of all heads and neurons, the weakest first."""
    fewer = remove.prune_heads(original, select.select_globally(scores, round(heads * scores.numel())))
    if not neurons:
        return fewer
    return remove.prune_neurons(fewer, select.select_globally(neuron_scores, round(neurons * neuron_scores.numel())))


pruned = without(heads=0.2)

# %%
texts = [sentence.text for sentence in run.corpus.test[:40]]
with remove.masked_heads(original, weakest):
    masked_tags = torch_tagger(original, tokenizer).predict(texts)
    masked_emissions = emissions_of(torch_tagger(original, tokenizer), texts[0])
removed = torch_tagger(pruned, tokenizer)
difference = np.abs(masked_emissions - emissions_of(removed, texts[0])).max()
reveal(my_guess, "neither, removal, and the next section")

# %%
check("removed heads answer like masked heads, to 1e-5", difference < 1e-5)
same = agreement(masked_tags, removed.predict(texts))
check("and tag every sentence alike", same == 100)

# %%
predicted = cost.predict_cost(original.config, pruned_shape.pruning_map(pruned.config), length)
before, after = (sum(p.numel() for p in m.parameters()) for m in (original, pruned))
print(f"{before:,} parameters, {predicted.parameters:,} predicted, {after:,} counted")
check("the prediction is right to the last parameter", predicted.parameters == after)

# %% tags=["nbval-ignore-output"]
path = run.artifact(f"mini/heads-20-seed{seed}", lambda path: save_raner(pruned, tokenizer, path))
reloaded = torch_tagger(*load_raner(path))

# %%
same_bits = np.array_equal(emissions_of(reloaded, texts[0]), emissions_of(removed, texts[0]))
check("saved and loaded again, it answers the same to the last bit", same_bits)
heads_left = pruned_shape.pruning_map(load_raner(path)[0].config).heads
check("its config says which heads are left", sum(map(len, heads_left)) == scores.numel() - sum(lost))

# %% [markdown]
# ### Exercise 2: they differ after all?
#
# A colleague compares the two and gets a large difference, another one at every try. Somewhere before, a training loop had called `train()`. Write a function of two models and a batch that returns the **largest absolute difference** of their emissions, `a(batch["input_ids"], batch["attention_mask"]).logits`, whatever was done to the models before.

# %%
batch = {name: tensor[:4] for name, tensor in batches[0].items()}
my_difference = ...

# %%
exercise(my_difference, exercises.emission_difference(original, batch))


# %% jupyter={"source_hidden": true} tags=["solution"]
def my_difference(a, b, batch):
    with torch.no_grad():
        first, second = (m.eval()(batch["input_ids"], batch["attention_mask"]).logits for m in (a, b))
    return (first - second).abs().max()


exercise(my_difference, exercises.emission_difference(original, batch))

# %% [markdown]
# ## Is it faster?
#
# Half of the heads this time, so that there is something to see. Four versions of one model take turns on the article:
#
# - the original;
# - half of its heads **masked**;
# - **nine in ten weights of every matrix set to zero**, unstructured pruning, which leaves the matrices as large as they were;
# - half of its heads **removed**.
#
# **Predict:** put them in order, fastest first.

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
article = run.article.text
half = select.select_globally(scores, scores.numel() // 2)
zeroed, halved = remove.zero_smallest_weights(original, 0.9), without(heads=0.5)


def masked_call():
    with remove.masked_heads(to_mask, half):
        masked_tagger.predict([article])


to_mask = remove.prune_heads(original, {})
masked_tagger = torch_tagger(to_mask, tokenizer)
versions = {"original": original, "90 % of the weights zero": zeroed, "half of the heads removed": halved}
taggers = {name: torch_tagger(m, tokenizer) for name, m in versions.items()}

# %% [markdown]
# The masked version gets weights of its own. If it borrowed the original's, it would find them in the processor's cache, where the original has just left them, and would look faster than it is.

# %% tags=["nbval-ignore-output"]
calls = {name: (lambda tagger=tagger: tagger.predict([article])) for name, tagger in taggers.items()}
calls = {"original": calls.pop("original"), "half of the heads masked": masked_call, **calls}
with latency.pinned_threads(2):
    times = latency.measure_latency(calls, sizes.rounds)
reveal(my_guess, " < ".join(sorted(times, key=lambda name: times[name].p50)))
base.latency_figure(times)

# %% tags=["nbval-ignore-output"]
faster = {name: times_as_fast(times["original"], timed) for name, timed in times.items()}
check("masking half of the heads saves 5 % of the time", verdict(faster["half of the heads masked"], 1 / 0.95))
check("90 % zeros save 5 % of the time", verdict(faster["90 % of the weights zero"], 1 / 0.95))
check("removing half of the heads saves 5 % of the time", verdict(faster["half of the heads removed"], 1 / 0.95))

# %%
zeros = sum(int((p == 0).sum()) for p in zeroed.bert.encoder.parameters())
counts = {name: sum(p.numel() for p in m.parameters()) for name, m in versions.items()}
print(f"{zeros:,} zeros")
check("the zeros are stored and multiplied like any other number", counts["90 % of the weights zero"] == before)
check("only the removal has fewer parameters", counts["half of the heads removed"] < before)

# %% [markdown]
# Each ratio is taken round by round, against the original's time in the same round: a busy moment then slows both sides of it. The verdict hangs on the interval of their median.
#
# Masks and zeros are worth remembering, because they are what libraries offer first. A mask is an extra multiplication. Zeros help only where a kernel knows how to skip them, and dense kernels do not look. Masks are good for *trying*: one model, any choice of heads, no surgery. What is to be fast has to be smaller.

# %% [markdown]
# ## Twice is once
#
# Pruning is often done in steps: a few heads, training, a few more. After the first step the matrices are narrower, and head 7 is no longer the seventh block of rows.
#
# ### Exercise 3: where is head 7?
#
# A layer of twelve heads has lost heads 2 and 5. Now heads 3 and 7 go too, **original numbers**, in one cut. At which places, counted from 0, do they stand in today's matrices? A list of two.

# %%
my_places = [..., ...]

# %%
exercise(my_places, exercises.places_today)

# %% jupyter={"source_hidden": true} tags=["solution"]
left = [head for head in range(12) if head not in (2, 5)]
my_places = [left.index(3), left.index(7)]
exercise(my_places, exercises.places_today)

# %% [markdown]
# `prune_heads` takes original numbers for ever and looks the places up in the pruning map of the config. So the order of the cuts cannot matter.

# %%
first, second = {0: [2, 5], 3: [0]}, {0: [3, 7], 4: [11]}
in_steps = remove.prune_heads(remove.prune_heads(original, first), second)
at_once = remove.prune_heads(original, {0: [2, 3, 5, 7], 3: [0], 4: [11]})
pairs = zip(in_steps.parameters(), at_once.parameters(), strict=True)
check("two cuts give the model of one cut, bit for bit", all(torch.equal(a, b) for a, b in pairs))
again = remove.prune_heads(in_steps, first)
check("naming a head that is gone already changes nothing", again.config.kept_heads == in_steps.config.kept_heads)

# %% [markdown]
# ## How far can it go?
#
# From no head to nineteen in twenty, without any training in between. So many models are tagged with that a third of the test sentences has to do, the same ones for each; what goes into the ledger is judged on all. **Predict two ratios:** up to where is F1 as good as untouched, and where does the curve bend?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
test = evenly_spaced(run.test, sizes.swept)
ratios = sizes.ratios
models = sweep.prune_sweep(remove.prune_heads, original, scores, ratios)
evaluations = sweep.f1_sweep(models, tokenizer, test, seed)
losses = sweep.f1_losses(test, evaluations, seed)
table(
    ("heads removed", "F1", "difference", "95 % interval"),
    [(f"{r:.0%}", f"{evaluations[r].scores.f1:.1f}", f"{d.f1:+.1f}", f"{d.low:+.1f} to {d.high:+.1f}")
     for r, d in losses.items()],
)  # fmt: skip

# %% tags=["nbval-ignore-output"]
f1_of_heads = {ratio: (e.scores.f1, e.f1_low, e.f1_high) for ratio, e in evaluations.items()}
marks = {
    "surely within the article's loss": sweep.surely_within(losses, 1.2),
    "bend": sweep.bend({ratio: e.scores.f1 for ratio, e in evaluations.items()}),
}
reveal(my_guess, ", ".join(f"{name}: {ratio:.0%}" for name, ratio in marks.items()))
figures.f1_curves({"heads": f1_of_heads}, marks)

# %% [markdown]
# "F1 微降 1.2%" is what the article allows itself for 20 %. *Surely within* is strict: the whole interval of the paired difference has to stay above that loss, on this test set. The *bend* is where the curve lies farthest above the straight line between its ends: up to there a head is cheap, from there on it is not.

# %% tags=["nbval-ignore-output"]
at_start, halfway, at_end = bootstrap.resampled_f1(test, [evaluations[r].predictions for r in (0, 0.5, 0.95)], seed)
more = (halfway - at_end) - (at_start - halfway)
bent = Estimate(float(np.median(more)), *bootstrap.percentile_interval(more))
check("20 % of the heads cost 1.2 points or less (article)", verdict(losses[0.2], -1.2))
check("half of the heads go for 1.2 points or less", verdict(losses[0.5], -1.2))
check("the curve bends: the last heads cost more than the first", verdict(bent, 0))

# %% [markdown]
# ### And what is it good for?
#
# Costs at two sizes now. The large one is the **twin** of notebook 02: every feature of mini twice, every matrix divided by two, the published 768 features and 21,128 characters. It tags exactly as mini does, heads cut or not, so it needs no F1 of its own. It is redundant by construction, and nothing here may make use of that. It stands in for a trained model of that size in one respect only: what the same matrices cost.

# %% tags=["nbval-ignore-output"]
few = sizes.timed_ratios
twins = {ratio: article_twin(models[ratio]) for ratio in few}
times = {
    "mini": sweep.latency_sweep(models, tokenizer, article, sizes.mini_rounds),
    "article": sweep.latency_sweep(twins, tokenizer, article, sizes.twin_rounds),
}
costs = {"mini": sweep.cost_sweep(models, length), "article": sweep.cost_sweep(twins, length)}

# %%
small, large = (torch_tagger(m[0.5], tokenizer) for m in (models, twins))
wide = np.abs(emissions_of(large, texts[0]) - emissions_of(small, texts[0])).max()
check("the twin of the pruned model gives the pruned model's emissions, to 1e-4", wide < 1e-4)

# %% tags=["nbval-ignore-output"]
figures.left_figure(sweep.left_of_each(costs, times))

# %% [markdown]
# In the first panel the two sizes have nearly one line, in the second they part: that is the flattery from the first section. The third need not follow the second, for softmax, layer normalisation and the CRF cost time as well, and no multiplication counts for them.

# %%
work_left = {scale: c[0.5].multiply_adds / c[0].multiply_adds for scale, c in costs.items()}
check("half of the heads are more of the work in mini than at the article's size", work_left["mini"] < work_left["article"])  # fmt: skip

# %% tags=["nbval-ignore-output"]
time_left = {scale: t[0.5].p50 / t[0].p50 for scale, t in times.items()}
print("of the time:", ", ".join(f"{100 * share:.0f} % left at {scale} size" for scale, share in time_left.items()))

# %% [markdown]
# ## What does reach -18 %?
#
# The article asked how much *20 % of the heads* save. The better question: what has to go for 18 %, and which way costs the least F1? There are three kinds of things to remove. The second are the **neurons** of the feed-forward networks, where most parameters are.
#
# **Predict:** half of the heads or half of the neurons, which one hurts more?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
neuron_scores = gradients.neuron_importance(original, batches)
narrower = sweep.prune_sweep(remove.prune_neurons, original, neuron_scores, sizes.neuron_ratios)
evaluated = sweep.f1_sweep(narrower, tokenizer, test, seed)
f1_of_neurons = {ratio: (e.scores.f1, e.f1_low, e.f1_high) for ratio, e in evaluated.items()}
reveal(my_guess, f"heads {f1_of_heads[0.5][0]:.1f}, neurons {f1_of_neurons[0.5][0]:.1f} points left")
figures.f1_curves({"heads": f1_of_heads, "feed-forward neurons": f1_of_neurons}, {})

# %% [markdown]
# Compare at equal *percentages* and you compare different things: a percent of the neurons is twice as many parameters as a percent of the heads.
#
# And beware of a curve that hardly falls. How much of all importance is held by the weakest neurons?

# %% tags=["nbval-ignore-output"]
ranked = neuron_scores.flatten().sort().values
for share in (0.33, 0.5, 0.75):
    print(f"the weakest {share:.0%} hold {100 * ranked[: round(share * len(ranked))].sum() / ranked.sum():.2f} %")

# %% [markdown]
# Neurons that never fire are free to go. How many there are depends on how a model was made. mini is a BERT that read a very large text before it learned to tag; its predecessor in this course was grown from three layers by copying them, and had far more to spare (notebook 03 compares the two). A BERT of base size has other spares again. Carry the *method* to your model, not the percentage.
#
# ### Exercise 4: the rest of the way
#
# 20 % of the heads go. What percent of the **neurons** has to go as well, so that the published model loses 18 % of its parameters in all? Use `by_part["RaNER as published"]`.

# %%
print({part: c.parameters for part, c in by_part["RaNER as published"].items()})
percent_of_neurons = ...

# %%
exercise(percent_of_neurons, exercises.neurons_besides_heads())

# %% jupyter={"source_hidden": true} tags=["solution"]
parameters = {part: c.parameters for part, c in by_part["RaNER as published"].items()}
still_to_save = 0.18 * sum(parameters.values()) - 0.20 * parameters["attention"]
percent_of_neurons = 100 * still_to_save / parameters["feed-forward"]
exercise(percent_of_neurons, exercises.neurons_besides_heads())

# %% [markdown]
# ### The third kind: characters
#
# The published table has a row for each of 21,128 characters and word pieces. `prune_vocabulary` keeps those that a list of texts uses. Which texts? Not those of the test set: whoever peeks there measures nothing. **Predict:** how many of our test sentences hold a character that train and dev never show?

# %%
my_guess = ...

# %%
seen = [sentence.text for sentence in (*run.corpus.train, *run.corpus.dev)]
smaller, smaller_tokenizer = remove.prune_vocabulary(original, tokenizer, seen)
strangers = [s for s in run.corpus.test if set(s.text) - set("".join(seen))]
reveal(my_guess, f"{len(strangers)} of {len(run.corpus.test)}")
print(f"{len(smaller_tokenizer):,} rows left of {len(tokenizer):,} here, and of 21,128 as published")

# %%
known = [sentence.text for sentence in run.corpus.dev[:40]]
alike = agreement(torch_tagger(original, tokenizer).predict(known), torch_tagger(smaller, smaller_tokenizer).predict(known))  # fmt: skip
check("texts of known characters are tagged as before", alike == 100)
check("fewer rows, not one multiplication less", saved(tokens=len(smaller_tokenizer) / 21128)[1] == 0)

# %% [markdown]
# An embedding is looked up, not multiplied. Removing rows makes a file smaller and nothing faster. And a character without a row is read as [UNK] by a model in use, whatever our test set says: the list of texts must be one of *everything that will be read*.
#
# ### Four ways to -18 %
#
# **Predict:** which of these four loses the least F1, and which saves the most time?

# %%
my_guess = ...

# %%
tokens = len(smaller_tokenizer) / 21128
of_neurons = next(n / 100 for n in range(101) if saved(neurons=1 - n / 100)[0] >= 18)
besides_heads = next(n / 100 for n in range(101) if saved(heads=0.8, neurons=1 - n / 100)[0] >= 18)
ways = {
    "heads": {"heads": needed / heads},
    "neurons": {"neurons": of_neurons},
    "20 % of the heads, neurons": {"heads": 0.2, "neurons": besides_heads},
    "20 % of the heads, characters": {"heads": 0.2, "tokens": 1 - tokens},
}
arithmetic = {way: saved(**{part: 1 - share for part, share in cut.items()}) for way, cut in ways.items()}
table(
    ("way", *ways["20 % of the heads, neurons"], "characters", "parameters saved", "multiplications saved"),
    [(way, *(f"{cut.get(part, 0):.0%}" for part in names), *(f"{p:.1f} %" for p in arithmetic[way]))
     for way, cut in ways.items()],
)  # fmt: skip

# %% tags=["nbval-ignore-output"]
found = {way: (without(cut.get("heads", 0), cut.get("neurons", 0)), tokenizer) for way, cut in ways.items()}
found["20 % of the heads, characters"] = remove.prune_vocabulary(pruned, tokenizer, seen)
after_cut = {way: evaluate(torch_tagger(*pair), test, seed) for way, pair in found.items()}
differences = sweep.f1_losses(test, {"untouched": evaluations[0], **after_cut}, seed)
for way in ways:
    print(f"{way:>30}: {differences[way].f1:+.1f} points, {differences[way].low:+.1f} to {differences[way].high:+.1f}")
least, fastest = max(ways, key=lambda way: differences[way].f1), max(ways, key=lambda way: arithmetic[way][1])
reveal(my_guess, f"F1: {least}; time, by arithmetic: {fastest}")

# %%
check("each of the four saves 18 % of the parameters", all(parameters >= 17.5 for parameters, _ in arithmetic.values()))
check("the four save equally much work", max(w for _, w in arithmetic.values()) < 1.2 * min(w for _, w in arithmetic.values()))  # fmt: skip

# %% [markdown]
# The same "减少 18%" on paper, and four different models. A percentage of parameters says nothing about time, nor about F1. Where the intervals of two ways overlap, this test set cannot rank them.

# %% [markdown]
# ## Into the ledger
#
# Four versions at both sizes: the original, 20 % and 50 % of the heads removed, and 50 % of heads and neurons. **Predict:** how many times as fast is the twin without 20 % of its heads? The article says 1.35.

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
stages = {
    "original": original,
    "heads-20": pruned,
    "heads-50": halved,
    "heads-50-ffn-50": without(heads=0.5, neurons=0.5),
}


def variant(scale, stage, pruned_model, evaluated=None):
    path = run.artifact(f"{scale}/{stage}-seed{seed}", lambda path: save_raner(pruned_model, tokenizer, path))
    return Variant(stage, "torch-fp32", path, pruned_model, evaluated)


# %% tags=["nbval-ignore-output"]
measured = {stage: evaluate(torch_tagger(m, tokenizer), run.test, seed) for stage, m in stages.items()}
mini_variants = [variant("mini", stage, m, measured[stage]) for stage, m in stages.items()]
del models, twins, large, narrower, found  # memory for the next ones
article_variants = [variant("article", stage, article_twin(m)) for stage, m in stages.items()]
mini_rows = measure_variants(run, mini_variants, "04", "mini")
article_rows = measure_variants(run, article_variants, "04", "article", repeats=5)
results.results_figure(mini_rows)

# %% tags=["nbval-ignore-output"]
results.results_figure(article_rows)

# %% tags=["nbval-ignore-output"]
_, with_20, _, with_both = (SimpleNamespace(**row["times_as_fast"]) for row in article_rows)
reveal(my_guess, with_20.value, "times as fast")
check("20 % of the heads less make it 1.35 times as fast (article)", verdict(with_20, 1.35))
check("half of the heads and neurons less do", verdict(with_both, 1.35))

# %%
sizes = [run.ledger.row(stage, "article", "torch-fp32")["parameters"] for stage in stages]
print(
    ", ".join(f"{stage}: {100 * (1 - size / sizes[0]):.1f} % fewer" for stage, size in zip(stages, sizes, strict=True))
)
check("20 % of the heads less are 18 % of the parameters less (article)", 1 - sizes[1] / sizes[0] >= 0.175)
computed = abs(1 - sizes[1] / sizes[0] - parameters_saved / 100) < 1e-3
check("counted in the twin = computed before the cut, to 0.1 %", computed)
files = [row["file_bytes"] / (4 * row["parameters"]) for row in (*mini_rows, *article_rows)]
check("four bytes a parameter explain every file, to 2 %", all(abs(ratio - 1) < 0.02 for ratio in files))

# %% [markdown]
# ## What you know now
#
# - What a cut saves is known before it is made: parameters exactly, time roughly. "减少 18%" and "提升 35%" from a fifth of the heads fail on paper; the verdict of your machine stands above.
# - A mask and a million zeros change what a model says, not what it costs. Only smaller matrices are faster.
# - Numbers of heads are names, not places.
# - Heads give time rather than size, neurons give both, characters give size only. A curve without retraining says where to stop, and a stricter look at its interval says whether to believe it.
#
# **Next:** what was lost can be trained back. [05 · Recovery](05_recovery.ipynb) does it in several ways.
