# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 07b · Reading
#
# | | |
# |---|---|
# | **You will be able to** | say how many threads an engine has, and whether they are still awake; know when a batch pays; choose between a long text, its sentences, and sentences packed into rows, by F1 first and by time then; pack sentences into rows yourself |
# | **You need** | [07 · ONNX Runtime](07_onnx_runtime.ipynb); 4 GB of free memory |
# | **Minutes** | shown below the set-up cell, from a measured run |

# %% tags=["parameters"]
run_dir = ""
model = ""
corpus = ""
seed = 1
quick = False

# %% tags=["nbval-ignore-output"]
from dataclasses import replace
from functools import partial

import numpy as np

from utils.compress.quantization import dynamic
from utils.course.exercises import nb07b as exercises
from utils.course.figures import base
from utils.course.figures import nb07b as figures
from utils.course.sizes import sizes_of
from utils.course.solutions import solution
from utils.course.tables import table
from utils.course.teaching import attempted, check, exercise, predictions, show_minutes
from utils.engines import onnx_session, openvino, pareto
from utils.engines.variants import Variant, measure_variants
from utils.measure import latency
from utils.measure.evaluation import evaluate
from utils.measure.run import open_run
from utils.measure.verdict import Verdict, f1_difference, times_as_fast, verdict
from utils.model.checkpoint import save_raner
from utils.model.torch_tagger import load_sentence_tagger, torch_tagger
from utils.model.twin import article_twin
from utils.studies import pipeline
from utils.tagger.batching import WIDTH, pack
from utils.tagger.tagger import by_sentence, packed
from utils.text.entities import merge_neighbours

run = open_run(run_dir, model, corpus, seed, quick)
guesses = predictions(run, "07b")
sizes = sizes_of("07b", run)
article = run.article.text
show_minutes("07b")

# %% [markdown]
# Notebook 07 asked which engine is the fastest, and all of them read the article in one piece, with two threads. Now the engine stays as it is. **How should a text be read?** By how many threads, alone or with others, in one piece or in many? None of this changes a weight. All of it changes the time, and some of it changes the answers.
#
# We need the mini's graphs: in float32, and in eight bits for ONNX Runtime and for OpenVINO. Where notebook 07 has left them, they are taken from there.

# %% tags=["nbval-ignore-output"]
raner, tokenizer = run.model()
graphs = pipeline.engine_graphs(run, "mini", raner, tokenizer)

# %% [markdown]
# ## Who has how many threads?
#
# `pinned_threads` speaks to torch. An ONNX Runtime session makes its threads when it is opened, and keeps them.
#
# ### Exercise 1: three lines
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
#
# Stuck? `solution("07b", 1)` shows one way.

# %%
my_threads = [..., ...]

# %%
exercise(my_threads, exercises.who_has_how_many)

# %% jupyter={"source_hidden": true} tags=["solution"]
my_threads = [1, 4]  # torch listens at once; the session keeps what torch had when it was opened
exercise(my_threads, exercises.who_has_how_many)

# %% [markdown]
# ### What is the second thread worth?
#
# **Predict:** how many times as fast is the article with two threads as with one?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
by_threads = {n: onnx_session.load_onnx_tagger(graphs["onnx-int8"], threads=n) for n in (1, 2)}
steps = latency.measure_taggers(by_threads, [article], sizes.rounds)
gain = times_as_fast(steps[1], steps[2])
guesses.reveal("two threads instead of one", my_guess, gain, "times as fast")
check("two threads are faster than one", verdict(gain, 1))

# %% [markdown]
# It is rarely twice. Threads share the way to memory, they wait for each other after every operator, and decoding has one thread whatever you say. A server with many requests may rather give each of them one thread. Notebook 09 tries both.
#
# ### Who has them afterwards?
#
# Versions take turns, notebook 02 said, so that all see the same machine. **Predict:** a session with two threads has answered. For how many ms of CPU time is it busy in the tenth of a second *after* that?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
pairs = {"left alone": onnx_session.load_by_default, "ours": onnx_session.load_onnx_tagger}
idle = {}
for name, load in pairs.items():
    tagger = load(graphs["onnx-fp32"], threads=2)
    idle[name] = latency.idle_milliseconds(lambda tagger=tagger: tagger.predict([article]))
