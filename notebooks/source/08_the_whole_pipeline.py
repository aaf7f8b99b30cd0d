# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 08 · The whole pipeline
#
# The article draws its pipeline as five boxes: the original, pruned by a fifth of its heads, fine-tuned, quantised, the result. It prints one table for them. Here each step from one to the next is a few lines of code that run. But first comes a budget, and the article's way does not meet it. So you go on where it ends: you choose a cut, build it, and find out whether you chose well. After that come the table of all versions and the audit.
#
# | | |
# |---|---|
# | **You will be able to** | take the article's way step by step, and check after every step that it still is the same model; search for a cut that meets a budget, and say how far the search can be trusted; judge it once, on sentences that had no say; do the same to a model of your own with one command |
# | **You need** | notebooks 01 and 02; two CPU cores and 4 GB of free memory |
# | **Minutes** | shown below the set-up cell, from a measured run |

# %% tags=["parameters"]
run_dir = ""
model = ""
corpus = ""
seed = 1
quick = False

# %% tags=["nbval-ignore-output"]
import json
from functools import partial

import numpy as np

from utils.compress import recipes
from utils.compress.batches import make_batches
from utils.compress.importance import gradients
from utils.compress.pruning import cost, remove, select
from utils.compress.quantization import dynamic
from utils.compress.quantization.saved import load_quantized_sentence_tagger, load_quantized_tagger, save_quantized
from utils.course import cli, compress_report, report
from utils.course.exercises import nb08 as exercises
from utils.course.figures import base, results
from utils.course.figures import nb08 as figures
from utils.course.figures.compress import waterfall_figure
from utils.course.leaderboard import LEARNER, SEARCH, Entry, leaderboard
from utils.course.sizes import sizes_of
from utils.course.solutions import solution
from utils.course.tables import table
from utils.course.teaching import attempted, check, exercise, predictions, show_minutes
from utils.engines import onnx_export, onnx_quantize, onnx_session, openvino, pareto
from utils.engines.variants import Variant, measure_variants
from utils.files import write_atomically
from utils.measure import claims
from utils.measure.evaluation import evaluate, merged
from utils.measure.latency import THREADS, measure_taggers, pinned_threads
from utils.measure.ledger import Ledger, Measured, make_row
from utils.measure.machine import machine
from utils.measure.run import open_run
from utils.measure.scores import agreement
from utils.measure.verdict import Estimate, f1_difference, times_as_fast, verdict
from utils.model import pruned_shape
from utils.model.checkpoint import save_raner
from utils.model.torch_tagger import load_sentence_tagger, load_tagger, torch_tagger
from utils.model.twin import article_twin
from utils.serving.models import open_model
from utils.studies import own_versions, pipeline, waterfall
from utils.studies.compression import search
from utils.studies.compression.forms import ENGINES
from utils.studies.compression.plan import Recipe, Target
from utils.studies.compression.trial import unread
from utils.studies.compression.work import Work
from utils.studies.cut_search import best_within, nearest, size_left
from utils.tagger.tagger import by_sentence
from utils.text.entities import merge_neighbours

run = open_run(run_dir, model, corpus, seed, quick)
sizes = sizes_of("08", run)
guesses = predictions(run, "08")
show_minutes("08")

# %% [markdown]
# ## The task
#
# Your newspaper wants an article analysed while its editor waits. So 500 characters may take at most **an eighth** of the time that the model takes today, on this machine. For that the editors bear a loss of at most **three points** of F1. Meet it.
#
# Three quarters of the test sentences stay hidden until your model is built. Whatever has a say in the choice, a gradient, dev or you, must not have seen what judges it. (If you come from notebooks 04 to 07: their pictures were of these sentences, too. The search has seen none of them; your own hunch has, so give it little weight.)
#
# What does the untouched model get right? All versions of this notebook read alike: the sentences of a text apart, as the model learned them.

