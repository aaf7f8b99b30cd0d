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
# The article draws four boxes: prune, fine-tune, quantise, deploy. It prints one table for them. Here each box is a few lines of code that run, and the table is made from what they measure.
#
# | | |
# |---|---|
# | **You will be able to** | score attention heads by a gradient and take the weakest out for real; fine-tune, quantise and export the smaller model, checking after every step that it still is the same model; say which numbers of the article's table hold |
# | **You need** | notebooks 01 and 02; two CPU cores and 4 GB of free memory |
# | **Minutes** | shown below the set-up cell, from a measured run |

# %% tags=["parameters"]
run_dir = ""
model = ""
corpus = ""
seed = 1
quick = False

# %% tags=["nbval-ignore-output"]
import tempfile

import numpy as np

from utils.compress import recipes, training
from utils.compress.batches import make_batches
from utils.compress.importance import gradients, registry
from utils.compress.pruning import cost, remove, select
from utils.compress.quantization import dynamic
from utils.compress.quantization.saved import load_quantized_tagger, save_quantized
from utils.compress.recovery import distillation, fine_tuning
from utils.course import report
from utils.course.exercises import nb08 as exercises
from utils.course.figures import base, results
from utils.course.figures import nb08 as figures
from utils.course.sizes import sizes_of
from utils.course.tables import table
from utils.course.teaching import check, exercise, reveal, show_minutes
from utils.engines import onnx_export, onnx_quantize, onnx_session, pareto
from utils.engines.variants import Variant, measure_variants
from utils.measure import claims
from utils.measure.bootstrap import paired_bootstrap
from utils.measure.evaluation import evaluate
from utils.measure.run import open_run
from utils.measure.scores import agreement
from utils.model import pruned_shape
from utils.model.checkpoint import load_raner, save_raner
from utils.model.torch_tagger import torch_tagger
from utils.model.twin import article_twin
from utils.studies import cut_search, latency_table
from utils.text.corpus import evenly_spaced

run = open_run(run_dir, model, corpus, seed, quick)
sizes = sizes_of("08", run)
show_minutes("08")

# %% [markdown]
# ## Where we start
#
# What does the untouched model get right? Every later number is a difference from this one.

# %% tags=["nbval-ignore-output"]
original, tokenizer = run.model()
test = run.test
texts = [sentence.text for sentence in test]
baseline = evaluate(torch_tagger(original, tokenizer), test, seed)
print(f"F1 {baseline.scores.f1:.1f} [{baseline.f1_low:.1f}, {baseline.f1_high:.1f}] on {len(test)} sentences")

# %%
before = sum(p.numel() for p in original.parameters())
layers, heads = original.config.num_hidden_layers, original.config.num_attention_heads
print(f"{layers} layers x {heads} heads = {layers * heads} heads, {before:,} parameters")

# %% [markdown]
# ## Which heads matter least?
#
# Put a gate in front of every head and ask how strongly the loss would answer if the gate moved. The mean of that absolute gradient over sentences is the score of Michel et al. (2019). One backward pass a batch, no training.
#
# **Predict:** will the weakest fifth of the heads sit in the low layers, in the high ones, or everywhere? The article says: prune the low layers, keep layers 9 to 12.

# %% tags=["nbval-ignore-output"]
sample = run.corpus.train[: sizes.scored]
batches = make_batches(sample, tokenizer, original.labels)
scores = gradients.michel_per_example(original, batches)
count = round(0.2 * scores.numel())
weakest = select.select_globally(scores, count)
base.head_grid(scores, weakest, title=f"|gradient| of the loss at each head; crossed: the weakest {count}")

# %% [markdown]
# A dark row is a layer that the model leans on. Read off where the crosses gather, and compare it with what you predicted.

# %%
check(f"{count} of {scores.numel()} heads are chosen", sum(map(len, weakest.values())) == count)
chosen = [scores[layer, head] for layer, found in weakest.items() for head in found]
check("no head outside the choice scores lower", max(chosen) == np.sort(scores.flatten())[count - 1])

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
reveal(my_guess, round(100 * (before - after) / before, 1), "% fewer")