guesses.reveal("busy after the answer", my_guess, ", ".join(f"{name} {ms:.1f}" for name, ms in idle.items()), "ms")

# %%
check("our session rests when nobody asks", idle["ours"] < 5)

# %% [markdown]
# By default its workers go on *spinning*, in case the next call comes at once. On two cores they take one away from whoever runs next, and in a comparison in turns that is the next version. The victim looks slow, and the culprit is somebody else. It happened in this course: a pruned model seemed slower than the whole one, because it came after it. Our sessions are told to stop (`session.force_spinning_stop`).
#
# ## Short, long, many
#
# Engines differ in what a call costs besides its arithmetic. Here are the mini's curves over the length of one text, on one thread and on two. **Predict:** is there a length below which INT8 is slower than float32?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
in_torch, in_torch8 = torch_tagger(raner, tokenizer), torch_tagger(dynamic.quantize(raner), tokenizer)
loaders = {
    "torch-fp32": lambda threads: in_torch,
    "torch-int8": lambda threads: in_torch8,
    "onnx-fp32": lambda threads: onnx_session.load_onnx_tagger(graphs["onnx-fp32"], threads),
    "onnx-int8": lambda threads: onnx_session.load_onnx_tagger(graphs["onnx-int8"], threads),
    "openvino-int8": lambda threads: openvino.load_openvino_tagger(graphs["openvino-int8"], threads),
}
lengths = {n: [article[:n]] for n in sizes.lengths}
curves, shortest = {}, {}
for title, threads in {"1 thread": 1, "2 threads": 2}.items():
    with latency.pinned_threads(threads):
        taggers = {name: load(threads) for name, load in loaders.items()}
        curves[title] = latency.latency_grid(taggers, lengths, sizes.grid_rounds)
        shortest[title] = latency.measure_taggers(taggers, lengths[min(lengths)], sizes.rounds)

# %% tags=["nbval-ignore-output"]
gains = {}
for title, timed in shortest.items():
    for engine in ("torch", "onnx"):
        gains[f"{engine}, {title}"] = times_as_fast(timed[f"{engine}-fp32"], timed[f"{engine}-int8"])
for name, gain in gains.items():
    print(f"{name}: INT8 is", "{:.2f} [{:.2f}, {:.2f}] times as fast".format(*gain))
slower = [name for name, gain in gains.items() if verdict(gain, 1) is Verdict.NO]
said = f"at {min(lengths)} characters: {'; '.join(slower) or 'nowhere surely'}"
guesses.reveal("INT8 slower on short texts", my_guess, said)
figures.engine_curves(curves, "characters")

# %% [markdown]
# Both axes are logarithmic: a line that rises by a factor of ten over a factor of ten costs the same for each character. A flat line to the left is what a call costs before it computes anything.
#
# That part is paid once a call. So several short texts in one **batch** could share it. **Predict:** eight texts of 64 characters, in one batch instead of one by one: how many times as fast in ONNX Runtime's INT8?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
batches = {n: [article[:64]] * n for n in sizes.batches}
with latency.pinned_threads(2):
    in_batches = latency.latency_grid(taggers, batches, sizes.grid_rounds)
    ask = partial(taggers["onnx-int8"].predict, batches[8])
    eight = {size: partial(ask, batch_size=size) for size in (1, 8)}
    in_turns = latency.measure_latency(eight, sizes.rounds)
guesses.reveal("eight in a batch", my_guess, times_as_fast(in_turns[1], in_turns[8]), "times as fast")
figures.engine_curves({"2 threads, texts of 64 characters": in_batches}, "texts in the batch")

