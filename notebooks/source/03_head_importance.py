# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 03 · Head importance
#
# | | |
# |---|---|
# | **You will be able to** | say what a head is worth by taking it out; write the function that estimates the same from one backward pass, and avoid the bug that many scripts have; tell a good score from a bad one, and both from chance; test a rule of thumb such as "keep the upper layers"; see from what a model loses whether the price of a cut carries over to another model |
# | **You need** | [01 · RaNER and its data](01_raner_and_its_data.ipynb) and [02 · Measuring fairly](02_measuring_fairly.ipynb); a first lesson of PyTorch helps (tensor, loss and gradient stand in the [glossary](glossary.md), too) |
# | **Minutes** | shown below the set-up cell, from a measured run |

# %% tags=["parameters"]
run_dir = ""
model = ""
corpus = ""
seed = 1
quick = False

# %% tags=["nbval-ignore-output"]
import numpy as np
import torch

from utils.compress.batches import count_characters, make_batches
from utils.compress.gates import gated, head_sites
from utils.compress.importance import registry, weights
from utils.compress.importance.oracle import affordable, leave_one_out
from utils.compress.pruning import remove, select
from utils.course import widgets
from utils.course.exercises import nb03 as exercises
from utils.course.figures import base
from utils.course.figures import nb03 as figures
from utils.course.sizes import sizes_of
from utils.course.solutions import solution
from utils.course.tables import table
from utils.course.teaching import attempted, check, exercise, predictions, show_minutes
from utils.measure import ledger
from utils.measure.evaluation import evaluate
from utils.measure.run import open_run
from utils.measure.verdict import ahead, f1_difference, verdict
from utils.model import pruned_shape
from utils.model.torch_tagger import torch_tagger
from utils.studies import card, published, redundancy, score_contest
from utils.text.corpus import evenly_spaced

run = open_run(run_dir, model, corpus, seed, quick)
sizes = sizes_of("03", run)
guesses = predictions(run, "03")
show_minutes("03")

# %% [markdown]
# Some of the 144 heads are to go. Which ones? The article ranks them by a score of its own, and adds a rule of thumb: keep the heads of layers 9 to 12. We first find out what heads are *really* worth, then hold every score against that.
#
# Four lists of sentences, four jobs. Heads are *scored* on some sentences of train and *tried*, one by one, on others: a score that is judged by the sentences it has seen looks better than it is. What is left of F1 is compared on *dev*, and *test* is only used to report.

# %% tags=["sizes"]
raner, tokenizer = run.model()
layers, heads = raner.config.num_hidden_layers, raner.config.num_attention_heads
total = pruned_shape.size_of(raner).heads
drawn = evenly_spaced(run.corpus.train, sizes.scored + sizes.tried)
to_try = affordable(raner, tokenizer, evenly_spaced(drawn, sizes.tried), seconds=480)
to_score = [sentence for sentence in drawn if sentence not in to_try]
dev = evenly_spaced(run.corpus.dev, sizes.compared)
print(f"{total} heads; scored on {len(to_score)} sentences, tried on {len(to_try)}, compared on {len(dev)}")

# %% [markdown]
# ## What is a head worth?
#
# The honest answer costs one experiment a head: take it out, leave everything else in place, and see by how much the loss rises. This is **leave-one-out**, the *oracle* that every score below tries to guess:
#
# $$ I_h = L(\xi_h = 0) - L $$
#
# Here $\xi_h$ is a *gate*, a factor in front of what head $h$ adds to its sentence: 1 leaves it, 0 takes it out. A sample has noise, so we ask two halves of the sentences apart. For a head of layer 9 only the layers from 9 on are computed again; it takes its time all the same. Of a larger model, or on a slow machine, fewer sentences are tried, as many as some minutes allow; the line above says how many.
#
# **Predict:** for how many of the heads does the loss *fall* when they are taken out?

# %%
my_guess = ...


# %% tags=["nbval-ignore-output"]
def in_halves(sentences):
    """Batches of every second sentence, and batches of the others."""
    both = sentences[::2], sentences[1::2]
    return [make_batches(half, tokenizer, raner.labels, batch_size=sizes.batch) for half in both]


tried = in_halves(to_try)
halves = [leave_one_out(raner, half) for half in tried]
oracle = sum(halves) / 2
guesses.reveal("heads without which the loss falls", my_guess, int((oracle < 0).sum()), f"of {total} heads")

# %% tags=["nbval-ignore-output"]
fifth = round(0.2 * total)
lowest = select.select_globally(oracle, fifth)
figures.oracle_figure(oracle, lowest)

# %% [markdown]
# The colours show **ranks**, the bars show sizes, in nats (a loss by natural logarithms has this unit), and their axis is logarithmic far from 0. On an ordinary axis one would see the first few bars and a flat line. So the heads divide into a few that the loss misses and many that are worth next to nothing, whose order is hard to know.
#
# The oracle ranks by **loss**. A rise of the loss need not flip a tag: the right tag becomes less likely, and may still be the likeliest. Under *Keep the upper layers?* below, the whole third of the layers that holds the first of these bars is taken out. What that costs in F1 stands there.