# %%
with remove.masked_heads(original, weakest):
    masked = torch_tagger(original, tokenizer).backend(*tokenizer.batch(texts[:8])[:2])
removed = torch_tagger(pruned, tokenizer).backend(*tokenizer.batch(texts[:8])[:2])
check("the parameters fall by exactly the predicted number", predicted.parameters == after)
check("removed heads answer like masked heads, to 1e-5", np.abs(masked - removed).max() < 1e-5)
check("20 % of the heads are 18 % of the parameters, as the article says", (before - after) / before > 0.17)

# %% [markdown]
# Why so few? Heads live in four matrices a layer. At these proportions they hold under a third of the parameters, so a fifth of them is about a fifth of that. No choice of heads can change it.

# %% [markdown]
# ## What did it cost, and can training bring it back?
#
# The surgery left every surviving weight as it was. A short fine-tuning lets the others take over.
#
# **Predict:** will F1 end below the original, at it, or above it? Note who gets what: the pruned model is trained on this corpus's sentences once more, the original is not.

# %% tags=["nbval-ignore-output"]
damaged = evaluate(torch_tagger(pruned, tokenizer), test, seed)
print(f"F1 {baseline.scores.f1:.1f} -> {damaged.scores.f1:.1f} without training")


# %% tags=["nbval-ignore-output"]
def recover(path):
    checkpoints = path.with_name(f"{path.name}-checkpoints")
    schedule = training.Schedule(epochs=sizes.epochs, seed=seed)
    tuned = fine_tuning.fine_tune(pruned, tokenizer, run.training, checkpoints, schedule)
    save_raner(tuned, tokenizer, path)


recovered_path = run.artifact(f"mini/recovered-seed{seed}", recover)
recovered, _ = load_raner(recovered_path)
tuned = evaluate(torch_tagger(recovered, tokenizer), test, seed)
print(f"F1 {tuned.scores.f1:.1f} after fine-tuning")

# %% tags=["nbval-ignore-output"]
d = paired_bootstrap(test, baseline.predictions, tuned.predictions, seed)
print(f"against the original: {d.f1:+.2f} points, 95 % interval {d.low:+.2f} to {d.high:+.2f}, p = {d.p_value:.2f}")
print("this test set cannot tell the two apart" if d.low <= 0 <= d.high else "the interval does not hold 0")

# %%
check(
    "fine-tuning keeps the pruning map",
    pruned_shape.pruning_map(recovered.config) == pruned_shape.pruning_map(pruned.config),
)

# %% [markdown]
# ## Eight bits instead of thirty-two
#
# Dynamic quantisation stores each weight as one byte. **Predict:** will the file shrink to a quarter? Which tensors might not be quantised at all?


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
def to_onnx(name, source_model):
    float_path = saved(f"{name}-onnx", lambda path: onnx_export.export_onnx(source_model, tokenizer, path))
    return float_path, saved(f"{name}-onnx-int8", lambda path: onnx_quantize.quantize_onnx(float_path, path))


onnx_path, onnx_int8_path = to_onnx("original", original)
_, pruned_onnx_path = to_onnx("recovered", recovered)

# %%
encoding = tokenizer.batch(texts[:8])
parity = onnx_session.load_onnx_tagger(onnx_path).backend(*encoding[:2]) - torch_tagger(original, tokenizer).backend(
    *encoding[:2]
)
real = encoding.attention_mask.astype(bool)  # at padding the engines differ, and nobody reads it
check("ONNX Runtime in float32 gives torch's emissions, to 1e-4", np.abs(parity[real]).max() < 1e-4)

# %% [markdown]
# ## Past the article: which cut, in which engine?
#
# Heads, neurons, bits, engine: too many combinations to build them all. So build none. *Time* can be looked up: one layer is measured with all, a third and none of its heads, then of its neurons, in every engine, at the article's size; the two halves run one after the other, so their times add up. *Damage* can be sampled: a few cuts, no training, F1 on dev. In between, interpolate.
#
# **Predict:** for eight times the speed of the original, which engine, and what share of heads and of neurons can stay?