# %% [markdown]
# On a CPU a batch gains far less than on a GPU, where most of the chip waits for work. Here one text of some length keeps both cores busy already. What a batch saves is the call, and one reading of the weights. What it may cost comes next.
#
# ## One long text, or its sentences?
#
# Attention compares every character with every other one. Sentences are compared within themselves only. That saves work, and it costs context: no sentence knows of its neighbours. The dynamic INT8 graph reads here, notebook 08 asks the same in float32. **Predict:** does F1 fall when a news text is cut into sentences, and how far?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
test, long_texts = run.test, merge_neighbours(run.test, 500)
whole = onnx_session.load_onnx_tagger(graphs["onnx-int8"])
apart = by_sentence(whole)
scored = {}
sets = {"the test set's sentences": test, "the article": [run.article], "texts of up to 500 characters": long_texts}
for name, sentences in sets.items():
    scored[name] = [evaluate(tagger, sentences, seed) for tagger in (whole, apart)]
rows = [(name, *(f"{one.scores.f1:.1f}" for one in both)) for name, both in scored.items()]
in_one, in_many = scored["texts of up to 500 characters"]
change = f1_difference(long_texts, in_one.predictions, in_many.predictions, seed)
guesses.reveal("F1 of long texts, by sentence instead of whole", my_guess, change, "points")
table(("F1", "whole", "by sentence"), rows)

# %%
in_onnx = onnx_session.load_onnx_tagger(graphs["onnx-fp32"])
pieces = [article[start:end] for start, end in apart.cut(article)]
print(f"the longest sentence of the training set has {max(len(s.text) for s in run.corpus.train)} characters")
separately, at = [], 0
for piece, entities in zip(pieces, in_onnx.predict(pieces), strict=True):
    separately += [(entity.start + at, entity.end + at, entity.type) for entity in entities]
    at += len(piece)
together = [tuple(entity.span) for entity in by_sentence(in_onnx).predict([article])[0]]
check("the sentences lose no character", "".join(pieces) == article)
check("sentences in one batch are found as one by one, at the same places", separately == together)

# %% [markdown]
# A model knows what it was trained on. The mini learnt from single sentences, and a text of five hundred characters is a stranger to it. So for *this* model, cutting is what makes the answers right, whatever it does to the time. Whoever trains on long texts has to look again. F1 on long inputs is a number that no benchmark of milliseconds shows, and "500 characters in so many ms" says nothing about it.
#
# ### Exercise 2: padding
#
# Four sentences of 8, 12, 40 and 44 characters make one batch. Each gets a `[CLS]` and a `[SEP]`, and is **padded** to the longest: the rest of its row is filled with `[PAD]`. How many percent of the batch's positions are padding?
#
# Stuck? `solution("07b", 2)` shows one way.

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
# ## Several sentences in one row
#
# Why should it? What a position may look at is said by the mask, and the mask is ours. Our export lets positions see each other if they hold the *same number* in it, and counts places inside each number. 1 for characters and 0 for padding is the usual mask. With 1, 2, 3, … several sentences stand in one row, one behind the other, and none sees another. They are **packed** ([Krell et al. 2021](https://arxiv.org/abs/2107.02027)).
#
# ### Build it: which sentences share a row?
#
# All rows of a batch are as long as the longest one. So the rows should be equally long. To find the best way is NP-hard: for every known method there are lengths with which it takes far too long. But good approximations exist, and a simple rule comes close. Take the longest sentence first. Give each one to the row that is the emptiest so far. (Graham 1969: the longest row is never more than a third longer than it has to be.)
#
# Write `my_rows(lengths, count)`. It gets how many positions each sentence takes, and how many rows there are. It returns the rows, a list of `count` lists. Each holds the numbers of its sentences, counted from 0. For `my_rows([30, 10, 20], 2)` that is `[[0], [2, 1]]`. `sorted(range(n), key=...)` gives numbers in an order that you choose, and `filled.index(min(filled))` is the place of a list's smallest entry.
#
# Stuck? `solution("07b", 3)` shows one way.

# %%
my_rows = ...  # in place of the dots, your function:
# def my_rows(lengths, count):
#     ...
#     return rows

# %%
exercise(my_rows, exercises.packed_rows)