# %% tags=["nbval-ignore-output"]
worth = oracle[~oracle.isnan()].sort(descending=True).values
tenth = 100 * worth[: total // 10].sum() / worth.clamp(min=0).sum()
print(f"the largest rise of the loss is {worth[0] / worth.abs().median():.0f} times the one in the middle")
print(f"a tenth of the heads holds {tenth:.0f} % of all the damage that single removals do")
print(f"the two halves of the sentences agree with a rank correlation of {score_contest.spearman(*halves):.2f}")

# %% [markdown]
# The last line is worth remembering. It says how well the oracle agrees **with itself** on other sentences. Where that is low, no score can agree well with it, and the reason is not the score.

# %% [markdown]
# ## Can one backward pass guess it?
#
# Taking out every head costs as many experiments as there are heads. The gradient $\partial L / \partial \xi_h$ costs one backward pass for all of them together: how steeply would the loss answer if the gate moved *a little*? Michel et al. (2019) take its absolute value sentence by sentence. Here $L_i$ is the loss of sentence $i$, summed over its characters, and the sum is divided by the number $N$ of labelled characters in all sentences:
#
# $$ I_h = \frac{1}{N} \sum_i \left| \frac{\partial L_i}{\partial \xi_h} \right| $$
#
# ### A bug with a history
#
# Gradients **add up** in PyTorch until somebody sets them to zero. A well-known script, `run_bertology.py` of Hugging Face's transformers, did not, so each new batch came on top of the ones before. Three heads, two batches; the loss of each batch has the slopes given here. **Predict what the method with the bug says about the three heads**, and what it should have said.

# %%
slopes_of_batches = torch.tensor([[1.0, 1, 3], [-1, -1, 1]])
my_guess = ...


# %%
def with_the_bug(batches_of_slopes):
    gates, importance_of_heads = torch.ones(3, requires_grad=True), torch.zeros(3)
    for slopes in batches_of_slopes:
        (gates * slopes).sum().backward()
        importance_of_heads += gates.grad.abs()
    return importance_of_heads.tolist()


def repaired(batches_of_slopes):
    gates, importance_of_heads = torch.ones(3, requires_grad=True), torch.zeros(3)
    for slopes in batches_of_slopes:
        (gradient,) = torch.autograd.grad((gates * slopes).sum(), gates)
        importance_of_heads += gradient.abs()
    return importance_of_heads.tolist()


# %%
guesses.reveal("three heads, with the bug", my_guess, with_the_bug(slopes_of_batches))
print("repaired:", repaired(slopes_of_batches))
other_order = slopes_of_batches.flip(0)
check("repaired, the order of the batches does not matter", repaired(other_order) == repaired(slopes_of_batches))
check("with the bug it does", with_the_bug(other_order) != with_the_bug(slopes_of_batches))

# %% [markdown]
# No error, no warning, plausible numbers: that is how a bug lives for years. A function that returns gradients (`torch.autograd.grad`) cannot have it.
#
# ### Exercise 1: where does the absolute value stand?
#
# Here are the slopes of **one** head for three sentences (rows) of three characters (columns). Take the absolute value **sentence by sentence**, as in the formula, and divide by the number of characters $N$.
#
# Stuck? `solution("03", 1)` shows one way.

# %%
print(exercises.SLOPES)
score_of_head = ...

# %%
exercise(score_of_head, exercises.michel_by_hand())

# %% jupyter={"source_hidden": true} tags=["solution"]
score_of_head = np.abs(exercises.SLOPES.sum(axis=1)).sum() / exercises.SLOPES.size
exercise(score_of_head, exercises.michel_by_hand())

# %% [markdown]
# Per character, per sentence or per batch: three different scores, and papers do not always say which one they used. (In the names below a character is a *token*, a sentence an *example*.) The last depends on how many sentences happen to share a batch.
#
# ### Build it: a gate in front of every head
#
# Now in a real network. `gated` puts a *hook* before the matrix that mixes the heads of a layer: a function that multiplies what each head hands in by its gate. With that, the next cell has the loss of each sentence of a batch; your task stands below it.
#
# Stuck? `solution("03", 2)` shows one way.


# %%
def losses_with_gates(model, batch, gates):
    """The loss of each sentence, (sentences,); gates: for each layer a tensor (sentences, 1, heads)."""
    with gated(head_sites(model).projections, gates):
        emissions = model(batch["input_ids"], batch["attention_mask"]).logits
    return model.sequence_losses(emissions, batch["labels"])


# %% [markdown]
# To try it on there is a tiny random tagger of 2 layers and 4 heads. It comes **out of a training**, so its dropout is on; `eval()` turns it off. First every gate is 1, then the first head of the first layer gets a 0: that is what the oracle does.

# %%
tiny, tiny_batches = exercises.small_tagger().eval(), exercises.small_batches()
ones = [torch.ones(3, 1, exercises.HEADS) for _ in range(exercises.LAYERS)]
with_all = losses_with_gates(tiny, tiny_batches[0], ones)
ones[0][:, :, 0] = 0
without_one = losses_with_gates(tiny, tiny_batches[0], ones)
check("a gate of 0 takes the head out: every sentence has another loss", bool((with_all != without_one).all()))

# %% [markdown]
# The oracle needs such a pass for each head. You need one for all of them: the gradient says what a small move of each gate would do. Write a function of a model and a list of batches that returns Michel's score, a tensor `(layers, heads)`:
#
# 1. for each batch, gates of 1 with `requires_grad=True`: one for each layer, sentence and head;
# 2. the losses of the batch, added up, and their gradients: `torch.autograd.grad(loss, gates)` gives a tensor for each layer. (Sentences do not read each other, so each gate's gradient is that of its own sentence.)
# 3. the absolute values, added up over all sentences;
# 4. divided by the number of characters, `count_characters(batches)`.

# %%
gate_scores = ...

# %%
exercise(gate_scores, exercises.gate_scores)


# %% jupyter={"source_hidden": true} tags=["solution"]
def gate_scores(model, batches):
    model.eval()
    layers, heads = model.config.num_hidden_layers, model.config.num_attention_heads
    total = torch.zeros(layers, heads)
    for batch in batches:
        gates = [torch.ones(len(batch["labels"]), 1, heads, requires_grad=True) for _ in range(layers)]
        loss = losses_with_gates(model, batch, gates).sum()
        slopes = torch.stack(torch.autograd.grad(loss, gates))  # (layers, sentences, 1, heads)
        total += slopes.abs().sum((1, 2))
    return total / count_characters(batches)


exercise(gate_scores, exercises.gate_scores)

# %% [markdown]
# That is the core of this notebook. The library's `Michel, per example` does the same, so your function must agree with it on the real model, too:

# %%
scored = in_halves(to_score)
some = scored[0][:1]
if attempted(gate_scores):
    yours, library = gate_scores(raner, some), registry.SCORES["Michel, per example"](raner, some)
    check("on the real model, yours is the library's score", torch.allclose(yours, library, rtol=1e-3))

# %% [markdown]
# ## Eleven ways to guess
#
# | family | score | asks |
# |---|---|---|
# | gradient | Michel, four variants | how steep is the loss? |
# | | Taylor | does it rise or fall along the straight line? |
# | | Fisher | how steep, squared: sentences that care a lot count more |
# | activation | the article's *code* | how peaked is attention? (its `attn.pow(2).mean()`) |
# | | Frobenius norm, the article's *formula* as meant | how long is what the head adds? |
# | | attention entropy, confidence | how sure is the head of where to look? |
# | weight | weight magnitude | how large are the matrices? No data needed |
#
# The article stands there twice, because its formula speaks of what a head puts out, and its code squares attention weights. Each score is asked on both halves of its sentences, and the mean is taken: the halves will be of use.
#
# **Predict: which comes closest to the oracle?** And which are no better than chance?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
estimates = {
    name: [score(raner, half) for half in scored] for name, score in registry.SCORES.items() if name != "random"
}
estimates["Michel, by layer"] = [weights.normalize_layers(half) for half in estimates["Michel, per example"]]
scores = {name: sum(of_halves) / 2 for name, of_halves in estimates.items()}
figures.score_grids({"the oracle": oracle, **scores})

# %% [markdown]
# Compare each grid with the first one. *Rows* of one colour mean that a score sees layers rather than heads. "Michel, by layer" divides each layer by its own norm, as the paper does, so that its rows cannot differ much.

# %%
per_token, per_example, per_batch = (scores[f"Michel, per {unit}"] for unit in ("token", "example", "batch"))
check("per sentence, more cancels than per character", bool((per_example <= per_token + 1e-6).all()))
check("per batch, more cancels than per sentence", bool((per_batch <= per_example + 1e-6).all()))

# %% [markdown]
# ## Does it rank the heads as the oracle does?
#
# Units differ, so compare **ranks**. Spearman's correlation is the ordinary correlation of the ranks: 1 for the same order, 0 for no relation, -1 for the reverse.
#
# ### Exercise 2: Spearman by hand
#
# Does the article's *code* compute what its *formula* means? Give the rank correlation of the two scores below, with `argsort` and `np.corrcoef` only.
#
# Stuck? `solution("03", 3)` shows one way.

# %%
code, formula = (scores[name][~oracle.isnan()].numpy() for name in ("article's code", "Frobenius norm"))
my_correlation = ...

# %%
exercise(my_correlation, exercises.rank_correlation(code, formula))


# %% jupyter={"source_hidden": true} tags=["solution"]
def ranks(values):
    return values.argsort().argsort()


my_correlation = np.corrcoef(ranks(code), ranks(formula))[0, 1]
exercise(my_correlation, exercises.rank_correlation(code, formula))

# %% tags=["nbval-ignore-output"]
if attempted(my_correlation):
    print(f"the article's code and its formula rank the heads with a correlation of {my_correlation:.2f}")

# %% [markdown]
# ### Exercise 3: what would chance share?
#
# A second question: which heads would a score *take out*? Say that two scores each choose a fifth of all heads, and know nothing of each other. How many heads do the two choices share on average?
#
# Stuck? `solution("03", 4)` shows one way.

# %%
print(f"{fifth} of {total} heads each")
shared = ...

# %%
exercise(shared, exercises.shared_by_chance(fifth, total))

# %% jupyter={"source_hidden": true} tags=["solution"]
shared = fifth * fifth / total  # each of the first choice's heads is in the second with a chance of fifth / total
exercise(shared, exercises.shared_by_chance(fifth, total))

# %% [markdown]
# So a number alone says little. Every comparison needs two ends. The lower one is **what chance would have got**: the grey band, from scores that are noise. The upper one is what can be reached at all: the dashed line is the oracle's two halves against each other, and a hollow point is a *score* on one half of its sentences against itself on the other half. A score that does not even agree with itself cannot agree with anything else. (Neither is a strict limit: a half has more noise than the whole.)


# %% tags=["nbval-ignore-output"]
def agreement(first, second):
    return {
        "Spearman": score_contest.spearman(first, second),
        "lowest fifth in common (%)": score_contest.overlap(first, second, fifth),
    }


def by_measure(found):
    """name -> measure -> value, turned into measure -> name -> value."""
    return {m: {name: values[m] for name, values in found.items()} for m in ("Spearman", "lowest fifth in common (%)")}


# %% tags=["nbval-ignore-output"]
measured = by_measure({name: agreement(score, oracle) for name, score in scores.items()})
with_itself = by_measure({name: agreement(*of_halves) for name, of_halves in estimates.items()})
noise = [weights.random_score(raner, seed=100 * seed + i) for i in range(20)]
by_chance = by_measure({i: agreement(score, oracle) for i, score in enumerate(noise)})
bands = {measure: (min(values.values()), max(values.values())) for measure, values in by_chance.items()}
figures.agreement_figure(measured, bands, agreement(*halves), with_itself)

# %% tags=["nbval-ignore-output"]
correlations = measured["Spearman"]
closest = max(correlations, key=correlations.get)
guesses.reveal("the score closest to the oracle", my_guess, closest)
lost = [name for name, value in correlations.items() if value <= max(bands["Spearman"])]
print("no better than chance:", ", ".join(lost) or "none")

# %% [markdown]
# A score *left* of the band is no better than chance either: it is worse. And where the upper ones stand close together, which of them is the closest may be chance: a rank correlation on so few heads has an interval, too.
#
# ### May a score be judged by the sentences that it has seen?
#
# No score above has seen the sentences that the oracle tried. Suppose that it had. Taylor's score has a **sign**: it adds up slopes that pull up and slopes that pull down, and what remains is small, so the accidents of these very sentences make much of it. Michel's takes the absolute value first.
#
# **Predict:** on the oracle's own sentences, how high is Taylor's correlation with the oracle?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
pair = ("Taylor", "Michel, per example")
seen = {name: sum(registry.SCORES[name](raner, half) for half in tried) / 2 for name in pair}
looks = {name: score_contest.spearman(seen[name], oracle) for name in pair}
guesses.reveal("Taylor on the oracle's own sentences", my_guess, looks["Taylor"])
columns = ("Spearman", "with the oracle, same sentences", "with the oracle, others", "with itself, others")
rows = [(name, looks[name], correlations[name], with_itself["Spearman"][name]) for name in pair]
table(columns, [(name, *(f"{value:.2f}" for value in values)) for name, *values in rows])

# %% tags=["nbval-ignore-output"]
for name in pair:
    gain = score_contest.spearman_gain(seen[name], scores[name], oracle, seed)
    print(f"{name}: {gain.value:+.2f} by having seen the sentences, interval {gain.low:+.2f} to {gain.high:+.2f}")
    check(f"{name} looks 0.1 better where it has seen the sentences", verdict(gain, 0.1))

# %% [markdown]
# Read the table from left to right. What a score wins on sentences that it has seen, and does not keep on others, was their noise, which the oracle had copied as well. The last column says it without any oracle: how much of the score comes back on other sentences.

# %% [markdown]
# ## What is left of F1 when many heads go?
#
# The oracle knows what happens when **one** head goes. We want many to go at once, and heads may stand in for each other: each of two twins can be spared, but not both. So the ranking is not the end. Nor need the two pictures above agree: among heads that are worth next to nothing, the oracle's own order is largely noise, and a score may miss its lowest fifth and still spare the heads that matter. Mask the lowest heads of each score, more and more of them, and tag *dev*.
#
# **Predict:** how many points of F1 are left with half of the heads gone, by the best score, without any retraining? And will the oracle's own order do better still?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
ratios = sizes.ratios
counts = [round(ratio * total) for ratio in ratios]
contenders = scores | {"the oracle": oracle} | {f"random {i + 1}": score for i, score in enumerate(noise[:5])}
curves = score_contest.pruning_curves(raner, tokenizer, contenders, counts, dev)
f1 = {name: score_contest.curve_f1(dev, curve) for name, curve in curves.items()}

# %% tags=["nbval-ignore-output"]
random_f1 = [f1[name] for name in f1 if name.startswith("random")]
figures.contest_figure(ratios, {name: f1[name] for name in scores}, random_f1, f1["the oracle"])

# %% [markdown]
# The axis is stretched towards 100: a step up of the same height cuts away the same share of what is still missing. So one sees the good scores apart, and not only the bad ones.
#
# A score whose line runs inside the grey band has told us nothing that dice would not. A line *below* the band is worse than dice: it takes out what matters.

# %% tags=["nbval-ignore-output"]
half = ratios.index(0.5)
whole = score_contest.curve_f1(dev, [score_contest.predictions_without(raner, tokenizer, {}, dev)])[0]
by_oracle = f1["the oracle"]
best_at_half = max(scores, key=lambda name: f1[name][half])
guesses.reveal("F1 without half of the heads", my_guess, f1[best_at_half][half], f"points of {whole:.1f}")
print(f"best there: {best_at_half}; by the oracle {by_oracle[half]:.1f}")
best_score = max(scores, key=lambda name: np.mean(f1[name]))
to_best = score_contest.lead(dev, curves["the oracle"], curves[best_score], seed)
check("the oracle's order is half a point better than any score's", verdict(to_best, 0.5))

# %% [markdown]
# ### Who wins, and how sure is that?
#
# Should the best score stand above the untouched model, mind that it was picked as the best of eleven, on the sentences that it is shown on. So now one number for each: the mean F1 along its curve. As in notebook 02 the sentences are drawn again a thousand times, the same draw for every score. *First* says in how many of the draws a score comes out on top.

# %% tags=["nbval-ignore-output"]
ranking = score_contest.standings(dev, {name: curves[name] for name in scores}, seed)
columns = ("score", "mean F1", "95 % interval", "first (% of the draws)", "Spearman with the oracle")
rows = [
    (s.name, f"{s.f1:.1f}", f"{s.low:.1f} to {s.high:.1f}", f"{s.first:.0f}", f"{correlations[s.name]:.2f}")
    for s in ranking
]
table(columns, rows)

# %% tags=["nbval-ignore-output"]
winner, second = ranking[0].name, ranking[1].name
gap = score_contest.lead(dev, curves[winner], curves[second], seed)
print(f"{winner} leads {second} by {gap.f1:.2f} points, 95 % interval {gap.low:+.2f} to {gap.high:+.2f}")
print("the lead is real on sentences like these" if gap.low > 0 else "these sentences cannot tell the two apart")
rival = second if closest == winner else winner
closest_ahead = score_contest.lead(dev, curves[closest], curves[rival], seed)
check(f"the score closest to the oracle, {closest}, is half a point better than {rival}", verdict(closest_ahead, 0.5))

# %% tags=["nbval-ignore-output"]
dice = [name for name in curves if name.startswith("random")]
luckiest = max(dice, key=lambda name: np.mean(f1[name]))
over_dice = {name: score_contest.lead(dev, curves[name], curves[luckiest], seed) for name in scores}
print("not surely better than the luckiest dice:", ", ".join(name for name in scores if over_dice[name].low <= 0))
check("the article's code is half a point better than the luckiest dice", verdict(over_dice["article's code"], 0.5))
check("the article's formula, as meant, is half a point better", verdict(over_dice["Frobenius norm"], 0.5))

# %% [markdown]
# A ✗ is a verdict, not an accident, and a ? says that more sentences could tell. The winner of *this* model, corpus and sample goes on to notebook 04, under its name. (A run keeps its first scores: where notebook 04 was opened before this one, its own are there already, and the line below names those.)

# %% tags=["nbval-ignore-output"]
saved = run.artifact("scores", lambda path: registry.save_scores(path, winner, scores[winner]))
name_on_disk, scores_on_disk = registry.load_scores(saved)
print("saved for the next notebook:", name_on_disk)

# %%
check("what is on disk has a value for every head", scores_on_disk.shape == (layers, heads))

# %% [markdown]
# ## Keep the upper layers?
#
# "可优先保留第 9–12 层的注意力头,对低层进行适度剪枝": keep layers 9 to 12, prune the low ones. The reason given is that low layers look at neighbouring words, and high ones at roles in the sentence. That is an experiment. Take **equally many** heads from the lower, the middle or the upper third, the weakest of each by the winning score, and once wherever that score likes: first a fifth of all heads, then as many as a whole third holds.
#
# **Predict: taking heads from which third costs the most?**

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
thirds = {f"layers {third[0] + 1}-{third[-1] + 1}": third for third in np.array_split(range(layers), 3)}


def without(third, count):
    protected = set(range(layers)) - set(third)
    gone = select.select_globally(scores[winner], count, protected)
    return score_contest.predictions_without(raner, tokenizer, gone, dev)


ways = thirds | {"anywhere": range(layers)}
many = min(int((~oracle[third].isnan()).sum()) for third in thirds.values())  # a whole third, the smallest one
few = min(fifth, many)
taken = {count: {name: without(third, count) for name, third in ways.items()} for count in (few, many)}


# %% tags=["nbval-ignore-output"]
costs = {
    count: {name: whole - score_contest.curve_f1(dev, [found])[0] for name, found in by.items()}
    for count, by in taken.items()
}
home = [name for name, third in thirds.items() if int(oracle.nan_to_num(-1).argmax()) // heads in third]
print(f"the largest rise of the loss is in {home[0]}; all its heads cost {costs[many][home[0]]:.1f} points of F1")
columns = ("heads taken from", *(f"{count} heads: F1 lost" for count in taken))
table(columns, [(name, *(f"{costs[count][name]:.1f}" for count in taken)) for name in ways])

# %% tags=["nbval-ignore-output"]
first, *others = sorted(thirds, key=lambda name: -costs[few][name])
leads = {name: f1_difference(dev, taken[few][first], taken[few][name], seed) for name in others}
guesses.reveal(f"third that costs the most ({few} heads)", my_guess, ahead(first, leads))
for name, lead in leads.items():
    print(f"{first} cost {lead.value:+.1f} points more than {name}, {lead.low:+.1f} to {lead.high:+.1f}")

# %% [markdown]
# Now the article's rule, with the sentences' noise in the verdict: yes or no only where the whole interval is on one side of half a point.

# %% tags=["nbval-ignore-output"]
low_layers, _, high_layers = thirds
lower, upper = taken[many][low_layers], taken[many][high_layers]
d = f1_difference(dev, upper, lower, seed)
print(f"lower third out instead of upper third: {d.value:+.1f} points of F1, interval {d.low:+.1f} to {d.high:+.1f}")
check("losing the lower third is half a point cheaper than losing the upper one (article)", verdict(d, 0.5))
free = f1_difference(dev, taken[few]["anywhere"], taken[few][low_layers], seed)
print(f"the weakest of the low layers instead of anywhere: {free.value:+.1f}, {free.low:+.1f} to {free.high:+.1f}")
check("taking heads from the low layers only is half a point better than anywhere (article)", verdict(free, 0.5))

# %% [markdown]
# Whatever it says, it says it of *this* model. Others found the lower layers of BERT to be the ones that matter most ([Sajjad et al. 2023](https://arxiv.org/abs/2004.03844)). A rule of thumb costs nothing to test: that is the lesson, not the verdict.

# %% [markdown]
# ## What do heads look at?
#
# Take the head whose removal hurts most and the one whose removal hurts least. **Before you look: what should a head look at that helps to find where names begin and end?**

# %%
looking, _ = run.model()
looking.set_attn_implementation("eager")  # fused kernels never form the attention weights
shown = min((s for s in run.corpus.dev if len(s.entities) >= 2 and len(s.text) >= 15), key=lambda s: len(s.text))
encoding = tokenizer.batch([shown.text])
ids, mask = torch.from_numpy(encoding.input_ids), torch.from_numpy(encoding.attention_mask)
with torch.no_grad():
    attention = torch.cat(looking(ids, mask, output_attentions=True).attentions)
print("layers, heads, from, to:", *attention.shape)
check("every character spreads an attention of 1", bool((attention.sum(-1) - 1).abs().max() < 1e-5))

# %% tags=["nbval-ignore-output"]
named = {1 + place for entity in shown.entities for place in range(entity.start, entity.end)}
most, least = (divmod(int(place), heads) for place in (np.nanargmax(oracle), np.nanargmin(oracle)))
extremes = {
    f"hurts {kind}: layer {layer + 1}, head {head + 1}": (layer, head)
    for kind, (layer, head) in (("most", most), ("least", least))
}
positions = tokenizer.tokenizer.convert_ids_to_tokens(encoding.input_ids[0])
figures.attention_figure({title: attention[place] for title, place in extremes.items()}, positions, named)

# %% [markdown]
# Names are orange. A dark diagonal is a head that looks at its own character, a diagonal beside it one that looks a fixed distance to the left or to the right, a dark column one that everybody looks at: often [CLS] or [SEP], the usual place to look at nothing. One sentence is an anecdote, so here is the same for several, in numbers.


# %% tags=["nbval-ignore-output"]
def looked_at(attention):
    """Percent of the characters' attention on the marks, on themselves, 1 to 3 places away, and farther away."""
    inner = attention[1:-1, 1:-1]
    itself, near = (inner.triu(-reach).tril(reach).sum() for reach in (0, 3))
    parts = torch.stack([len(inner) - inner.sum(), itself, near - itself, inner.sum() - near])
    return 100 * parts / len(inner)


def attention_of(text):
    encoding = tokenizer.batch([text])
    with torch.no_grad():
        return torch.cat(looking(*map(torch.from_numpy, encoding[:2]), output_attentions=True).attentions)


# %% tags=["nbval-ignore-output"]
several = [attention_of(sentence.text) for sentence in dev[:20]]
means = {title: sum(looked_at(maps[place]) for maps in several) / len(several) for title, place in extremes.items()}
columns = ("percent of attention on", "[CLS], [SEP]", "itself", "1 to 3 away", "farther")
table(columns, [(title, *(f"{share:.0f}" for share in shares)) for title, shares in means.items()])

# %% [markdown]
# It is tempting to read a purpose into such a picture. Remember what the curves said about scores that look at attention alone: what a head *looks at* is not yet what it *contributes*.

# %% [markdown]
# ## Choose for yourself
#
# Pick a score and a share of heads. Blue heads are left; the F1 was measured above, on *dev*.

# %% tags=["nbval-ignore-output"]
widgets.head_explorer({name: contenders[name] for name in (winner, *contenders)}, counts, f1)

# %% tags=["nbval-ignore-output"]
gone = {
    f"{name}, {ratio:.0%}: F1 {f1[name][place]:.1f}": select.select_globally(contenders[name], counts[place])
    for name in (winner, "article's code")
    for place, ratio in list(enumerate(ratios))[-4:]
}
figures.survivors_figure(gone, layers, heads)

# %% [markdown]
# The still picture is for readers without a running notebook: the last points of the winner's curve first, then those of the article's code. Where a whole row is white, a layer has no head left, and its feed-forward network works alone.

# %% [markdown]
# ## Into the ledger
#
# A choice made on *dev* has to be reported on sentences that had no say in it. Three choices of a fifth of the heads, really taken out, on *test*: the winner's, the article's, and dice.

# %% tags=["nbval-ignore-output"]
test = run.test
baseline = evaluate(torch_tagger(raner, tokenizer), test, seed)
choices = {"heads-20": winner, "heads-20-article": "article's code", "heads-20-random": "random 1"}
reported = {"nothing taken": baseline}
for stage, name in choices.items():
    pruned = remove.prune_heads(raner, select.select_globally(contenders[name], fifth))
    reported[name] = evaluate(torch_tagger(pruned, tokenizer), test, seed)
    found = ledger.Measured(pruned, reported[name], baseline=("original", baseline))
    run.ledger.append(ledger.make_row(stage, "03", "mini", "torch-fp32", found))
intervals = {name: (e.scores.f1, e.f1_low, e.f1_high) for name, e in reported.items()}
base.f1_figure({"a fifth of the heads gone, no retraining (test)": intervals})

# %% tags=["nbval-ignore-output"]
for name, evaluation in list(reported.items())[1:]:
    d = f1_difference(test, baseline.predictions, evaluation.predictions, seed)
    print(f"{name}: {d.value:+.2f} points against the original, interval {d.low:+.2f} to {d.high:+.2f}")

# %%
written = [run.ledger.row(stage, "mini", "torch-fp32") for stage in choices]
check("all choices leave the same number of heads", {sum(r["heads_per_layer"]) for r in written} == {total - fifth})
check("and the same number of parameters", len({r["parameters"] for r in written}) == 1)

# %% [markdown]
# ## How much of this model is there twice?
#
# All that was found here was found in one model. Does it say anything of yours? That depends on how much a model holds twice, and this can be seen: take parts out, and look what is missed.
#
# Two models are asked. **mini-RaNER** is a BERT that was pre-trained on a very large text before it learned to tag. **Its predecessor** in this course tagged too, and was made from nothing, on two cores: three layers were trained, copied on top of themselves to six, then to twelve. Both were asked once, on all test sentences; below are the commands, without their paths. For a model of yours, give `--model DIR --out FILE.json`.
#
# **Predict:** leave out one single layer of twelve. How many points of F1 does the layer in the *middle* cost the pre-trained model, when its layers are sorted by what they cost? And the copied one?

# %%
my_guess = ...

# %%
studies = redundancy.read_studies()
for name, path in redundancy.STUDIES.items():
    print(studies[name]["command"] if name in studies else f"{path.name} is not there: this study was not made yet.")

# %%
missed = {name: redundancy.lost_without_layers(study) for name, study in studies.items()}
costs_of_layers = {name: [layer.value for layer in of_model.values()] for name, of_model in missed.items()}
medians = {name: float(np.median(points)) for name, points in costs_of_layers.items()}
guesses.reveal("F1 without one layer, median", my_guess, medians.get("mini-RaNER"), "points")
for name, points in costs_of_layers.items():
    print(f"{name}: median {medians[name]:.1f} points, mean {np.mean(points):.1f}, most {max(points):.1f}")
figures.layers_figure(missed)

# %%
for name, of_model in missed.items():
    lower_half = list(of_model.values())[: len(of_model) // 2]
    least_missed = min(lower_half, key=lambda layer: layer.value)
    check(f"{name}: every layer of the lower half is worth a point of F1", verdict(least_missed, 1))

# %% [markdown]
# Compare the two means with the two medians, and look at the bars: one layer that nothing can do without may hold most of a mean. The median says what a layer usually costs. A layer that can go unnoticed has a twin, or has nothing to say.
#
# Now heads and neurons: the lowest by score, and as many at random (five draws: their mean, with the least and the most in round brackets; square ones hold a 95 % interval), before and after a recovery of one epoch. Random choices are recovered too, but only the first of the five draws. So the answer below speaks of that one draw and has no interval: another draw may be better or worse by some points. Without this control a recovery's merit looks like the score's. All losses are counted from the model as it was, not from the original trained again, which this study did not make. A training that would have helped the whole model as well makes them smaller, even negative. The difference of two recovered models is free of that: both had the same training. **Predict:** half of mini-RaNER's heads are gone, and the rest has been recovered. By how many points of F1 is the choice by score better than the random one?

# %%
my_guess = ...

# %%
empty = {"rows": []}
mini, predecessor = (studies.get(name, empty) for name in redundancy.STUDIES)
cells = card.removal_table(mini, predecessor)
recovered = {row["stage"]: row["recovered"]["f1"] for row in mini["rows"] if "recovered" in row}
by_score, by_dice = (recovered.get(f"50% of the heads, {way}", np.nan) for way in ("by score", "at random, draw 1"))
question = "half of the heads by score, after recovery, against one random draw"
guesses.reveal(question, my_guess, round(by_score - by_dice, 1), "points")
columns = ("F1 lost without", "mini-RaNER", "recovered", "its predecessor", "recovered")
table(columns, [(what, *of_both) for what, of_both in cells.items() if "%" in what])

# %% [markdown]
# And real BERT, of base size? The grey points are six tasks of [Prasanna et al. 2020](https://arxiv.org/abs/2005.00561), from the authors' files, five seeds each. They were cut by score until a tenth of the full score was gone, so the filled points stand at about the same height *by construction*. What was measured is how far to the right they stand, and how much a random cut of the same size costs, above them. Their scores are accuracies and correlations, ours is F1; so all are shown as a share of the full score that was lost. (Guessing still gets a third of MNLI right, and no entity at all: read the lower ends with care.) The picture shows no intervals; ours stand in the table above.

# %%
figures.removal_figure(redundancy.loss_panels(studies), published.published_panels())

# %% [markdown]
# Two more results to hold beside yours: about 40 % of BERT's heads can go before it shows ([Michel et al. 2019](https://arxiv.org/abs/1905.10650)); up to 40 % of the layers can go and up to 98 % of the performance stays, where the model is trained again and the *upper* layers are the ones that go ([Sajjad et al. 2023](https://arxiv.org/abs/2004.03844)).
#
# Read each curve from left to right. A model whose random curve stays flat has spares, and on it every score looks good. Where the random curve rises early, choosing is worth something; look how much of that is left after the recovery. Where our line by score crosses the height of the filled points further to the right than they stand, this model can lose more heads than BERT of base size in those tasks: its prices for heads are on the cheap side. So before you carry a price over to a model of your own, take out one layer at a time. That costs as many evaluations as there are layers, and says which of these curves is yours.

# %% [markdown]
# ## Your predictions

# %% tags=["nbval-ignore-output"]
guesses.review()

# %% [markdown]
# ## What you know now
#
# - What a head is worth is an experiment: take it out. Even that oracle has noise, and it knows only about one head at a time.
# - Gradients guess it in one pass, if they are not added up by accident, and if one says where the absolute value stands. You have written that pass.
# - A score is judged on sentences that it has not seen, between what chance gets and what it gets against itself.
# - A score is judged by the curve it gives, beside dice and with an interval. The article's code and its formula are two different scores.
# - "Keep the upper layers" was tested here, with a verdict for this model.
# - What a model loses without single layers, and with random heads, says whether its prices carry over. Copies make most cuts look cheap.
#
# **Next:** [04 · Pruning](04_pruning.ipynb) takes heads out for real, and asks what that saves.