# %% tags=["nbval-ignore-output"]
scale = article_twin(original).config
folder = tempfile.TemporaryDirectory()


def in_engines(probe, name):
    exported = onnx_export.export_onnx(probe, tokenizer, f"{folder.name}/{name}")
    in_bytes = onnx_quantize.quantize_onnx(exported, f"{folder.name}/{name}-int8")
    return {"torch fp32": torch_tagger(probe, tokenizer), "torch INT8": torch_tagger(dynamic.quantize(probe), tokenizer),
            "ONNX INT8": onnx_session.load_onnx_tagger(in_bytes), "ONNX INT8, sentences": onnx_session.load_onnx_sentence_tagger(in_bytes)}  # fmt: skip


tables = latency_table.measure_tables(scale, in_engines, run.article.text, sizes.shares, sizes.table_rounds)
folder.cleanup()

# %% tags=["nbval-ignore-output"]
fisher = registry.SCORES["Fisher"](original, batches), gradients.neuron_importance(original, batches)
dev = evenly_spaced(run.corpus.dev, sizes.searched)
cut_f1 = cut_search.cut_f1(original, tokenizer, fisher, dev, sizes.kept)
in_bytes = {"torch INT8": load_quantized_tagger(int8_path), "ONNX INT8": onnx_session.load_onnx_tagger(onnx_int8_path),
            "ONNX INT8, sentences": onnx_session.load_onnx_sentence_tagger(onnx_int8_path)}  # fmt: skip
of_bits = {name: cut_f1[-1, -1] - evaluate(tagger, dev, seed).scores.f1 for name, tagger in in_bytes.items()}
found = cut_search.candidates(tables, {"torch fp32": 0.0} | of_bits, sizes.kept, cut_f1, layers)

# %% tags=["nbval-ignore-output"]
whole = tables["torch fp32"].milliseconds(pruned_shape.pruning_map(scale))
budgets = {f"{times} times as fast": whole / times for times in (2, 4, 8, 12)}
best = {name: cut_search.best_within(found, budget) for name, budget in budgets.items()}
table(("wanted", "engine", "heads left", "neurons left", "predicted ms", "F1 before recovery"),
      [(name, b.engine, f"{b.heads:.0%}", f"{b.neurons:.0%}", f"{b.milliseconds:.0f}", f"{b.f1:.1f}")
       for name, b in best.items() if b])  # fmt: skip

# %% tags=["nbval-ignore-output"]
figures.search_figure(found, budgets)

# %% [markdown]
# A step up is F1 that more time buys. Where an engine's line ends on the left, no cut that was looked at makes it faster.
#
# Are you surprised how little F1 falls? Be careful. mini-RaNER was trained with three layers, which were then doubled to six and to twelve. Much of what it knows is there more than once, and a cut takes copies first. A RaNER that grew up with twelve layers has less to spare: times and sizes carry over to it, this price in F1 need not.
#
# ## Two versions of our own
#
# The search is a map, not a model, and it differs from machine to machine. So that every reader builds the same, two cuts are fixed here. *compressed*: two thirds of the heads and three quarters of the neurons go. *compressed-more*: 85 of a hundred heads and 88 of a hundred neurons. Both also lose every character that the corpus does not use, learn from the untouched model (distillation), go to ONNX in eight bits, and read sentences packed into rows.
#
# **Predict:** how many times as fast as the original will they be at the article's size, and which of the two loses a whole point of F1?

# %% tags=["nbval-ignore-output"]
known = [sentence.text for sentence in (*run.corpus.train, *run.corpus.dev)] + [run.article.text]


def compress(name, path):
    target = recipes.left_after(original, recipes.COMPRESSED[name])
    student = recipes.prune_to(original, *fisher, target)
    out = path.with_name(f"{path.name}-checkpoints")
    schedule = training.Schedule(epochs=sizes.own_epochs, seed=seed)
    lessons = distillation.Distillation(teacher=original, hidden=0)
    taught = distillation.distil(student, tokenizer, run.training, out, schedule, lessons)
    save_raner(*remove.prune_vocabulary(taught, tokenizer, known), path)