# %% jupyter={"source_hidden": true} tags=["solution"]
def my_rows(lengths, count):
    """The longest sentence first, each into the row that is emptiest so far."""
    rows, filled = [[] for _ in range(count)], [0] * count
    for number in sorted(range(len(lengths)), key=lambda number: -lengths[number]):
        row = filled.index(min(filled))
        rows[row].append(number)
        filled[row] += lengths[number]
    return rows


exercise(my_rows, exercises.packed_rows)

# %% [markdown]
# The course's own `pack` (`utils/tagger/batching.py`) is the same rule. It makes rows of about `WIDTH` positions. Here is the article, one sentence a row and packed. Grey is padding, which is multiplied like text:

# %%
takes = [len(piece) + 2 for piece in pieces]
filled = [[] for _ in range(1 + max(place.row for place in pack(takes, WIDTH)))]
for place, n in zip(pack(takes, WIDTH), takes, strict=True):
    filled[place.row].append(n)
if attempted(my_rows):
    by_me = exercises.longest(my_rows(takes, len(filled)), takes)
    check("your rows are no longer than the course's", by_me <= max(map(sum, filled)))
figures.rows_figure({"one sentence a row": [[n] for n in takes], "packed": filled})

# %% [markdown]
# ### Is it the same?
#
# If the mask keeps sentences apart, nobody may notice the neighbours in its row. Each sentence in float32, packed in ONNX Runtime, and all alone in torch:

# %%
ids, mask, _ = tokenizer.batch(pieces)
rows, distance = packed(in_onnx).backend(ids, mask), 0
for row, piece in zip(rows, pieces, strict=True):
    ids, mask, _ = tokenizer.batch([piece])
    alone = in_torch.backend(ids, mask)[0]
    distance = max(distance, np.abs(row[: len(alone)] - alone).max())
in_rows = [tuple(entity.span) for entity in packed(in_onnx).predict([article])[0]]
check("packed sentences have the emissions of torch, one by one, to 1e-4", distance < 1e-4)
check("and the packed tagger finds the same entities", in_rows == separately)

# %% [markdown]
# In eight bits one thing is different. The range of the activations is that of the whole batch, so all who share one share a grid, and a neighbour may move an answer. That is true of every batch, padded or packed. So F1 in eight bits is scored one sentence a call. Notebook 08 counts how many answers sharing changes.
#
# ## Packed against packed
#
# **Predict:** the article in the mini's INT8, whole, its sentences padded, or its sentences packed. Which is the fastest?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
ways_to_read = {"whole": whole, "sentences, padded": apart, "sentences, packed": packed(whole)}
reading = latency.measure_taggers(ways_to_read, [article], sizes.rounds)
guesses.reveal("fastest way to read", my_guess, " or ".join(pareto.fastest(reading)))
base.latency_figure(reading)

# %% [markdown]
# Where *padded* is as quick as *packed*, or quicker, remember what it does: it sorts the sentences into the batches that pad least, while the picture of the rows shows all of them in one batch. And in a longer row attention has more to compare.
#
# And at the article's size? There a position costs more, and all that is paid once a call matters less. Our two INT8 engines read there in all three ways, in turns. The mask is part of the graph, so what ONNX Runtime does with it, OpenVINO does as well. **Predict:** how many times as fast as in one piece is the packed article, in ONNX Runtime?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
twin = article_twin(raner)
wide = pipeline.engine_graphs(run, "article", twin, tokenizer)
engines = {
    "onnx-int8": onnx_session.load_onnx_tagger(wide["onnx-int8"]),
    "openvino-int8": openvino.load_openvino_tagger(wide["openvino-int8"]),
}
readers = {}
for name, tagger in engines.items():
    readers |= {f"{name}, whole": tagger, f"{name}, padded": by_sentence(tagger), f"{name}, packed": packed(tagger)}
turns = latency.measure_taggers(readers, [article], sizes.twin_rounds)
gain = times_as_fast(turns["onnx-int8, whole"], turns["onnx-int8, packed"])
guesses.reveal("packed instead of whole", my_guess, gain, "times as fast")
base.latency_figure(turns)