# %% tags=["sizes"]
target = Target(speedup=8.0, lose=3.0)
order = np.random.default_rng(seed).permutation(len(run.test))
test = [run.test[place] for place in order]
shown, hidden = test[: len(test) // 4], test[len(test) // 4 :]
texts = [sentence.text for sentence in shown]
print(f"{len(shown)} test sentences are shown, {len(hidden)} are hidden")
original, tokenizer = run.model()
before = sum(p.numel() for p in original.parameters())
layers, heads = original.config.num_hidden_layers, original.config.num_attention_heads
print(f"{layers} layers x {heads} heads = {layers * heads} heads, {before:,} parameters")

# %% tags=["nbval-ignore-output"]
whole = torch_tagger(original, tokenizer)
seen = {"original": evaluate(by_sentence(whole), shown, seed)}
now = seen["original"]
print(f"F1 {now.scores.f1:.1f} [{now.f1_low:.1f}, {now.f1_high:.1f}] on the sentences that are shown")

# %% [markdown]
# ## The article's way: which heads matter least?
#
# Put a gate in front of every head and ask how strongly the loss would answer if the gate moved. The mean of that absolute gradient over sentences is the score of Michel et al. (2019). One backward pass a batch, no training.
#
# Will the weakest fifth of the heads sit in the low layers, in the high ones, or everywhere? The article says: prune the low layers, keep layers 9 to 12. In the picture a dark row is a layer that the model leans on; read off where the crosses gather.

# %% tags=["nbval-ignore-output"]
sample = run.corpus.train[: sizes.scored]
batches = make_batches(sample, tokenizer, original.labels)
scores = gradients.michel_per_example(original, batches)
count = round(0.2 * scores.numel())
weakest = select.select_globally(scores, count)
base.head_grid(scores, weakest, title=f"|gradient| of the loss at each head; crossed: the weakest {count}")

# %%
check(f"{count} of {scores.numel()} heads are chosen", sum(map(len, weakest.values())) == count)
chosen = [scores[layer, head] for layer, found in weakest.items() for head in found]
check("no head outside the choice scores lower", max(map(float, chosen)) == np.sort(scores.flatten())[count - 1])

# %% [markdown]
# ## Taking them out for real
#
# A mask leaves the matrices as they are. Removing cuts rows out of query, key and value and columns out of the output projection, so there is less to store and less to multiply.
#
# **Predict:** a fifth of the heads goes. By how many percent do the parameters of *this* model fall? The article says 18.

# %%
my_guess = ...

# %%
pruned = remove.prune_heads(original, weakest)
predicted = cost.predict_cost(original.config, pruned_shape.pruning_map(pruned.config), length=500)
after = sum(p.numel() for p in pruned.parameters())
print(f"{before:,} -> {after:,} parameters")
guesses.reveal("parameters that go with a fifth of the heads", my_guess, round(100 * (before - after) / before, 1), "%")

# %%
with remove.masked_heads(original, weakest):
    masked = torch_tagger(original, tokenizer).backend(*tokenizer.batch(texts[:8])[:2])
removed = torch_tagger(pruned, tokenizer).backend(*tokenizer.batch(texts[:8])[:2])
check("the parameters fall by exactly the predicted number", predicted.parameters == after)
check("removed heads answer like masked heads, to 1e-4", np.abs(masked - removed).max() < 1e-4)
check("20 % of the heads are 18 % of the parameters, as the article says", (before - after) / before > 0.17)

# %% [markdown]
# Why so few? Heads live in four matrices a layer. At these proportions they hold under a third of the parameters, so a fifth of them is about a fifth of that. No choice of heads can change it.
#
# ## What did it cost, and can training bring it back?
#
# The surgery left every surviving weight as it was. A short fine-tuning lets the others take over. But who is trained gets better for two reasons: what was cut heals, and it sees this corpus's sentences once more. The second reason has nothing to do with pruning. So the **fair baseline** is *original-again*: nothing cut, the same training, the same steps. What pruning costs is the distance to it.
#
# **Predict:** a fifth of the heads gone, then trained: how many points of F1 below *original-again*? Below 0 would be above it.

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
dev = run.training.dev
intact, damaged = (evaluate(by_sentence(torch_tagger(m, tokenizer)), dev, seed) for m in (original, pruned))
print(f"on dev, without training: F1 {intact.scores.f1:.1f} -> {damaged.scores.f1:.1f}")
schedule = pipeline.recovery_schedule(run)
recovered = pipeline.trained(run, "recovered", pruned, tokenizer, schedule)
again = pipeline.fair_baseline(run, original, tokenizer, schedule)
for name, model_again in (("recovered", recovered), ("original-again", again)):
    seen[name] = evaluate(by_sentence(torch_tagger(model_again, tokenizer)), shown, seed)
    print(f"{schedule.steps} steps: {name} F1 {seen[name].scores.f1:.1f}")


# %% tags=["nbval-ignore-output"]
def difference(one, other):
    found = f1_difference(one.sentences, one.predictions, other.predictions, seed)
    return "{:+.2f} [{:+.2f}, {:+.2f}] points".format(*found)


print("the training alone:", difference(seen["original"], seen["original-again"]))
print("the cut, both trained:", difference(seen["original-again"], seen["recovered"]))
lost = f1_difference(shown, seen["recovered"].predictions, seen["original-again"].predictions, seed)
guesses.reveal("F1 lost with a fifth of the heads, both trained", my_guess, lost, "points")
maps = [pruned_shape.pruning_map(m.config) for m in (pruned, recovered)]
check("fine-tuning keeps the pruning map", maps[0] == maps[1])

# %% [markdown]
# ## Eight bits instead of thirty-two
#
# Dynamic quantisation stores each weight of the linear layers as one byte, and rounds activations as they come. The table of characters stays as it is, in four bytes a number, and so do biases and LayerNorms: the file shrinks, but not to a quarter.


# %% tags=["nbval-ignore-output"]
def saved(name, build):
    return run.artifact(f"mini/{name}-seed{seed}", build)


original_path = saved("original", lambda path: save_raner(original, tokenizer, path))
int8_path = saved("quantized", lambda path: save_quantized(dynamic.quantize(original), tokenizer, path))
pruned_int8_path = saved("pruned-quantized", lambda path: save_quantized(dynamic.quantize(recovered), tokenizer, path))

# %%
in_memory = torch_tagger(dynamic.quantize(recovered), tokenizer).backend(*tokenizer.batch(texts[:4])[:2])
reloaded = load_quantized_tagger(pruned_int8_path).backend(*tokenizer.batch(texts[:4])[:2])
check("a quantised model that was saved and loaded answers exactly as before", np.array_equal(in_memory, reloaded))

# %% [markdown]
# ## Another engine
#
# The encoder goes to ONNX, once in float32 and once in INT8. The CRF stays outside, in numpy: every engine shares it.


# %% tags=["nbval-ignore-output"]
def to_onnx(place, name, source_model, characters):
    exported = place(f"{name}-onnx", lambda path: onnx_export.export_onnx(source_model, characters, path))
    return exported, place(f"{name}-onnx-int8", lambda path: onnx_quantize.quantize_onnx(exported, path))


onnx_path, onnx_int8_path = to_onnx(saved, "original", original, tokenizer)

# %%
encoding = tokenizer.batch(texts[:8])
in_onnx = onnx_session.load_onnx_tagger(onnx_path).backend(*encoding[:2])
in_torch = whole.backend(*encoding[:2])
real = encoding.attention_mask.astype(bool)  # at padding the engines differ, and nobody reads it
check("ONNX Runtime in float32 gives torch's emissions, to 1e-4", np.abs(in_onnx - in_torch)[real].max() < 1e-4)

# %% [markdown]
# ## Does the article's way meet the budget?
#
# **Predict:** how many times as fast as the original is the fastest of the article's versions? Wanted is eight.

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
in_torch8, in_onnx8 = load_quantized_sentence_tagger, onnx_session.load_onnx_sentence_tagger
ways = {"original, read whole": whole, "original, read by sentence": by_sentence(whole)}
article_way = {
    "quantized, torch": in_torch8(int8_path),
    "pruned and quantized, torch": in_torch8(pruned_int8_path),
    "quantized, ONNX Runtime": in_onnx8(onnx_int8_path),
}


def beside_original(taggers):
    """Times of the article, in turns: the original's in its faster way of reading, and those of the taggers."""
    with pinned_threads(THREADS):
        clock = measure_taggers(ways | taggers, [run.article.text], sizes.rounds)
    return min((clock[way] for way in ways), key=lambda time: time.p50), clock


# %% tags=["nbval-ignore-output"]
today, clock = beside_original(article_way)
speeds = {name: times_as_fast(today, clock[name]) for name in article_way}
seen |= {name: evaluate(tagger, shown, seed) for name, tagger in article_way.items()}
print(f"the original takes {today.p50:.0f} ms, so the budget is {today.p50 / target.speedup:.0f} ms")
fastest = max(speeds.values())
guesses.reveal("how much faster the article's fastest version is", my_guess, fastest, "times")
for name, speed in speeds.items():
    check(f"{name}: an eighth of the time", verdict(speed, target.speedup))
interval = "{:.2f} [{:.2f}, {:.2f}]".format
lines = [(n, f"{clock[n].p50:.0f}", interval(*speeds[n]), f"{seen[n].scores.f1:.1f}") for n in article_way]
table(("version", "ms", "times as fast", "F1 where shown"), lines)

# %% [markdown]
# ✓ and ✗ are said only where the whole interval lies on one side of the margin, ? where these sentences, or these turns, cannot tell. All verdicts on F1 and on time are of that kind; the other ticks compare numbers that are exact, or equal to a stated precision. (An interval of times that reaches far down holds calls that something else held up: few rounds do not outvote them.)
#
# Eight bits and another engine have given what they can, and a fifth of the heads gives little. Who wants an eighth of the time has to cut deeper, neurons as well as heads. How deep?
#
# ## A search: hundreds of cuts on paper
#
# Each cut that is trained takes minutes. So a search tries them on paper first, on two sheets:
#
# - **Time.** A layer is timed with none, half and all of its heads, and likewise of its neurons, in each engine. The time of any cut is a sum of these, read off between them.
# - **F1.** Some cuts are made and tried on dev, without any training. The others lie between them.
#
# Neither is the last word. What the search names still has to be built, trained and measured. OpenVINO, an engine that notebook 07 introduces, takes part.

# %% tags=["nbval-ignore-output"]
engines = tuple(f"{name}, sentences" for name in ("torch", "torch INT8", "ONNX", "ONNX INT8", "OpenVINO INT8"))
forms = {"torch-fp32": original_path, "torch-int8": int8_path}
forms |= pipeline.engine_graphs(run, "mini", original, tokenizer)
work = Work(run, original, tokenizer, run.corpus, (), target, Recipe(engines=engines, **sizes.search))
known = search.search(work, forms)
print(f"{len(known.found)} candidates; one standard error of F1 is {known.noise:.1f} points on these dev sentences")
figures.search_figure(known.found, {"the budget": known.limit})

# %% [markdown]
# Each line is an engine, and shows the best F1 that it offers within any time. Left of the dashed line is your budget. Is the highest point there the one to build? (How far an engine's line lies above or below that of torch in float32 is what rounding did to the uncut model on these few sentences. So one that surely loses on test may lie above.)
#
# ### Build it: which candidate?
#
# Not always, because dev is small. Had it held other sentences, another cut might stand highest. So whatever lies within one standard error of the best (a quarter of the width of a 95 % interval) counts as equal, and of equals one takes the cut that destroys least. Breiman et al. used this *one-standard-error rule* in 1984, to choose among trees.
#
# Write `my_rule(candidates, limit, noise)`. A candidate has an `engine`, the shares of `heads` and `neurons` that are left (0 to 1), `milliseconds` and `f1`. Of those that take at most `limit` ms find the highest F1. Of all that fit and lie at most `noise` points below it, return the one with most left: the largest sum of its two shares. Of two with as much left the one with the higher F1 comes first, then the faster one. Where no candidate fits, return `None`.
#
# Stuck? `solution("08", 1)` shows one way.

# %%
my_rule = ...

# %%
exercise(my_rule, exercises.smallest_within_noise)


# %% jupyter={"source_hidden": true} tags=["solution"]
def my_rule(candidates, limit, noise):
    fitting = [c for c in candidates if c.milliseconds <= limit]
    if not fitting:
        return None
    best = max(c.f1 for c in fitting)
    close = [c for c in fitting if c.f1 >= best - noise]
    return max(close, key=lambda c: (c.heads + c.neurons, c.f1, -c.milliseconds))


exercise(my_rule, exercises.smallest_within_noise)

# %% tags=["nbval-ignore-output"]
limit = 0.95 * known.limit  # times that were added up are not exact: a reserve
deepest = min(known.found, key=known.cost)  # where nothing fits
suggested = best_within(known.found, limit, noise=known.noise) or deepest
lines = []
for speed in (target.speedup, target.speedup / 2, target.speedup / 4):
    wide_enough = limit * target.speedup / speed
    for rule, noise in (("highest F1", None), ("smallest within one standard error", known.noise)):
        c = best_within(known.found, wide_enough, noise=noise) or deepest
        lines.append((f"{speed:g}x, {rule}", c.engine, f"{c.heads:.0%}", f"{c.neurons:.0%}", f"{c.f1:.1f}"))
if attempted(my_rule):
    mine = my_rule(known.found, limit, known.noise) or deepest
    check("your rule chooses as the search does", mine == suggested)
table(("asked, and chosen by", "engine", "heads left", "neurons left", "F1 on dev, untrained"), lines)

# %% [markdown]
# Where the budget is tight, little fits, and both rules may name the same cut. Give them room, and they part.
#
# ## Your choice
#
# Now choose: an engine of the five above, and the shares of heads and neurons that are to be left. `my_choice = ("ONNX INT8, sentences", 0.6, 0.5)` would leave 60 % of the heads and half of the neurons, or what comes nearest among the candidates. Do you trust the search, which keeps one twentieth of the time in reserve? Would you keep more, or rather take a risk, for the sake of F1? As long as there is a `...`, what the search suggests is built.
#
# **Predict** as well: how many points of F1 will it lose on the hidden sentences, after training?

# %%
my_choice = ...
my_guess = ...

# %% tags=["nbval-ignore-output"]
choice = suggested if my_choice is ... else nearest(known.found, *my_choice)
size = size_left(original, choice.heads, choice.neurons)
uncut = nearest(known.found, "torch, sentences", 1, 1)
foretold = target.speedup * known.limit / choice.milliseconds
print(f"{choice.engine}: {size.heads} of {layers * heads} heads and {size.neurons:,} neurons are left")
print(f"foretold: {foretold:.1f} times as fast, and {choice.f1 - uncut.f1:+.1f} points of F1 before any training")
seen_loss = f1_difference(shown, seen["original"].predictions, seen["pruned and quantized, torch"].predictions, seed)
reach = (seen_loss.high - seen_loss.low) / 2 * (len(shown) / len(hidden)) ** 0.5
print(f"{len(hidden)} hidden sentences tell a loss to about ±{reach:.1f} points: "
      f"for a ✓ at {target.lose:g} points it must measure {target.lose - reach:.1f} or less")  # fmt: skip

# %% [markdown]
# ## Training it, and the original beside it
#
# What a deep cut forgets is not only this corpus. The original learned from twenty-nine thousand annotated sentences and from three million characters of news, and some hundred sentences cannot bring all of that back. But a teacher needs no labels. Besides annotated sentences (half labels, half the teacher's answers) the student reads some of the plain texts of `unlabelled.txt`, where it learns the answers alone, and what the teacher's layers hold on the way there. A teacher's answers also allow larger steps than labels do. The parts that go are those with the lowest scores: heads by Fisher's score, the squared gradient of a gate, which notebook 03 holds against ten others, neurons by their mean absolute gradient. What is left is first reconstructed by least squares (notebook 05), on plain texts, and then learns. All this is in `own_versions.School`, some sixty lines that you have met the parts of.
#
# The fair baseline is the original with the same lessons, from the same texts, for as many steps, at the recovery's own rate. Its teacher is itself, so at the start only the labels can move it, and its own answers hold it where it is.

# %% tags=["sizes"]
school = own_versions.School(run, original, tokenizer, known.scores)
own_steps = own_versions.STEPS[quick]
print(f"{len(school.labelled.train)} sentences and {len(school.lessons.texts)} texts, {own_steps} steps")

# %% tags=["nbval-ignore-output"]
own_again = school.fair_baseline()
mine_name = f"choice-{size.heads}-{size.neurons}"
mine = school.taught(mine_name, school.student(size))
print(f"{own_steps} steps each; yours has {mine.num_parameters():,} of {before:,} parameters")

# %% [markdown]
# ## The hidden sentences, once
#
# Your model is written for its engine and takes turns with the original on the article. Then it reads the hidden sentences, and so does its baseline. Nothing has been chosen by them, and after this cell nothing can be: to go back now and choose another cut would be a second look.
#
# How far off was the search? Its time is a sum of parts that were measured apart. Its F1 is that of a cut which nobody has trained, so what lies between its F1 and the measured one is what reconstruction and training brought back.

# %% tags=["nbval-ignore-output"]
backend, load = ENGINES[choice.engine]
mine_path = work.forms(f"mini/{mine_name}-{backend}-seed{seed}", mine, tokenizer, [backend])[backend]
readers = {"own baseline": by_sentence(torch_tagger(own_again, tokenizer)), "choice": load(mine_path)}
today, clock = beside_original({"choice": readers["choice"]})
reached = times_as_fast(today, clock["choice"])
late = {name: evaluate(tagger, hidden, seed) for name, tagger in readers.items()}
loss = f1_difference(hidden, late["own baseline"].predictions, late["choice"].predictions, seed)

# %% tags=["nbval-ignore-output"]
lost = Estimate(-loss.value, -loss.high, -loss.low)
guesses.reveal("F1 that your cut loses on the hidden sentences", my_guess, lost, "points")
check("an eighth of the time", verdict(reached, target.speedup))
check(f"at most {target.lose} points of F1 are lost", verdict(loss, -target.lose))
untrained, points = choice.f1 - uncut.f1, "{:+.2f} [{:+.2f}, {:+.2f}] points".format
off = (
    f"foretold too high by {foretold / reached.value - 1:.0%}",
    f"brought back by training: {loss.value - untrained:+.1f}",
)
lines = [
    ("ms", f"{choice.milliseconds:.1f}", f"{clock['choice'].p50:.1f}", "two sessions: not divided"),
    ("times as fast", f"{foretold:.2f}", interval(*reached), off[0]),
    ("F1", f"{untrained:+.2f} points", points(*loss), off[1]),
]
table(("", "foretold", "measured", ""), lines)

# %% [markdown]
# ### The leaderboard
#
# Where the ✗ stands at the time, the reserve was too small for what a sum of parts leaves out. That is worth knowing for the next budget; for this one the hidden sentences are spent.
#
# The leaderboard keeps every choice of yours that was tried with this model and corpus on this computer, beside the search's last one. If you change `my_choice` and run the cells from there to here again, that is a second row, not a better first one. Why? Who tries ten cuts and shows the best has chosen by the hidden sentences, and they are hidden no more.

# %% tags=["nbval-ignore-output"]
board = leaderboard(run, target)
chosen_by = SEARCH if my_choice is ... else LEARNER
board.enter(Entry(chosen_by, choice.engine, choice.heads, choice.neurons, clock["choice"].p50, reached, loss))
board.show(chosen_by)

# %% [markdown]
# ## Two cuts that were chosen in advance
#
# The test sentences are open now, so from here on all of them count. Two versions of the course itself take part: *compressed* and *compressed-more* lose heads and neurons as the cell below prints, learn as yours did, and go to eight bits in two engines, ONNX Runtime and OpenVINO. How large may a cut be? `python -m utils.studies.own_versions` made six of them, once, and asked dev: the deepest that loses no more than half of what is allowed there was taken, since sentences that choose a cut are kind to it. A thousand sentences of MSRA's dev split were asked as well. They had no say; they show what becomes of a cut on texts of another kind than those it learned from.
#
# **Predict:** how many times as fast as the original is *compressed* at the article's size, in ONNX Runtime?

# %%
my_speed_up = ...

# %%
rounded = "{:+.1f} [{:+.1f}, {:+.1f}]".format
tried = json.loads(own_versions.STUDY.read_text("utf-8"))["rows"]
lines = [
    (f"{row['heads']:.0%}", f"{row['neurons']:.0%}", *(rounded(*found) for found in row["difference"].values()))
    for row in tried
]
table(("heads gone", "neurons gone", "F1 on dev against the fair baseline", "on MSRA's dev"), lines)

# %% tags=["nbval-ignore-output"]
compressed = {}
for name, cut in recipes.COMPRESSED.items():
    compressed[name] = school.taught(name, school.student(recipes.left_after(original, cut)))
    print(f"{name}: {cut.heads:.0%} of the heads and {cut.neurons:.0%} of the neurons are gone")


# %% tags=["nbval-ignore-output"]
def completed(tagger, early):
    return merged([early, evaluate(tagger, hidden, seed)], seed)


baseline, tuned, fair = (
    completed(by_sentence(torch_tagger(model, tokenizer)), seen[name])
    for name, model in (("original", original), ("recovered", recovered), ("original-again", again))
)
own_fair = merged([evaluate(readers["own baseline"], shown, seed), late["own baseline"]], seed)
print(f"original-again, {own_steps} steps: F1 {own_fair.scores.f1:.1f}; {difference(baseline, own_fair)}")
fifth = recipes.CUTS["heads-20"]
judged = recipes.judge(fifth, test, fair, tuned, seed)
check(f"a fifth of the heads costs at most {fifth.allowed} points", judged.verdict)

# %% tags=["nbval-ignore-output"]
longer, calibrated = ("original-again-own", own_fair), pipeline.calibration_texts(run)
engines8 = {"onnx-int8": in_onnx8, "openvino-int8": openvino.load_openvino_sentence_tagger}


def in_engines(place, name, source_model, texts):
    exported, path = to_onnx(place, name, source_model, tokenizer)
    build = partial(openvino.quantize_openvino, exported, texts=texts)
    return {"onnx-int8": path, "openvino-int8": place(f"{name}-openvino-int8", build)}


# %% tags=["nbval-ignore-output"]
ours = []
for name, smaller in compressed.items():
    cut = recipes.COMPRESSED[name]
    for backend, path in in_engines(saved, name, smaller, calibrated).items():
        scored = evaluate(engines8[backend](path), test, seed)
        trained = {"steps": own_steps, "baseline": longer}
        ours.append(Variant(name, backend, path, smaller, scored, engines8[backend], **trained))
        print(f"{name}, {backend}: F1 {scored.scores.f1:.1f}, {difference(own_fair, scored)}")
        judged = recipes.judge(cut, test, own_fair, scored, seed)
        check(f"{name}, {backend}, loses at most {cut.allowed} points against original-again", judged.verdict)

# %% [markdown]
# What was allowed where the cuts were chosen, test may refuse: on a few sentences, not to see a loss is no proof that there is none, and sentences that chose a cut are kind to it. So a ✗ here is the result: that version loses more than it was allowed, and it stays in all tables below with that loss. To choose another cut now, because of it, would make test a second dev.
#
# And each version was trained once. Its interval says how far other sentences would move the difference; another seed moves it too (notebook 05 has a table of five). A ✓ or ✗ that is decided by less than that is one of this training.
#
# INT8 is scored as it is served, one sentence at a time: an activation's scale is that of the whole batch, so strangers in one batch may change an answer. How often does it happen when sixteen sentences are packed together, as in the article below?

# %% tags=["nbval-ignore-output"]
first, texts = ours[0], [sentence.text for sentence in test]
together = first.load().predict(texts, batch_size=16)
print(f"{first.stage}: {agreement(first.evaluation.predictions, together):.1f} % of the sentences get the same answer")

# %% [markdown]
# ### Fewer characters, too?
#
# The table of characters is a large part of what is left of the file. What if it held only the characters of train and dev? One that is gone is read as `[UNK]`, like one that the model never knew. The sentence keeps its length, and the neighbours have to tell what it was. Dev cannot see what that costs, since all its characters stay. Test can, and so will every new text.
#
# **Predict:** how many of a hundred test sentences lose a character? Notebook 04 counted those with a character that train lacks; here dev's characters stay, too. (And what may it cost in F1?)

# %%
my_guess = ...

# %% tags=["sizes"]
fewer, characters = remove.prune_vocabulary(compressed["compressed"], tokenizer, work.known)
print(f"{original.config.vocab_size} -> {fewer.config.vocab_size} characters and special tokens")
gone = set(unread(tokenizer, characters, texts))
touched = sum(not gone.isdisjoint(text) for text in texts)
print(f"{len(gone)} characters of the test sentences are gone")
of_100 = round(100 * touched / len(texts))
guesses.reveal("sentences that lose a character", my_guess, of_100, "of a hundred")
print(f"{len(unread(tokenizer, characters, [run.article.text]))} characters of the article are gone")
unknown = characters.tokenizer.unk_token_id
check("what is gone is read as [UNK]", all(characters.pieces(character) == [unknown] for character in gone))

# %% tags=["nbval-ignore-output"]
both = torch_tagger(compressed["compressed"], tokenizer), torch_tagger(fewer, characters)
reads_all, unread_some = (evaluate(by_sentence(tagger), test, seed) for tagger in both)
print("compressed, with fewer characters instead of all, both in torch:", difference(reads_all, unread_some))
price = f1_difference(test, reads_all.predictions, unread_some.predictions, seed)
check("fewer characters cost at most half a point", verdict(price, -0.5))

# %% [markdown]
# What does it bring? A character is looked up about as quickly in a small table as in a large one. So this cut brings megabytes and hardly any time (the waterfall below has both), and F1 on new texts pays for it. So *compressed* and *compressed-more* keep all their characters, and so did yours.
#
# ## Scores of all versions, read alike


# %% tags=["nbval-ignore-output"]
untouched, trained_again = ("original", baseline), ("original-again", fair)
plain = {"steps": 0, "baseline": untouched}
tuned_too = {"steps": schedule.steps, "baseline": trained_again}
first, second, third = (completed(tagger, seen[name]) for name, tagger in article_way.items())
versions = [
    Variant("original", "torch-fp32", original_path, original, baseline, load_sentence_tagger, steps=0),
    Variant("quantized", "torch-int8", int8_path, original, first, in_torch8, **plain),
    Variant("pruned-quantized", "torch-int8", pruned_int8_path, recovered, second, in_torch8, **tuned_too),
    Variant("quantized", "onnx-int8", onnx_int8_path, original, third, in_onnx8, **plain),
    *ours,
]

# %% tags=["nbval-ignore-output"]
here = machine()
for v in versions:
    found = Measured(v.model, v.evaluation, path=v.path, machine=here, baseline=v.baseline, steps=v.steps, seed=seed)
    run.ledger.append(make_row(v.stage, "08", "mini", v.backend, found))
    same = agreement(baseline.predictions, v.evaluation.predictions)
    print(f"{v.stage:>16} {v.backend:>10}: F1 {v.evaluation.scores.f1:.1f}, {same:.0f} % of the sentences as before")
baselines = (trained_again, again, schedule.steps), (longer, own_again, own_steps)
for (stage, judged), model_again, taken in baselines:
    found = Measured(model_again, judged, machine=here, baseline=untouched, steps=taken, seed=seed)
    run.ledger.append(make_row(stage, "08", "mini", "torch-fp32", found))

# %% [markdown]
# ## At the article's size
#
# The twin repeats each feature of the embedded model until it is as wide as BERT-base, and divides accordingly: the same answers, at the cost of the article's model. A model that is that wide already is its own twin. The twin is redundant by construction, so nothing here may make use of that; it only tells us what the same steps cost at that size.


# %% tags=["nbval-ignore-output"]
def large(name, build):
    return run.artifact(f"article/{name}-seed{seed}", build)


big, big_recovered = article_twin(original), article_twin(recovered)
float_dir = large("original", lambda path: save_raner(big, tokenizer, path))
int8_dir = large("quantized", lambda path: save_quantized(dynamic.quantize(big), tokenizer, path))
both_dir = large("pruned-quantized", lambda path: save_quantized(dynamic.quantize(big_recovered), tokenizer, path))
onnx_float_dir, onnx_dir = to_onnx(large, "original", big, tokenizer)
wide = {name: article_twin(smaller) for name, smaller in compressed.items()}
calibrated = pipeline.calibration_texts(run, "article")
own_dirs = {name: in_engines(large, name, wide[name], calibrated) for name in compressed}
_, fewer_dir = to_onnx(large, "compressed-fewer-characters", article_twin(fewer), characters)
fewer_heads = article_twin(waterfall.cuts(original, compressed["compressed"])["heads"])
_, fewer_heads_dir = to_onnx(large, "fewer-heads", fewer_heads, tokenizer)

# %%
small = whole.backend(*encoding[:2])
check("the twin gives the mini's emissions, to 1e-4",
      np.abs(torch_tagger(big, tokenizer).backend(*encoding[:2]) - small).max() < 1e-4)  # fmt: skip
print(f"{sum(p.numel() for p in big.parameters()):,} parameters")

# %% [markdown]
# ## Where does the speed come from?
#
# A speed-up of many factors says nothing about any of them. So the way from the original to *compressed* is gone one change at a time, all versions taking turns in one session: the engine, eight bits, packing, heads, neurons, characters. Cut twins need no training here, time does not ask for it.
#
# And from where is it counted? The original may read a text whole or by sentence. Whichever is **faster** is the base; to be fast against a slow reading is no art. Where it is faster whole, the step to ONNX Runtime holds two changes, the engine and the reading.
#
# Which three changes give the most? Which gives megabytes, and no time?


# %% tags=["nbval-ignore-output"]
def padded(path):
    return by_sentence(onnx_session.load_onnx_tagger(path))


readings = {"whole": load_tagger, "by sentence": load_sentence_tagger}
starts = [waterfall.Step(f"original, read {name}", float_dir, reader) for name, reader in readings.items()]
steps = [
    waterfall.Step("ONNX Runtime, by sentence", onnx_float_dir, padded),
    waterfall.Step("eight bits", onnx_dir, padded),
    waterfall.Step("sentences packed", onnx_dir, in_onnx8),
    waterfall.Step("fewer heads", fewer_heads_dir, in_onnx8),
    waterfall.Step("fewer neurons", own_dirs["compressed"]["onnx-int8"], in_onnx8),
    waterfall.Step("fewer characters", fewer_dir, in_onnx8),
]

# %% tags=["nbval-ignore-output"]
in_one_piece = [
    waterfall.Step("INT8", int8_dir, load_quantized_tagger),
    waterfall.Step("a fifth fewer heads", both_dir, load_quantized_tagger),
]  # the article's own way, for later
big_versions = [
    Variant("quantized", "torch-int8", int8_dir, big, loader=in_torch8),
    Variant("pruned-quantized", "torch-int8", both_dir, big_recovered, loader=in_torch8),
    Variant("quantized", "onnx-int8", onnx_dir, big, loader=in_onnx8),
    *[Variant(name, backend, path, wide[name], loader=engines8[backend])
      for name, paths in own_dirs.items() for backend, path in paths.items()],
]  # fmt: skip
compared = [waterfall.Step(f"{v.stage}, {v.backend}", v.path, v.loader) for v in big_versions]
session = waterfall.timed([*starts, *steps, *in_one_piece, *compared], run.article.text, sizes.rounds)

# %% tags=["nbval-ignore-output"]
factors = waterfall.chain(starts, steps, session)
slower, start, *changes = factors
fastest = start.name.removeprefix("original, read ")
print(f"the original takes {slower.milliseconds:.0f} ms {slower.name.removeprefix('original, ')}, "
      f"and {start.milliseconds:.0f} ms {start.name.removeprefix('original, ')}: that is the base")  # fmt: skip
write_atomically(run.artifacts / "waterfall.png", report.png(waterfall_figure(factors, base=1)))
for factor in changes:
    check(f"{factor.name}: faster than the line above", verdict(factor.times, 1))
waterfall_figure(factors, base=1)

# %% [markdown]
# The factors multiply. Each stands for its place in the chain, too: a cut that comes after eight bits saves fewer milliseconds than the same cut before them, and another order would share the product out otherwise.
#
# Where torch gains little by reading sentences apart, or even loses: what attention saves on short rows, padding and reading all weights once a batch take away again. Packing saves both, and that needs a mask which torch's model does not have.
#
# ## One table, one protocol
#
# All versions took their turns on the 500-character article, text to entities, in the session of the waterfall. Now each loads once in a fresh process to show its memory.

# %% tags=["nbval-ignore-output"]
base_step = next(step for step in starts if step.change == start.name)
untouched_big = Variant("original", "torch-fp32", float_dir, big, loader=base_step.load)
times_of = [session[step] for step in (base_step, *compared)]
big_rows = measure_variants(run, [untouched_big, *big_versions], "08", "article", times=times_of)


# %% tags=["nbval-ignore-output"]
def times(row):
    fast = row["times_as_fast"]
    return Estimate(fast["value"], fast["low"], fast["high"])


def cells(version, row):
    d = (version.baseline or untouched)[1]
    size, time = row["file_bytes"], row["latency_ms"]["p50"]
    return (version.stage, version.backend, f"{time:.0f}", "{:.2f} [{:.2f}, {:.2f}]".format(*times(row)),
            f"{size / 1e6:.0f}", f"{row['rss_mb']:.0f}", f"{version.evaluation.scores.f1:.1f}",
            difference(d, version.evaluation))  # fmt: skip


# %% tags=["nbval-ignore-output"]
header = ("version", "engine", "ms", "times as fast", "MB", "peak MB", "F1", "against its baseline")
table(header, [cells(*pair) for pair in zip(versions, big_rows, strict=True)])

# %% tags=["nbval-ignore-output"]
print(f"base: the original in torch, float32, read {fastest}; {' '.join(here['flags'])}")
print(f"compressed, with fewer characters: {factors[-1].megabytes:.0f} instead of {factors[-2].megabytes:.0f} MB")
for row in big_rows[-len(ours) :]:
    speed = "{:.1f} [{:.1f}, {:.1f}]".format(*times(row))
    print(f"{row['stage']}, {row['backend']}: {speed} times as fast, {row['file_bytes'] / 1e6:.0f} MB on disk")
guesses.reveal("how much faster compressed is, in ONNX Runtime", my_speed_up, times(big_rows[-len(ours)]), "times")

# %% [markdown]
# F1 is the embedded model's, whose function the twin computes. The baseline of what was trained is the original that learned from the same texts for as many steps, of what was only quantised the original as it came. The base alone may read whole where its time is taken: that is to its advantage.
#
# The processor's instructions stand beside the times because INT8 lives by them (VNNI, AMX, NEON's dot product): on another kind of CPU the same files give other factors.

# %% tags=["nbval-ignore-output"]
results.results_figure(report.versions(report.headline(run.ledger.rows())))

# %% [markdown]
# ### The article's own way: 500 characters in one piece
#
# The article feeds its text whole. What does that do to the answers of a model that learned from single sentences? The first test sentences are joined for it, and read in float32.

# %% tags=["nbval-ignore-output"]
long_texts = merge_neighbours(run.test[: sizes.long], 500)
sets = {"test sentences joined, up to 500 characters": long_texts, "the article": [run.article]}
in_one = {name: evaluate(whole, joined, seed) for name, joined in sets.items()}
apart = {name: evaluate(by_sentence(whole), joined, seed) for name, joined in sets.items()}
one, other = (each["test sentences joined, up to 500 characters"].predictions for each in (in_one, apart))
gain = f1_difference(long_texts, one, other, seed)
print("read by sentence instead of whole: {:+.1f} [{:+.1f}, {:+.1f}] points".format(*gain))
check("long texts are tagged better by sentence", verdict(gain, 0))
table(("F1", "whole", "by sentence"),
      [(name, f"{in_one[name].scores.f1:.1f}", f"{apart[name].scores.f1:.1f}") for name in sets])  # fmt: skip

# %% [markdown]
# ## The article's table, with a second column for each number
#
# What it claims beside what this run measured. Time, memory and size are those of the twin; F1 is the mini's.

# %% tags=["nbval-ignore-output"]
table(report.COMPARISON_HEADER["en"], report.comparison(report.headline(run.ledger.rows())))

# %% [markdown]
# And like for like, each version read in one piece, as the article reads. They took their turns with the others, in the session of the waterfall:

# %% tags=["nbval-ignore-output"]
_, bits, fifth_fewer = waterfall.chain(starts[:1], in_one_piece, session)
for factor in (bits, fifth_fewer):
    print("{}: {:.2f} [{:.2f}, {:.2f}] times as fast as the one before".format(factor.name, *factor.times))
check("quantising makes it 2.29 times as fast (article: 320 / 140)", verdict(bits.times, 320 / 140))
check("a fifth of the heads less makes INT8 1.4 times as fast (article)", verdict(fifth_fewer.times, 1.4))

# %% [markdown]
# A ✗ is a verdict, not an accident: that number of the article was not seen on this machine. The audit below takes its ratios from the table above, in which the original reads in its faster way and torch's INT8 by sentence, which may be its slower one. So for 320 and 140 ms the line here, whole against whole, is the fair one: where its verdict differs from the audit's, it counts. For torch against ONNX Runtime, both INT8, notebook 07 lets both read whole; in the table only one of the two is packed.
#
# ## Which one to take?
#
# Nobody buys the fastest or the most accurate model as such. A version is worth a look if no other is both faster and better: those form the **Pareto front**. Area is the file's size, the line through a point its interval of F1. Which of two neighbours is the better one, the lines do not say: for that, ask for the paired difference, as above. Between close ones the front is drawn by chance. And it knows nothing of what you may lose: a version with a ✗ can lie on it.

# %% tags=["nbval-ignore-output"]
measured = pareto.choices(run.ledger.rows(), "08")
best = pareto.front(measured)
print("on the front: " + "; ".join(choice.name for choice in best))
intervals = {f"{v.backend}, {v.stage}": (v.evaluation.f1_low, v.evaluation.f1_high) for v in versions}
figures.front_figure(measured, best, intervals)

# %% [markdown]
# ## The article's code, tried
#
# The numbers are one half of the article, its code is the other. What becomes of it when it is tried? Each line below ran a moment ago, in a few lines of our own, on tensors or on a random model of a few numbers. Look at which faults stop with an error and which ones go on and answer something else. (One more needs a network: its instructions install a package `quantization-toolkit`, and PyPI had none of that name when we looked.)

# %% tags=["nbval-ignore-output"]
from utils.studies import article_code

table(article_code.CODE_HEADER, article_code.code_faults())

# %% [markdown]
# ### Exercise 1: percent of what?
#
# The article writes "推理延迟:320ms → 100ms(提速 68.7%)". How many **times as fast** is that? One number.
#
# Stuck? `solution("08", 2)` shows one way.

# %%
my_ratio = ...

# %%
exercise(my_ratio, exercises.speed_up())

# %% jupyter={"source_hidden": true} tags=["solution"]
my_ratio = 320 / 100
exercise(my_ratio, exercises.speed_up())

# %% [markdown]
# ### Exercise 2: the best that pruning heads could do
#
# In the twin, removing a head saves its share of the multiplications and nothing else. If **all** heads went, how many times as fast could the encoder become at most? Use `cost.cost_by_part(big.config, pruned_shape.pruning_map(big.config), length=502)` and the field `multiply_adds`.
#
# Stuck? `solution("08", 3)` shows one way.

# %%
at_most = ...

# %%
exercise(at_most, exercises.most_from_heads(big.config))

# %% jupyter={"source_hidden": true} tags=["solution"]
parts = cost.cost_by_part(big.config, pruned_shape.pruning_map(big.config), length=502)
products = {name: part.multiply_adds for name, part in parts.items()}
at_most = sum(products.values()) / (sum(products.values()) - products["attention"])
exercise(at_most, exercises.most_from_heads(big.config))

# %% [markdown]
# ### Exercise 3: the decision
#
# Which version goes to production? Write a function `(rows, allowed)` for ledger rows with `row["f1_difference"]` and `row["times_as_fast"]`, each with `"value"`, `"low"` and `"high"` (a difference below 0 is a loss). Of the rows that **surely** lose at most `allowed` points it returns the `"stage"` of the one whose speed is the highest at the low end of its interval, and `None` where there is no such row.
#
# Stuck? `solution("08", 4)` shows one way.

# %%
to_deploy = ...

# %%
exercise(to_deploy, exercises.decision)


# %% jupyter={"source_hidden": true} tags=["solution"]
def to_deploy(rows, allowed):
    sure = [row for row in rows if row["f1_difference"]["low"] >= -allowed]
    fastest_first = sorted(sure, key=lambda row: -row["times_as_fast"]["low"])
    return fastest_first[0]["stage"] if fastest_first else None


exercise(to_deploy, exercises.decision)

# %% [markdown]
# ## Your own model, one command
#
# The way of this notebook, for any model, corpus and machine, is one command:
#
# ```sh
# make compress MODEL=path/or/id CORPUS=path/or/id SPEEDUP=8 LOSE=1.0 OUT=small
# ```
#
# You say what you need, and it searches as you did above: a measured table of a layer's times, cuts tried on dev, the smallest cut that dev cannot tell from the best. It trains the fair baseline first, prunes in steps, measures in turns, and answers with a verdict: is it as fast as asked, does it lose no more than asked? `DRY_RUN=1` prints the plan and stops. The same call from Python, on this run's model and corpus:

# %% tags=["nbval-ignore-output"]
asked = ["compress", "--dry-run", "--speedup", "8", "--lose", "1.0", "--out", str(run.path / "compressed")]
asked += ["--model", model] if model else []
asked += ["--corpus", corpus] if corpus else []
planned = cli.main(asked)
check("a plan, and nothing was made", planned == 0 and not (run.path / "compressed").exists())

# %% [markdown]
# Read the plan: which stage takes the longest, and why does the fair baseline come first? The times are this machine's. The command differs in places: it cuts in steps, and with `MAX_MB` it also drops the characters that neither train and dev nor the texts without labels have, so give it many texts then.
#
# The result is a folder with the model in each form, its report, its ledger, and a model card that shows the verdicts first. One of them came with the course: the embedded model, made smaller by this command, in `data/models/mini-raner-compressed`. What was it asked for, and did it get there? Its card says so first; then its ledger has the versions that were measured for it. Times there and above come from two machines, or from two hours of one, so they are not divided.

# %% tags=["nbval-ignore-output"]
compress_report.first_table()

# %% tags=["nbval-ignore-output"]
shipped = compress_report.SHIPPED
table(report.STAGES_HEADER, report.stages(Ledger(shipped / "ledger.json").rows()))

# %% [markdown]
# `make serve MODEL=data/models/mini-raner-compressed/onnx-int8` would answer with it. The service opens a model with `open_model`, which needs no torch for a folder of ONNX, and so can you:

# %% tags=["nbval-ignore-output"]
served_as, load = open_model(shipped / "onnx-int8")
(entities,) = load().predict(["上个月，陈默和林晓棠从杭州来到清华大学，听取了国家图书馆的介绍。"])
print(served_as)
for entity in entities:
    print(f"{entity.type}: {entity.text}")

# %% [markdown]
# ## The claims, audited
#
# Every number of the article that a run can test. *Cannot hold* means that arithmetic forbids it, whatever the machine. Each claim has a tolerance, for rounding and for what no machine repeats exactly: a number just beside the claimed one may still hold, or be a ?. What the article says of its service, notebook 09 puts to the test.

# %% tags=["nbval-ignore-output"]
table(claims.AUDIT_HEADER, claims.audit_cells(claims.audit(run.ledger.rows())))

# %% [markdown]
# ## Your predictions

# %% tags=["nbval-ignore-output"]
guesses.review()

# %% [markdown]
# ## What you know now
#
# - The pipeline runs: score, remove, fine-tune, quantise, export. After each step one line says whether the model still is what it should be.
# - A budget is met by a search, and a search is a forecast: a table of times, cuts tried on dev, and noise within which the smallest cut is taken. It is judged once, on sentences that had no say, and its error is said.
# - Arithmetic says before any measurement that a fifth of the heads brings little, in size and in time. The waterfall says what brings much.
# - What training gives must not be booked as a gift of pruning: the baseline gets the same training, and a cut is judged by an interval against it.
# - Dev chooses, test judges, and each further look at what judges is counted: that is what the leaderboard is for. A small dev can let cuts pass that test refuses, and it never misses a character that was kept for its sake.
# - A speed-up has a base, a way of reading, a processor and an interval. Without them it is a number.
#
# **Next:** the notebooks between 02 and 08 open each box: scores and pruning (03, 04), recovery (05), fewer bits, other engines and other ways to read (06, 07, 07b). [10 · Distillation](10_distillation.ipynb) tries another road.
#
# **Papers:** [Michel et al. 2019](https://arxiv.org/abs/1905.10650) on heads, [Kurtic et al. 2023](https://arxiv.org/abs/2302.04089) on cuts to a target speed, [He et al. 2017](https://arxiv.org/abs/1707.06168) on reconstruction, [Krell et al. 2021](https://arxiv.org/abs/2107.02027) on packing; Breiman, Friedman, Olshen and Stone 1984, *Classification and Regression Trees*, section 3.4.3, on one standard error.