# %% tags=["nbval-ignore-output"]
compressed = {}
for name in recipes.COMPRESSED:
    path = saved(name, lambda path, name=name: compress(name, path))
    compressed[name] = load_raner(path)
for name, (smaller, characters) in compressed.items():
    f1 = evaluate(torch_tagger(smaller, characters), test, seed).scores.f1
    print(f"{name:>15}: {smaller.num_parameters():,} parameters, F1 {f1:.1f} in float32")


# %% tags=["nbval-ignore-output"]
def deploy(place, name, source_model, characters):
    exported = place(f"{name}-onnx", lambda path: onnx_export.export_onnx(source_model, characters, path))
    return place(f"{name}-onnx-int8", lambda path: onnx_quantize.quantize_onnx(exported, path))


ours = []
for name, (smaller, characters) in compressed.items():
    path = deploy(saved, name, smaller, characters)
    scored = evaluate(onnx_session.load_onnx_sentence_tagger(path), test, seed)
    ours.append(Variant(name, "onnx-int8", path, smaller, scored, onnx_session.load_onnx_sentence_tagger))

# %%
smaller, characters = compressed["compressed"]
print(f"{original.config.vocab_size} -> {smaller.config.vocab_size} characters and special tokens")
then, now = (each.tokenizer.tokenize(run.article.text) for each in (tokenizer, characters))
check("the article needs no character that went", then == now)

# %% [markdown]
# ## The same article, the same machine, in turns
#
# Seven versions now lie on disk. Each tags the 500-character article, taking turns, text to entities; each loads once in a fresh process to show its memory.

# %% tags=["nbval-ignore-output"]
versions = [
    Variant("original", "torch-fp32", original_path, original, baseline),
    Variant("quantized", "torch-int8", int8_path, original, evaluate(load_quantized_tagger(int8_path), test, seed)),
    Variant("pruned-quantized", "torch-int8", pruned_int8_path, recovered,
            evaluate(load_quantized_tagger(pruned_int8_path), test, seed)),
    Variant("quantized", "onnx-int8", onnx_int8_path, original, evaluate(onnx_session.load_onnx_tagger(onnx_int8_path), test, seed)),
    Variant("pruned-quantized", "onnx-int8", pruned_onnx_path, recovered,
            evaluate(onnx_session.load_onnx_tagger(pruned_onnx_path), test, seed)),
]  # fmt: skip
versions += ours
for v in versions[1:]:
    same = agreement(baseline.predictions, v.evaluation.predictions)
    print(f"{v.stage:>16} {v.backend:>10}: F1 {v.evaluation.scores.f1:.1f}, {same:.0f} % of the sentences as before")

# %% tags=["nbval-ignore-output"]
mini_rows = measure_variants(run, versions, "08", "mini")
for row in mini_rows:
    size, time = row["file_bytes"] / 1e6, row["latency_ms"]["p50"]
    print(
        f"{row['stage']:>16} {row['backend']:>10}: {time:6.1f} ms, {size:6.1f} MB on disk, {row['rss_mb']:5.0f} MB peak"
    )

# %% [markdown]
# ## At the article's size
#
# The mini has 768 / 4 = 192 features. Its twin repeats each of them four times and divides accordingly: the same answers, at the cost of BERT-base. The twin is redundant by construction, so nothing here may make use of that; it only tells us what the same steps cost at 407 MB.


# %% tags=["nbval-ignore-output"]
def large(name, build):
    return run.artifact(f"article/{name}-seed{seed}", build)


big, big_recovered = article_twin(original), article_twin(recovered)
float_dir = large("original", lambda path: save_raner(big, tokenizer, path))
int8_dir = large("quantized", lambda path: save_quantized(dynamic.quantize(big), tokenizer, path))
both_dir = large("pruned-quantized", lambda path: save_quantized(dynamic.quantize(big_recovered), tokenizer, path))