# %% tags=["nbval-ignore-output"]
peers = {how: times_as_fast(turns[f"openvino-int8, {how}"], turns[f"onnx-int8, {how}"]) for how in ("whole", "packed")}
for how, peer in peers.items():
    print("{}: ONNX Runtime is {:.2f} [{:.2f}, {:.2f}] times as fast as OpenVINO".format(how, *peer))
check("packed is faster than whole, in ONNX Runtime", verdict(gain, 1))
check("packed, ONNX Runtime in INT8 has at least 90 % of OpenVINO's speed", verdict(peers["packed"], 0.9))
del engines, readers

# %% [markdown]
# Like against like: to hold a packed engine against another one that reads in one piece would measure the packing and call it the engine. The ledger keeps the packed engines as `quantized-sentences`, beside the original, which reads by sentence in torch: the mini for F1, the twin for time and memory. (In torch, reading by sentence need not be quicker than reading in one piece, and a slow base flatters. Notebook 08 takes the faster of the two as its base, against which these ratios are smaller.)


# %%
def packed_variants(model, original, paths):
    """The original by sentence, the base, and both INT8 engines packed."""
    packings = {
        "onnx-int8": onnx_session.load_onnx_sentence_tagger,
        "openvino-int8": openvino.load_openvino_sentence_tagger,
    }
    rows = [Variant("original", "torch-fp32", original, model, loader=load_sentence_tagger)]
    for backend, load in packings.items():
        rows.append(Variant("quantized-sentences", backend, paths[backend], model, loader=load))
    return rows


# %% tags=["nbval-ignore-output"]
small = run.artifact(f"mini/original-seed{seed}", lambda path: save_raner(raner, tokenizer, path))
large = run.artifact(f"article/original-seed{seed}", lambda path: save_raner(twin, tokenizer, path))
mini_variants = packed_variants(raner, small, graphs)
scored = [replace(variant, evaluation=evaluate(variant.load(), test, seed)) for variant in mini_variants]
mini_rows = measure_variants(run, scored, "07b", "mini")
rows = measure_variants(run, packed_variants(twin, large, wide), "07b", "article", repeats=5)
table(
    ("version", "reads", "median ms", "times as fast", "peak MB", "F1"),
    [
        (f"{row['stage']}, {row['backend']}", row["reading"], f"{row['latency_ms']['p50']:.0f}",
         f"{row['times_as_fast']['value']:.2f}", f"{row['rss_mb']:.0f}", f"{mini['f1']:.2f}")
        for row, mini in zip(rows, mini_rows, strict=True)
    ],
)  # fmt: skip

# %% [markdown]
# ## Your predictions

# %% tags=["nbval-ignore-output"]
guesses.review()

# %% [markdown]
# ## What you know now
#
# - Comparisons of engines are comparisons of threads first: how many, made when, and still awake?
# - A call has a price before it computes anything. Short texts pay it in full, batches share it and one reading of the weights, and on a CPU that is all that a batch gains.
# - A text of a length that the model never saw is a question of F1 before it is one of time.
# - Padding is multiplied like text. Sentences in one row, kept apart by the mask, need almost none, and give the answers of each sentence alone.
# - Packed is compared with packed, whole with whole. In INT8, sentences that share a grid have to be checked.
#
# **To read:** packing without letting sequences see each other, [Krell et al. 2021](https://arxiv.org/abs/2107.02027); the longest first, [Graham 1969](https://doi.org/10.1137/0117039); attention's work by length, [Vaswani et al. 2017](https://arxiv.org/abs/1706.03762), table 1; when memory, and not arithmetic, is what one waits for, [Williams et al. 2009](https://doi.org/10.1145/1498765.1498785); threads of a session, [ONNX Runtime's own page](https://onnxruntime.ai/docs/performance/tune-performance/threading.html).
#
# **Next:** [08 · The whole pipeline](08_the_whole_pipeline.ipynb) puts the pieces together.
