# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 07 · ONNX Runtime
#
# | | |
# |---|---|
# | **You will be able to** | export a model and prove that it still is the same one; count what an optimiser really did, and notice when it did nothing; quantise a graph dynamically and statically; compare engines without comparing their threads; write the table and the plot of a decision memo |
# | **You need** | [02 · Measuring fairly](02_measuring_fairly.ipynb); 4 GB of free memory; for the rows of OpenVINO `make course PEERS=1` |
# | **Minutes** | shown below the set-up cell, from a measured run |

# %% tags=["parameters"]
run_dir = ""
model = ""
corpus = ""
seed = 1
quick = False

# %% tags=["nbval-ignore-output"]
import numpy as np
import onnxruntime

from utils.compress.pruning import remove
from utils.compress.quantization import dynamic
from utils.compress.quantization.saved import load_quantized_tagger, save_quantized
from utils.course.exercises import nb07 as exercises
from utils.course.figures import base
from utils.course.figures import nb07 as figures
from utils.course.sizes import sizes_of
from utils.course.tables import table
from utils.course.teaching import check, exercise, reveal, show_minutes
from utils.engines import onnx_checks, onnx_export, onnx_files, onnx_quantize, onnx_session, openvino, pareto
from utils.engines.variants import LOADERS, Variant, measure_variants
from utils.measure import latency
from utils.measure.evaluation import evaluate
from utils.measure.memory import directory_bytes, peak_memory
from utils.measure.run import open_run
from utils.measure.scores import agreement
from utils.measure.verdict import f1_difference, times_as_fast, verdict
from utils.model import pruned_shape
from utils.model.checkpoint import save_raner
from utils.model.torch_tagger import load_tagger, torch_tagger
from utils.model.twin import article_twin
from utils.tagger.tagger import by_sentence, packed
from utils.text.entities import merge_neighbours

run = open_run(run_dir, model, corpus, seed, quick)
sizes = sizes_of("07", run)
article = run.article.text
show_minutes("07")

# %% [markdown]
# The article exports its model to ONNX, quantises it there and reports "85 ± 5" ms. It explains none of the steps. Every part of it can go wrong without an error message. So this notebook counts and compares after every step.
#
# ## The model as a graph
#
# torch runs Python, and Python calls one operator after the other. An export writes the operators down as a graph, once, and another engine may rearrange what it sees before it runs anything. Only the encoder goes there. The CRF stays outside, in numpy, so that all engines share it.
#
# **Predict:** how many operators will the graph of a twelve-layer BERT have?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
raner, tokenizer = run.model()


def saved(name, build):
    return run.artifact(f"mini/{name}-seed{seed}", build)


onnx_dir = saved("original-onnx", lambda path: onnx_export.export_onnx(raner, tokenizer, path))

# %%
counts = onnx_files.operator_counts(onnx_dir)
reveal(my_guess, f"{counts.total()}, of {len(counts)} kinds")
table(("operator", "how often"), counts.most_common(8))

# %% [markdown]
# ### Is it the same model?
#
# An export traces the model on one example. Whatever the trace took for a constant (a length, a batch size) is frozen, and other inputs then fail, or worse, do not. So parity is checked at other shapes than the example's, with padding in one row.

# %%
in_torch, in_onnx = torch_tagger(raner, tokenizer), onnx_session.load_onnx_tagger(onnx_dir)