# %% tags=["nbval-ignore-output"]
def large_onnx(name, source_model):
    exported = large(f"{name}-onnx", lambda path: onnx_export.export_onnx(source_model, tokenizer, path))
    return large(f"{name}-onnx-int8", lambda path: onnx_quantize.quantize_onnx(exported, path))


onnx_dir, both_onnx_dir = large_onnx("original", big), large_onnx("recovered", big_recovered)
big_versions = [
    Variant("original", "torch-fp32", float_dir, big),
    Variant("quantized", "torch-int8", int8_dir, big),
    Variant("pruned-quantized", "torch-int8", both_dir, big_recovered),
    Variant("quantized", "onnx-int8", onnx_dir, big),
    Variant("pruned-quantized", "onnx-int8", both_onnx_dir, big_recovered),
]

# %% tags=["nbval-ignore-output"]
for name, (smaller, characters) in compressed.items():
    wide = article_twin(smaller)
    path = deploy(large, name, wide, characters)
    big_versions.append(Variant(name, "onnx-int8", path, wide, loader=onnx_session.load_onnx_sentence_tagger))

# %%
small = torch_tagger(original, tokenizer).backend(*encoding[:2])
check("the twin gives the mini's emissions, to 1e-4",
      np.abs(torch_tagger(big, tokenizer).backend(*encoding[:2]) - small).max() < 1e-4)  # fmt: skip
print(f"{sum(p.numel() for p in big.parameters()):,} parameters")

# %% tags=["nbval-ignore-output"]
big_rows = measure_variants(run, big_versions, "08", "article", repeats=5)
results.results_figure(report.versions(mini_rows + big_rows))

# %% [markdown]
# ## The article's table, with a second column for each number
#
# What it claims beside what this run measured. Time, memory and size are those of the twin; F1 is the mini's.

# %% tags=["nbval-ignore-output"]
table(report.COMPARISON_HEADER["en"], report.comparison(run.ledger.rows()))

# %% tags=["nbval-ignore-output"]
time = {(row["stage"], row["backend"]): row["latency_ms"]["p50"] for row in big_rows}
memory = {(row["stage"], row["backend"]): row["rss_mb"] for row in big_rows}
first, torch8, both8 = ("original", "torch-fp32"), ("quantized", "torch-int8"), ("pruned-quantized", "torch-int8")
check("quantising makes it at least 2 times as fast (article: 2.3)", time[first] / time[torch8] > 2)
check("a fifth of the heads less makes INT8 1.4 times as fast (article)", time[torch8] / time[both8] > 1.4)
check("pruned and quantised needs 6 % more memory than quantised (article)", memory[both8] > 1.06 * memory[torch8])

# %% [markdown]
# A ✗ is a verdict, not an accident: that number of the article was not seen on this machine.
#
# ## Past the article, measured

# %% tags=["nbval-ignore-output"]
start, (first, second) = big_rows[0], big_rows[-2:]
for v, row in zip(ours, (first, second), strict=True):
    d = paired_bootstrap(test, baseline.predictions, v.evaluation.predictions, seed)
    print(f"{v.stage:>15}: {start['latency_ms']['p50'] / row['latency_ms']['p50']:.1f} times as fast, "
          f"{row['file_bytes'] / 1e6:.1f} MB, {100 * row['rss_mb'] / start['rss_mb']:.0f} % of the memory, "
          f"F1 {d.f1:+.2f} [{d.low:+.2f}, {d.high:+.2f}]")  # fmt: skip

# %% tags=["nbval-ignore-output"]
faster = [start["latency_ms"]["p50"] / row["latency_ms"]["p50"] for row in (first, second)]
lost = [baseline.scores.f1 - v.evaluation.scores.f1 for v in ours]
check("the first version is at least 8 times as fast", faster[0] >= 8)
check("its file has at most 60 MB", first["file_bytes"] <= 60e6)
check("it needs at most 40 % of the memory", first["rss_mb"] <= 0.4 * start["rss_mb"])
check("it loses at most a point of F1", lost[0] <= 1)
check("the second is at least 12 times as fast, for at most 1.5 points", faster[1] >= 12 and lost[1] <= 1.5)

# %% [markdown]
# And the map? The table that the search used can say beforehand what these two take.

# %% tags=["nbval-ignore-output"]
for v, row in zip(big_versions[-2:], (first, second), strict=True):
    foretold = tables["ONNX INT8, sentences"].milliseconds(pruned_shape.pruning_map(v.model.config))
    print(f"{v.stage:>15}: {foretold:.0f} ms foretold, {row['latency_ms']['p50']:.0f} ms measured")
    check("the table is right to a quarter", abs(foretold / row["latency_ms"]["p50"] - 1) < 0.25)

# %% [markdown]
# Read these with two cautions. Both versions learned from this corpus once more, and the original did not: [05 · Recovery](05_recovery.ipynb) trains it as long, and then pruning has a price. And both read sentence by sentence, which suits a model that learned from single sentences.

# %% [markdown]
# ## Which one to take?
#
# Nobody buys the fastest or the most accurate model as such. A version is worth a look if no other is both faster and better: those form the **Pareto front**. Area is the file's size.

# %% tags=["nbval-ignore-output"]
measured = pareto.choices(run.ledger.rows(), "08")
best = pareto.front(measured)
print("on the front: " + "; ".join(choice.name for choice in best))
figures.front_figure(measured, best)

# %% [markdown]
# ## The claims, audited
#
# Every number of the article that a run can test. Times and memory are compared as ratios to the same run's original, costs within a tenth. *Cannot hold* means that arithmetic forbids it, whatever the machine.

# %% tags=["nbval-ignore-output"]
table(claims.AUDIT_HEADER, claims.audit_cells(claims.audit(run.ledger.rows())))

# %% [markdown]
# The numbers are one half of the article, its code is the other. What becomes of it when it is tried? Each line below ran a moment ago, in a few lines of our own, on tensors or on a random model of a few numbers. Look at which faults stop with an error and which ones go on and answer something else.

# %% tags=["nbval-ignore-output"]
from utils.studies import article_code

table(article_code.CODE_HEADER, article_code.code_faults())

# %% [markdown]
# ### Exercise 1: percent of what?
#
# The article writes "320ms → 140ms(提速 56%)". How many **times as fast** is 140 ms? One number.

# %%
times_as_fast = ...

# %%
exercise(times_as_fast, exercises.speed_up())

# %% jupyter={"source_hidden": true} tags=["solution"]
times_as_fast = 320 / 140
exercise(times_as_fast, exercises.speed_up())

# %% [markdown]
# ### Exercise 2: the best that pruning heads could do
#
# In the twin, removing a head saves its share of the multiplications and nothing else. If **all** heads went, how many times as fast could the encoder become at most? Use `pruning.cost_by_part(big.config, pruning.pruning_map(big.config), length=502)` and the field `multiply_adds`.

# %%
at_most = ...

# %%
exercise(at_most, exercises.most_from_heads(big.config))

# %% jupyter={"source_hidden": true} tags=["solution"]
parts = cost.cost_by_part(big.config, pruned_shape.pruning_map(big.config), length=502)
work = {name: part.multiply_adds for name, part in parts.items()}
at_most = sum(work.values()) / (sum(work.values()) - work["attention"])
exercise(at_most, exercises.most_from_heads(big.config))

# %% [markdown]
# ## What you know now
#
# - The pipeline runs: score, remove, fine-tune, quantise, export. After each step one line says whether the model still is what it should be.
# - Quantisation brings most of the speed and the size. A fifth of the heads brings little of either, and arithmetic said so before any measurement.
# - All tools together go much further than the article: structure, vocabulary, bits, engine and reading by sentence each take their part.
# - Pruning a fifth of the heads did not hurt F1. Where the fine-tuned model is *better* than the original, thank the extra training, not the scissors: a fair comparison trains the original as long. Quote the interval either way.
#
# **Next:** the notebooks between 02 and 08 open each box: scores and pruning (03, 04), recovery (05), fewer bits and other engines (06, 07). [10 · Distillation](10_distillation.ipynb) tries another road.