def furthest(batch, length, other):
    """Largest difference of the emissions to torch's, at the real positions of random ids."""
    ids = np.random.default_rng(seed).integers(5, raner.config.vocab_size, (batch, length))
    mask = np.ones_like(ids)
    mask[-1, length // 2 + 1 :] = 0
    return np.abs(other.backend(ids, mask) - in_torch.backend(ids, mask))[mask.astype(bool)].max()


shapes = [(batch, length) for batch in (1, 8) for length in (1, 2, 37, 500)]
check("ONNX Runtime gives torch's emissions to 1e-4 at every shape", max(furthest(*s, in_onnx) for s in shapes) < 1e-4)

# %% [markdown]
# ### Exercise 1: the mask
#
# Texts of a batch are padded to the longest one. A colleague's service sends ids and forgets which positions are padding. Here are two texts, `[CLS]` is 101, `[SEP]` is 102, `[PAD]` is 0. Write down their attention mask as a numpy array.

# %%
print(exercises.PADDED)
my_mask = ...

# %%
exercise(my_mask, exercises.padded_mask)

# %% jupyter={"source_hidden": true} tags=["solution"]
my_mask = (exercises.PADDED != exercises.PAD).astype(np.int64)
exercise(my_mask, exercises.padded_mask)

# %% [markdown]
# What would the forgotten mask have cost? The same short text, alone and beside a long one, with the right mask and with ones everywhere:

# %%
short, long = sorted((s.text for s in run.corpus.test[:20]), key=len)[:: len(run.corpus.test[:20]) - 1]
alone, both = tokenizer.batch([short]), tokenizer.batch([short, long])
reference, size = in_onnx.backend(*alone[:2])[0], alone.input_ids.shape[1]
masks = {"right": both.attention_mask, "ones": np.ones_like(both.attention_mask)}
moved = {name: np.abs(in_onnx.backend(both.input_ids, m)[0, :size] - reference).max() for name, m in masks.items()}
check("with the right mask a text does not notice its neighbours (1e-4)", moved["right"] < 1e-4)
check("without it, the emissions move by more than 0.1", moved["ones"] > 0.1)

# %% [markdown]
# ## What did the optimiser do?
#
# "Graph optimisation" means: find patterns, replace each by one faster operator. The best-known pattern is attention: two products, a sum, a softmax. ONNX Runtime has a tool for BERT that looks for it. It wants to be told the number of heads and the hidden size, and we tell it.
#
# **Predict:** how many of the attention layers does it fuse in a graph where attention is written out operator by operator?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
written_out = saved(
    "original-onnx-eager", lambda path: onnx_export.export_onnx(raner, tokenizer, path, attention="eager")
)

# %%
config = raner.config
told = onnx_checks.fused_by_pattern(written_out, config.num_attention_heads, config.hidden_size)
guessed = onnx_checks.fused_by_pattern(written_out, 0, 0)
attention = ("Attention", "MultiHeadAttention", "QOrderedAttention")
fused = [sum(found.get(name, 0) for name in attention) for found in (told, guessed)]
reveal(my_guess, f"{fused[0]} of {config.num_hidden_layers}, and {fused[1]} when it has to guess the heads")
table(("fused operator", "told", "guessing"), [(name, told[name], guessed[name]) for name in told if told[name]])

# %%
check("the optimiser fused no attention, and raised no error", fused == [0, 0])

# %% [markdown]
# The graph that a new exporter writes differs from the pattern that the tool knows by a detail. The tool looks, finds nothing, saves the graph and reports success. **An optimiser has to be counted after, not trusted.**
#
# There is a better way than searching. The exporter knows what attention is, as the model says it: `attention="operator"` writes **one** operator a layer, `Attention`, part of the ONNX standard since opset 23. Nothing has to be found, and each such operator knows its own number of heads. Our first export did that already.
#
# Next, what ONNX Runtime itself fuses when it loads a graph. `optimize_onnx` writes it down, so that it can be counted.

# %% tags=["nbval-ignore-output"]
optimized = {
    "written out": saved("original-onnx-eager-optimized", lambda p: onnx_session.optimize_onnx(written_out, p)),
    "one operator": saved("original-onnx-optimized", lambda p: onnx_session.optimize_onnx(onnx_dir, p)),
}

# %%
graphs = {"written out": written_out, "one operator": onnx_dir}
columns = [onnx_files.operator_counts(p) for name in graphs for p in (graphs[name], optimized[name])]
interesting = sorted({op for c in columns for op, n in c.items() if n >= config.num_hidden_layers})
header = ("operator", "written out", "optimised", "one operator", "optimised")
table(header, [("all", *(c.total() for c in columns)), *((op, *(c[op] for c in columns)) for op in interesting)])

# %%
check("every layer has its Attention operator", columns[3]["Attention"] == config.num_hidden_layers)
check("optimised graphs are the same function, to 1e-4", all(
    furthest(8, 37, onnx_session.load_onnx_tagger(path)) < 1e-4 for path in optimized.values()))  # fmt: skip

# %% [markdown]
# ### Fusions that make it slower
#
# Two fusions are missing in that table, because `optimize_onnx` leaves them out: adding the residual and normalising the layer as one operator, `SkipLayerNormalization`, and adding a bias before the activation, `BiasGelu`. By default ONNX Runtime does both. **Predict:** with them left out, how many times as fast is the same file?

# %%
my_guess = ...


# %%
def left_alone(path, threads):
    """ONNX Runtime with its defaults: what most tutorials measure."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path / "model.onnx", options, providers=["CPUExecutionProvider"])
    return onnx_files.tagger_around(onnx_session.onnx_backend(session), path)


# %% tags=["nbval-ignore-output"]
alone_and_ours = {
    "left alone": left_alone(written_out, 1),
    "slow fusions left out": onnx_session.load_onnx_tagger(written_out, threads=1),
    "and one Attention operator": onnx_session.load_onnx_tagger(onnx_dir, threads=1),
}
steps = latency.measure_taggers(alone_and_ours, [article], sizes.rounds)
reveal(my_guess, steps["left alone"].p50 / steps["slow fusions left out"].p50, "times as fast")
base.latency_figure(steps)

# %% [markdown]
# A fusion saves trips to memory. It gains only if its kernel is as good as those that it replaces, and these two are not. Fusion is not speed. It is a bet, and it can be measured.
#
# ### Preflight
#
# None of this raises an error, so the course has a function that looks for it: `check_graph(directory)` names what is suspicious, why it matters and what helps. Here is what it says of the graph whose attention is written out:


# %%
def report(path):
    return table(("what", "why it matters", "remedy"), [tuple(finding) for finding in onnx_checks.check_graph(path)])


report(written_out)

# %% [markdown]
# ## Who has how many threads?
#
# `pinned_threads` speaks to torch. An ONNX Runtime session makes its threads when it is opened, and keeps them.
#
# ### Exercise 2: three lines
#
# The machine has eight cores, torch works with four threads. Then:
#
# ```
# session = open_session(path, torch.get_num_threads())
# torch.set_num_threads(1)
# compare(torch_model, session)
# ```
#
# How many threads has torch, how many has the session, in the comparison? A list of two.

# %%
my_threads = [..., ...]

# %%
exercise(my_threads, exercises.who_has_how_many)

# %% jupyter={"source_hidden": true} tags=["solution"]
my_threads = [1, 4]
exercise(my_threads, exercises.who_has_how_many)

# %% [markdown]
# ### And who has them afterwards?
#
# Variants take turns, notebook 02 said, so that all see the same machine. **Predict:** a session with two threads has answered. For how many ms of CPU time is it busy in the tenth of a second *after* that?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
pairs = {"left alone": left_alone(onnx_dir, 2), "ours": onnx_session.load_onnx_tagger(onnx_dir, threads=2)}
idle = {
    name: latency.idle_milliseconds(lambda tagger=tagger: tagger.predict([article])) for name, tagger in pairs.items()
}
reveal(my_guess, ", ".join(f"{name} {ms:.1f}" for name, ms in idle.items()), "ms")
del pairs

# %%
check("our session rests when nobody asks", idle["ours"] < 5)

# %% [markdown]
# By default its workers go on *spinning*, in case the next call comes at once. On two cores they take one away from whoever runs next, and in a comparison in turns that is the next variant. The victim looks slow, and the culprit is somebody else. It happened in this course: a pruned model seemed slower than the whole one, because it came after it. Our sessions are told to stop (`session.force_spinning_stop`).
#
# ## Eight bits
#
# Notebook 06 showed what INT8 is. Here it is written into a graph, and the choices are other ones: signed or unsigned weights, one scale a matrix or one a channel, embeddings too or not, ranges of activations measured as they arrive (**dynamic**) or ahead, on calibration texts (**static**).
#
# **Predict:** which one is the fastest, and will the slowest be slower than float32?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
calibration = [s.text for s in run.corpus.train if len(s.text) <= 200][: sizes.calibration]
choices = {
    "dynamic": lambda path: onnx_quantize.quantize_onnx(onnx_dir, path),
    "one scale a matrix": lambda path: onnx_quantize.quantize_onnx(onnx_dir, path, per_channel=False),
    "unsigned weights": lambda path: onnx_quantize.quantize_onnx(onnx_dir, path, signed=False),
    "float embeddings": lambda path: onnx_quantize.quantize_onnx(onnx_dir, path, embeddings=False),
    "static": lambda path: onnx_quantize.quantize_onnx_static(onnx_dir, path, calibration),
}
folders = {"dynamic": "onnx-int8", "one scale a matrix": "onnx-tensor", "unsigned weights": "onnx-unsigned",
           "float embeddings": "onnx-linear", "static": "onnx-static"}  # fmt: skip
int8 = {name: saved(f"original-{folders[name]}", build) for name, build in choices.items()}

# %% tags=["nbval-ignore-output"]
test = run.test
with latency.pinned_threads(2):
    baseline = evaluate(in_torch, test, seed)
    loaded = {"float32": onnx_dir} | int8
    loaded = {name: onnx_session.load_onnx_tagger(path) for name, path in loaded.items()}
times = latency.measure_taggers(loaded, [article], sizes.rounds)
reveal(my_guess, " < ".join(sorted(times, key=lambda name: times[name].p50)))

# %% tags=["nbval-ignore-output"]
found = {name: evaluate(tagger, test, seed) for name, tagger in loaded.items()}
megabytes = {name: directory_bytes(path) / 1e6 for name, path in ({"float32": onnx_dir} | int8).items()}
table(
    ("", "MB", "median ms", "F1", "sentences as in torch"),
    [(name, f"{megabytes[name]:.1f}", f"{times[name].p50:.1f}", f"{e.scores.f1:.2f}",
      f"{agreement(baseline.predictions, e.predictions):.1f} %") for name, e in found.items()],
)  # fmt: skip

# %% [markdown]
# Read the columns against each other. Scales for each channel cost nothing and cannot hurt. Unsigned weights take a detour on CPUs whose instruction multiplies *unsigned* activations by *signed* weights. Float embeddings change the file and not the time: they are looked up, not multiplied. What fixed ranges cost stands in the F1 column and nowhere else: no look at the graph shows it. And would anybody have noticed the two mistakes, unsigned weights and float embeddings? Preflight does:

# %% tags=["nbval-ignore-output"]
report(int8["unsigned weights"])

# %% tags=["nbval-ignore-output"]
report(int8["float embeddings"])

# %%
on_a_good_cpu = ["avx512_vnni"]
check("the good INT8 graph has no finding", onnx_checks.check_graph(int8["dynamic"], on_a_good_cpu) == [])
check("on a CPU without 8-bit instructions it has one", len(onnx_checks.check_graph(int8["dynamic"], flags=[])) == 1)

# %% [markdown]
# ## Pruned models
#
# Notebook 04 left layers with different numbers of heads. Optimisers that take one number for the whole network cannot handle that. **Predict:** half of the heads go, unevenly, one layer loses all of its own. What of: exports, fuses, quantises, agrees with torch, will fail?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
random = np.random.default_rng(seed)
shape = config.num_hidden_layers, config.num_attention_heads
places = random.permutation(shape[0] * shape[1])[: shape[0] * shape[1] // 2]
gone = {layer: [int(p % shape[1]) for p in places if p // shape[1] == layer] for layer in range(shape[0])}
pruned = remove.prune_heads(raner, gone | {1: list(range(shape[1]))})
ways = {"written out": "eager", "one operator": "operator"}
pruned_dirs = {
    name: saved(f"half-{way}-onnx", lambda p, way=way: onnx_export.export_onnx(pruned, tokenizer, p, attention=way))
    for name, way in ways.items()
}

# %%
left = [len(heads) for heads in pruned_shape.pruning_map(pruned.config).heads]
in_torch_pruned = torch_tagger(pruned, tokenizer)
batch = tokenizer.batch([article[:60], article[60:90]])[:2]
target = in_torch_pruned.backend(*batch)
real = batch[1].astype(bool)
near = {name: np.abs(onnx_session.load_onnx_tagger(path).backend(*batch) - target)[real].max() < 1e-4
        for name, path in pruned_dirs.items()}  # fmt: skip
operators = {name: onnx_files.operator_counts(path)["Attention"] for name, path in pruned_dirs.items()}
print("heads left in each layer:", left)
check("both exports of the uneven model agree with torch, to 1e-4", all(near.values()))
check("every layer with heads has its Attention operator", operators["one operator"] == sum(n > 0 for n in left))

# %% tags=["nbval-ignore-output"]
matrix = {("whole", "written out"): written_out, ("whole", "one operator"): onnx_dir}
matrix |= {("half of the heads", name): path for name, path in pruned_dirs.items()}
quantized = {
    key: saved(f"{key[0].split()[0]}-{ways[key[1]]}-int8", lambda p, path=path: onnx_quantize.quantize_onnx(path, p))
    for key, path in matrix.items()
}
named = {" ".join(key): path for key, path in matrix.items()}
named |= {"INT8 " + " ".join(key): path for key, path in quantized.items()}
with latency.pinned_threads(2):
    opened = {name: onnx_session.load_onnx_tagger(path) for name, path in named.items()}
in_matrix = latency.measure_taggers(opened, [article], sizes.rounds)

# %% tags=["nbval-ignore-output"]
memory = {key: peak_memory("utils.engines.onnx_session:load_onnx_tagger", path, article, 2).peak
          for key, path in quantized.items()}  # fmt: skip
reveal(my_guess, "none of them")
table(
    ("model", "attention", "Attention operators", "float32 ms", "INT8 ms", "INT8 peak MB"),
    [(*key, onnx_files.operator_counts(matrix[key])["Attention"], f"{in_matrix[' '.join(key)].p50:.1f}",
      f"{in_matrix['INT8 ' + ' '.join(key)].p50:.1f}", f"{memory[key]:.0f}") for key in matrix],
)  # fmt: skip

# %% [markdown]
# Pruning and fusion do not exclude each other, as long as nobody has to *find* the attention. Look at the memory, too. Written out, every layer stores its scores, the sum with the mask and the softmax, each of them heads × length × length; and where layers have different numbers of heads, no layer can reuse the room of another.
#
# ## How long, how many, how many threads?
#
# Engines differ in what a call costs besides its arithmetic. The mini's curves over the length of one text, over the number of texts in a batch, on one thread and on two. **Predict:** is there a length below which INT8 is slower than float32?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
float_dir = saved("original", lambda path: save_raner(raner, tokenizer, path))
int8_dir = saved("quantized", lambda path: save_quantized(dynamic.quantize(raner), tokenizer, path))
loaders = {
    "torch-fp32": lambda threads: load_tagger(float_dir),
    "torch-int8": lambda threads: load_quantized_tagger(int8_dir),
    "onnx-fp32": lambda threads: onnx_session.load_onnx_tagger(onnx_dir, threads),
    "onnx-int8": lambda threads: onnx_session.load_onnx_tagger(int8["dynamic"], threads),
}  # fmt: skip
peers = openvino.available()
if peers:
    vino_dir = saved("original-openvino", lambda p: openvino.export_openvino(onnx_dir, p))
    vino8_dir = saved("original-openvino-int8", lambda p: openvino.quantize_openvino(onnx_dir, p, calibration))
    loaders["openvino-int8"] = lambda threads: openvino.load_openvino_tagger(vino8_dir, threads)
else:
    print(openvino.ABSENT)

# %% tags=["nbval-ignore-output"]
lengths = {n: [article[:n]] for n in sizes.lengths}
batches = {n: [article[:64]] * n for n in sizes.batches}
curves = {}
for threads in (1, 2):
    with latency.pinned_threads(threads):
        taggers = {name: load(threads) for name, load in loaders.items()}
        title = f"{threads} thread{'s' * (threads > 1)}"
        curves[title] = latency.latency_grid(taggers, lengths, sizes.grid_rounds)
figures.engine_curves(curves, "characters")

# %% tags=["nbval-ignore-output"]
with latency.pinned_threads(2):
    in_batches = latency.latency_grid(taggers, batches, sizes.grid_rounds)
shortest = min(lengths)
slower = [f"{e} on {t}" for t, c in curves.items() for e in ("torch", "onnx")
          if c[f"{e}-int8"][shortest] > c[f"{e}-fp32"][shortest]]  # fmt: skip
reveal(my_guess, f"slower at {shortest} characters: " + (", ".join(slower) or "none"))
figures.engine_curves({"2 threads, texts of 64 characters": in_batches}, "texts in the batch")

# %% [markdown]
# ## One long text, or its sentences?
#
# Attention compares every character with every other one. Twelve sentences of forty characters are compared within themselves only, in one batch if they are padded to the longest. That saves work, and it costs context. The dynamic INT8 graph reads here, notebook 08 asks the same in float32. **Predict:** does F1 fall when a news text is cut into sentences, and how far?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
long_texts = merge_neighbours(test, 500)
whole, apart = loaded["dynamic"], by_sentence(loaded["dynamic"])
sets = {"texts of up to 500 characters": long_texts, "the article": [run.article], "the test set's sentences": test}
scored = {
    name: [evaluate(tagger, sentences, seed).scores.f1 for tagger in (whole, apart)] for name, sentences in sets.items()
}
first = scored["texts of up to 500 characters"]
reveal(my_guess, f"whole {first[0]:.1f}, by sentence {first[1]:.1f}")
table(("F1", "whole", "by sentence"), [(name, *(f"{f1:.1f}" for f1 in pair)) for name, pair in scored.items()])

# %%
pieces = [article[start:end] for start, end in apart.cut(article)]
print(f"the longest sentence of the training set has {max(len(s.text) for s in run.corpus.train)} characters")
starts = np.cumsum([0, *map(len, pieces)]).tolist()
parts = zip(starts, in_onnx.predict(pieces), strict=False)
separately = [(e.start + at, e.end + at, e.type) for at, entities in parts for e in entities]
check("the sentences lose no character", "".join(pieces) == article)
check("sentences in one batch are found as one by one, at the same places", separately == [
    tuple(e.span) for e in by_sentence(in_onnx).predict([article])[0]])  # fmt: skip

# %% [markdown]
# A model knows what it was trained on. The mini learnt from single sentences, and a text of five hundred characters is a stranger to it. So for *this* model, cutting is what makes the answers right, whatever it does to the time. Whoever trains on long texts has to look again. F1 on long inputs is a number that no benchmark of milliseconds shows, and "500 characters in so many ms" says nothing about it.
#
# ### Exercise 3: padding
#
# Four sentences of 8, 12, 40 and 44 characters make one batch. Each gets a `[CLS]` and a `[SEP]`, and is padded to the longest. How many percent of the batch's positions are padding?

# %%
my_percentage = ...

# %%
exercise(my_percentage, exercises.wasted_on_padding())

# %% jupyter={"source_hidden": true} tags=["solution"]
positions = 4 * (44 + 2)
my_percentage = 100 * (positions - sum((8, 12, 40, 44)) - 4 * 2) / positions
exercise(my_percentage, exercises.wasted_on_padding())

# %% [markdown]
# `Tagger.predict` therefore sorts sentences by length and cuts them into the batches that pad least, counting for each further batch that all weights have to be read once more. It cannot do better, as long as a row holds one sentence.
#
# ### Several sentences in one row
#
# Why should it? What a position may look at is said by the mask, and the mask is ours. Our export lets positions see each other if they hold the *same number* in it, and counts places inside each number. 1 for characters and 0 for padding is the usual mask. With 1, 2, 3, … several sentences stand in one row, one behind the other, and none sees another. `packed(tagger)` fills rows of about equal length that way.
#
# **Predict:** which is the fastest: the whole text, its sentences padded, or its sentences packed?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
ways_to_read = {"whole": whole, "sentences, padded": apart, "sentences, packed": packed(whole)}
reading = latency.measure_taggers(ways_to_read, [article], sizes.rounds)
reveal(my_guess, " < ".join(sorted(reading, key=lambda name: reading[name].p50)))
base.latency_figure(reading)

# %%
one_by_one = [in_torch.backend(*tokenizer.batch([piece])[:2])[0] for piece in pieces]
together, encoding = packed(in_onnx).backend, tokenizer.batch(pieces)
rows = together(encoding.input_ids, encoding.attention_mask)
difference = max(np.abs(row[: len(alone)] - alone).max() for row, alone in zip(rows, one_by_one, strict=True))
check("packed sentences have the emissions of torch, one by one, to 1e-4", difference < 1e-4)
check("and the packed tagger finds the same entities", [tuple(e.span) for e in packed(in_onnx).predict([article])[0]] == separately)  # fmt: skip

# %% [markdown]
# ## All engines, the same article
#
# The last rows read packed sentences (`quantized-sentences`), ours and the peer's: the graph is the same, so the trick is as well. First at the mini's size, where F1 is measured, then at the article's. Every row: its own process for the memory, turns for the time, text to entities.


# %%
packing_loaders = {
    "onnx-int8": onnx_session.load_onnx_sentence_tagger,
    "openvino-int8": openvino.load_openvino_sentence_tagger,
}


# %%
def engine_rows(paths, reference):
    """The engines of this notebook; a row of OpenVINO only where it is installed."""
    rows = [("original", "torch-fp32", "float"), ("original", "torch-bf16", "float"), ("quantized", "torch-int8", "int8"),
            ("original", "onnx-fp32", "onnx"), ("quantized", "onnx-int8", "dynamic"),
            ("quantized-static", "onnx-int8", "static"), ("quantized-sentences", "onnx-int8", "dynamic"),
            ("original", "openvino-fp32", "vino"), ("quantized", "openvino-int8", "vino8"),
            ("quantized-sentences", "openvino-int8", "vino8")]  # fmt: skip
    for stage, backend, key in rows:
        if key in paths:
            loader = packing_loaders[backend] if stage == "quantized-sentences" else LOADERS[backend]
            yield Variant(stage, backend, paths[key], reference, loader=loader)


# %% tags=["nbval-ignore-output"]
paths = {"float": float_dir, "int8": int8_dir, "onnx": onnx_dir, "dynamic": int8["dynamic"], "static": int8["static"]}
paths |= {"vino": vino_dir, "vino8": vino8_dir} if peers else {}
small = [Variant(**vars(v) | {"evaluation": evaluate(v.load(), test, seed)}) for v in engine_rows(paths, raner)]
mini_rows = measure_variants(run, small, "07", "mini")

# %% [markdown]
# And the twin: the mini's function at 768 features and 3,072 neurons. It is redundant by construction, and nothing here makes use of that. **Predict:** which engine is the fastest there, and how many times as fast as torch in float32?

# %%
my_guess = ...


# %% tags=["nbval-ignore-output"]
def large(name, build):
    return run.artifact(f"article/{name}-seed{seed}", build)


twin = article_twin(raner)
big = {"float": large("original", lambda path: save_raner(twin, tokenizer, path))}
big["int8"] = large("quantized", lambda path: save_quantized(dynamic.quantize(twin), tokenizer, path))
big["onnx"] = large("original-onnx", lambda path: onnx_export.export_onnx(twin, tokenizer, path))
big["dynamic"] = large("original-onnx-int8", lambda path: onnx_quantize.quantize_onnx(big["onnx"], path))
few = calibration[:16]
big["static"] = large("original-onnx-static", lambda p: onnx_quantize.quantize_onnx_static(big["onnx"], p, few))
if peers:
    big["vino"] = large("original-openvino", lambda p: openvino.export_openvino(big["onnx"], p))
    big["vino8"] = large("original-openvino-int8", lambda p: openvino.quantize_openvino(big["onnx"], p, few))

# %%
head = tokenizer.batch([article[:100]])[:2]
wide = onnx_session.load_onnx_tagger(big["onnx"]).backend(*head)
check("the twin's export gives the mini's emissions, to 1e-4", np.abs(wide - in_torch.backend(*head)).max() < 1e-4)
del wide

# %% tags=["nbval-ignore-output"]
big_rows = measure_variants(run, list(engine_rows(big, twin)), "07", "article", repeats=5)
ranking = pareto.choices(run.ledger.rows(), "07")
original = next(c for c in ranking if (c.stage, c.backend) == ("original", "torch-fp32"))
best = ranking[0]
reveal(my_guess, f"{best.name}, {original.milliseconds / best.milliseconds:.2f} times as fast")

# %% [markdown]
# ## The memo
#
# Times, sizes and memory at the article's size, F1 of the mini, all read from the ledger.

# %% tags=["nbval-ignore-output"]
table(
    ("engine and stage", "median ms", "times as fast", "file MB", "peak MB", "F1", "F1 lost"),
    [(c.name, f"{c.milliseconds:.0f}", f"{original.milliseconds / c.milliseconds:.2f}", f"{c.megabytes:.0f}",
      f"{c.memory:.0f}", f"{c.f1:.2f}", f"{original.f1 - c.f1:+.2f}") for c in ranking],
)  # fmt: skip

# %% tags=["nbval-ignore-output"]
chosen = pareto.pick(ranking, margin=0.5)
print(f"pick {chosen.name}: the fastest that loses at most half a point of F1")
figures.decision_figure(ranking, chosen)

# %% tags=["nbval-ignore-output"]
versions = {(v.stage, v.backend): v for v in engine_rows(big, twin)}
rivals = {b: v for (stage, b), v in versions.items() if stage == "quantized"} | {
    "float": versions["original", "torch-fp32"]
}
with latency.pinned_threads(2):
    taggers = {name: variant.load() for name, variant in rivals.items()}
    turns = latency.measure_taggers(taggers, [article], sizes.rounds)
del taggers

# %% tags=["nbval-ignore-output"]
faster = {name: times_as_fast(timed, turns["onnx-int8"]) for name, timed in turns.items()}
answers = {(v.stage, v.backend): v.evaluation.predictions for v in small}
lost = f1_difference(test, answers["original", "torch-fp32"], answers["quantized", "onnx-int8"], seed)
check("ONNX Runtime in INT8 is at least 2.6 times as fast as torch in float32", verdict(faster["float"], 2.6))
check("and loses at most 0.5 points of F1", verdict(lost, -0.5))
check(
    "the article's last step (140 to 85 ms, another engine) is as large here", verdict(faster["torch-int8"], 140 / 85)
)

# %% [markdown]
# These ratios come from one session, in which the INT8 versions and the original took turns, all of them reading the article in one piece: like is held against like. The pick above goes by the measured F1 alone; the verdict on F1 asks its whole interval, and may be less sure.

# %% tags=["nbval-ignore-output"]
if peers:
    peer = faster["openvino-int8"]
    print(
        f"ONNX Runtime is {peer.value:.2f} times as fast as OpenVINO ({peer.low:.2f} to {peer.high:.2f}), both in INT8"
    )
    check("ONNX Runtime in INT8 is within 10 % of OpenVINO's speed, or faster", verdict(peer, 1 / 1.1))
else:
    print(openvino.ABSENT)

# %% [markdown]
# The plot answers one question: which engine for *these* numbers, on *this* machine. A memo needs two more lines. What does an engine bring into the process, and into the container? And who updates it? The table's memory column answers the first: without torch the process starts much smaller.
#
# ## What you know now
#
# - An export is right when it was compared, at other shapes than the example's, with padding.
# - Optimisers are counted afterwards. One fused nothing without a word; two fused well and ran slower; the operator that the exporter writes itself needs no search, and fits pruned models.
# - Comparisons of engines are comparisons of threads first: how many, made when, and still awake?
# - INT8 graphs hide their mistakes: unsigned weights, float tables, missing instructions. `check_graph` looks.
# - A text of a length that the model never saw is a question of F1 before it is one of time. Read by sentence, packed into rows, it can have both.
#
# **Next:** [08 · The whole pipeline](08_the_whole_pipeline.ipynb) puts the pieces together.
