# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 02 · Measuring fairly
#
# | | |
# |---|---|
# | **You will be able to** | time a model so that another person gets the same answer; say why a median, a warm-up, turns and a fresh process; name the smallest difference that your machine lets you claim; put an interval around an F1 with ten lines of numpy; tell a difference from noise, and "the same" from "I cannot tell"; say what the original costs at the article's size |
# | **You need** | [01 · RaNER and its data](01_raner_and_its_data.ipynb) |
# | **Minutes** | shown below the set-up cell, from a measured run |

# %% tags=["parameters"]
run_dir = ""
model = ""
corpus = ""
seed = 1
quick = False

# %% tags=["nbval-ignore-output"]
import numpy as np
from IPython.display import display

from utils.compress.quantization import dynamic
from utils.course.exercises import nb02 as exercises
from utils.course.figures import base
from utils.course.figures import nb02 as figures
from utils.course.sizes import sizes_of
from utils.course.solutions import solution
from utils.course.tables import table
from utils.course.teaching import attempted, check, exercise, predictions, show_minutes
from utils.measure import latency, ledger, machine
from utils.measure.bootstrap import paired_bootstrap, percentile_interval
from utils.measure.cold_start import cold_start
from utils.measure.evaluation import evaluate
from utils.measure.memory import peak_memory
from utils.measure.run import open_run
from utils.measure.verdict import Estimate, equivalent, f1_difference, times_as_fast, verdict
from utils.model.checkpoint import save_raner
from utils.model.torch_tagger import torch_tagger
from utils.model.twin import article_twin
from utils.tagger.tagger import emissions_of

run = open_run(run_dir, model, corpus, seed, quick)
sizes = sizes_of("02", run)
guesses = predictions(run, "02")
show_minutes("02")

# %% [markdown]
# The article reports "320 ± 15" ms. Plus or minus *what*, over how many calls, after which warm-up, on how many cores? It does not say, so nobody can check it. This notebook settles these questions once, for every number that the course will report.
#
# ## How long does one call take?
#
# **Predict:** the same model tags the same sentence a hundred times. By how many percent will the slowest call be slower than the fastest?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
raner, tokenizer = run.model()
tagger = torch_tagger(raner, tokenizer)
sentence = run.corpus.test[0].text
calls_of_one = latency.Rounds(sizes.calls)
timed_once = latency.measure_latency({"one sentence": lambda: tagger.predict([sentence])}, calls_of_one)
calls = np.array(timed_once["one sentence"].samples)
guesses.reveal("slowest call above the fastest", my_guess, 100 * (calls.max() / calls.min() - 1), "%")

# %% tags=["nbval-ignore-output"]
figures.samples_figure(calls, f"one sentence of {len(sentence)} characters, call after call")

# %% [markdown]
# How far is it from the median down to the fastest call, and how far up to the slowest? A mean with a "±" promises that both ways are equally long. There is a floor, below which this computer cannot go, but no ceiling: in some calls it does something else as well.
#
# ### Which number stays put?
#
# Suppose that one more call had come, ten times as slow as the slowest: the computer was busy elsewhere. What happens to mean and median?

# %% tags=["nbval-ignore-output"]
stalled = np.append(calls, 10 * calls.max())
print(f"{np.median(calls) - calls.min():.2f} ms down to the fastest, {calls.max() - np.median(calls):.2f} ms up")
statistics = {"mean": np.mean, "median": np.median, "minimum": np.min}
moved = {name: float(f(stalled) - f(calls)) for name, f in statistics.items()}
table(("", "before (ms)", "moved by (ms)"), [(n, f"{f(calls):.2f}", f"{moved[n]:.3f}") for n, f in statistics.items()])

# %%
check("one stalled call moves the mean more than the median", moved["mean"] > moved["median"])
check("the minimum does not notice it at all", moved["minimum"] == 0)

# %% [markdown]
# The minimum is even steadier, but it answers another question: how fast could it be, were we alone on the machine? Users get the typical call, which is the **median** (p50), and remember the bad ones, which is the **p95**, the 95th **percentile**: 95 of 100 calls stay below it. The ledger keeps both.
#
# ### Exercise 1: what would you report?
#
# Seven calls, in ms. Which single number describes the typical one?
#
# Stuck? `solution("02", 1)` shows one way.

# %%
print(exercises.CALLS)
typical = ...

# %%
exercise(typical, exercises.typical_call())

# %% jupyter={"source_hidden": true} tags=["solution"]
typical = sorted(exercises.CALLS)[len(exercises.CALLS) // 2]
exercise(typical, exercises.typical_call())

# %% [markdown]
# ## Why throw the first calls away?
#
# A model that is loaded again in *this* process is not cold: the libraries are there, and have run already. So a **fresh process** has to show it. It imports the libraries, loads the model, tags our sentence, and then tags it a few times more.
#
# **Predict:** how many times as long as a later call does a user wait until the *first* answer?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
on_disk = run.artifact(f"mini/original-seed{seed}", lambda path: save_raner(raner, tokenizer, path))
cold = cold_start("utils.model.torch_tagger:load_tagger", on_disk, sentence, latency.THREADS)
later = float(np.median(cold.later))
waited = cold.imports + cold.loading + cold.first
guesses.reveal("until a fresh process answers", my_guess, waited / later, "times a later call")

# %% tags=["nbval-ignore-output"]
steps = {"import the libraries": cold.imports, "load the model": cold.loading, "first call": cold.first}
check("of the time until the first answer, imports take the most", cold.imports > waited / 2)
table(("a fresh process", "ms"), [(step, f"{ms:,.0f}") for step, ms in (steps | {"a later call": later}).items()])

# %% [markdown]
# Most of the wait is not the model at all. The first call itself touches every weight for the first time, fills caches and makes threads; the table says how much that is on your machine. (*A later call* may take longer here than in the first picture, though the sentence is the same: this process has made only a few, and its threads sleep between two pieces of work instead of staying awake for the next one.) A server pays all of it once, and then answers a million times. So the first calls are made and thrown away: the **warm-up**. Where start-up matters, as with a command or a function in the cloud, measure *it*, under its own name and in a fresh process.
#
# ## Does a second core halve the time?
#
# **Predict:** two threads instead of one. How many times as fast is the article of 500 characters (499, to be exact)? And would a single sentence gain as much?

# %%
my_guess = ...

# %%
article = run.article.text


def on_threads(count, text):
    def call():
        with latency.pinned_threads(count):
            tagger.predict([text])

    return call


# %% tags=["nbval-ignore-output"]
texts = {"sentence": sentence, "article": article}
variants = {f"{name}, threads: {n}": on_threads(n, text) for name, text in texts.items() for n in (1, 2)}
on_cores = latency.measure_latency(variants, sizes.rounds)
base.latency_figure(on_cores)

# %% tags=["nbval-ignore-output"]
gains = {name: times_as_fast(on_cores[f"{name}, threads: 1"], on_cores[f"{name}, threads: 2"]) for name in texts}
guesses.reveal("two threads on the article", my_guess, gains["article"], "times as fast")
for name, gain in gains.items():
    print(f"{name}: {gain.value:.2f} times as fast, interval {gain.low:.2f} to {gain.high:.2f}")

# %% [markdown]
# Splitting work among cores costs something itself, and a small model has little to split. "Milliseconds" without a number of threads means nothing, and a library takes as many as it can get. The course therefore **pins two threads** everywhere and writes the number into the ledger.
#
# ## First A then B, or in turns?
#
# Two variants are *equally fast*: 100 ms. Halfway through the measurement the computer gets warm and everything takes 10 % longer. **Predict:** by how many percent will B seem slower when all calls of A come first? (And when they take turns?)

# %%
my_guess = ...

# %%
random = np.random.default_rng(seed)
slowdown = np.repeat([1.0, 1.1], 20)
times = 100 * slowdown + random.normal(0, 1, 40)
in_blocks = 100 * (np.median(times[20:]) / np.median(times[:20]) - 1)
in_turns = 100 * (np.median(times[1::2]) / np.median(times[0::2]) - 1)
guesses.reveal("B seems slower, in blocks", my_guess, in_blocks, "%")
print(f"in blocks {in_blocks:+.1f} %, in turns {in_turns:+.1f} %")

# %%
check("in blocks, two equal variants look about 10 % apart", 8 < in_blocks < 12)
check("in turns, they look equal to 2 %", abs(in_turns) < 2)

# %% [markdown]
# `measure_latency` takes turns: a b c, a b c, … A slow minute then hits everybody alike.
#
# ## How small a difference can be seen here?
#
# The honest way to learn the noise of a machine is to compare a thing **with itself**: A, A, A, A, … Two neighbours are a *pair*, and any difference inside a pair is noise. One pair is an anecdote, so here are many.
#
# **Predict:** by how many percent will the two calls of the *worst* pair differ?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
same = {"A": lambda: tagger.predict([article]), "the same A": lambda: tagger.predict([article])}
with latency.pinned_threads(latency.THREADS):
    both_a = latency.measure_latency(same, sizes.pairs)
pairs = latency.ratios(both_a["the same A"], both_a["A"])
guesses.reveal("the worst pair of A and A", my_guess, 100 * np.abs(pairs - 1).max(), "% apart")

# %% tags=["nbval-ignore-output"]
itself = times_as_fast(both_a["the same A"], both_a["A"])
figures.pairs_figure(pairs, itself)

# %% [markdown]
# Each dot is a pair. The band is the interval of their **median**: from one of the sorted pairs to another, so that nothing is assumed about how they scatter. Many pairs say more than one, so the band is narrower than the cloud. It says what can be claimed here: whatever lies no farther from zero than the band reaches, a thing against itself gives as well.

# %% tags=["nbval-ignore-output"]
smallest = 100 * max(abs(itself.low - 1), abs(itself.high - 1))
print(f"{len(pairs)} pairs: a single one may be {100 * np.abs(pairs - 1).max():.1f} % off")
print(f"the smallest difference that can be claimed from so many pairs: {smallest:.1f} %")

# %% [markdown]
# `times_as_fast` gives this interval for any two versions that took turns. From here on no *verdict* on a speed-up is given without it; where one stands alone, it is a look and no verdict.
#
# ## F1 is a sample, too
#
# Times scatter because the machine does. F1 scatters because the **test set** was drawn: other sentences, another F1. We cannot write another thousand test sets. But we can draw a thousand from the one we have, *with replacement*: the bootstrap.
#
# **Predict:** how wide, in points, is the 95 % interval that those F1s give?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
sample = run.corpus.test[:: sizes.every]
baseline = evaluate(tagger, sample, seed)
guesses.reveal("width of the interval of F1", my_guess, round(baseline.f1_high - baseline.f1_low, 1), "points")
print(f"F1 {baseline.scores.f1:.1f} [{baseline.f1_low:.1f}, {baseline.f1_high:.1f}] on {len(sample)} sentences")

# %% [markdown]
# ### Exercise 2: the bootstrap by hand
#
# `counts` has a row for each sentence: entities found rightly, entities found, entities annotated. F1 in points is `200 * right / (found + annotated)`, with each count summed over all sentences. Make `my_f1s`: a thousand F1s, each of a test set drawn from this one. `random`, the generator from above, draws row numbers with `random.integers(n, size=(1000, n))`.
#
# Stuck? `solution("02", 2)` shows one way.


# %% tags=["sizes"]
def counts_of(predictions):
    found = [{entity.span for entity in entities} for entities in predictions]
    return np.array([(len(s.spans & f), len(f), len(s.spans)) for s, f in zip(sample, found, strict=True)])


counts = counts_of(baseline.predictions)
print("sentences x counts:", counts.shape)
my_f1s = ...

# %%
exercise(my_f1s, exercises.resampled_f1_by_hand(counts))


# %% jupyter={"source_hidden": true} tags=["solution"]
def resampled(counts):
    drawn = random.integers(len(counts), size=(1000, len(counts)))
    right, found, annotated = counts[drawn].sum(axis=1).T
    return 200 * right / np.maximum(found + annotated, 1)


my_f1s = resampled(counts)
exercise(my_f1s, exercises.resampled_f1_by_hand(counts))

# %% tags=["nbval-ignore-output"]
if attempted(my_f1s):
    low, high = percentile_interval(my_f1s)
    print(f"by hand [{low:.1f}, {high:.1f}], by utils/measure [{baseline.f1_low:.1f}, {baseline.f1_high:.1f}]")
    display(base.bootstrap_figure({"F1": my_f1s}, "F1 (points)"))

# %% [markdown]
# How much to leave out on either side? One fortieth of the draws seems right for 95 %. But such an interval of some hundred sentences is a little too narrow: in simulations it misses the truth more often than it says. So `percentile_interval` leaves out less (`OUTSIDE` in `utils/measure/bootstrap.py`), to miss the truth no more often than it says.

# %%
width = baseline.f1_high - baseline.f1_low
if attempted(my_f1s):
    check(
        "ten lines of numpy give the library's interval",
        max(abs(low - baseline.f1_low), abs(high - baseline.f1_high)) <= 0.2 * width,
    )

# %% [markdown]
# Read that width again, and then the article: "F1 分数下降约 0.8%". On a test set of this size nobody could see 0.8 points by comparing two intervals. There is a better way.
#
# ## Is B worse than A?
#
# A real comparison, and the one that the article makes: the original against its INT8 version (how that is made is notebook 06; here it is just *another* model). Both tag the *same* sentences, and a hard sentence is hard for both. So the question is not where each F1 lies, but where their **difference** lies.
#
# **Predict:** how many points of F1 does INT8 cost? The article says "约 0.8%".

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
int8 = evaluate(torch_tagger(dynamic.quantize(raner), tokenizer), sample, seed)
difference = paired_bootstrap(sample, baseline.predictions, int8.predictions, seed)
cost = Estimate(0.0 - difference.f1, -difference.high, -difference.low)
guesses.reveal("F1 that INT8 costs", my_guess, cost, "points")
check("INT8 loses at most 0.8 points (article)", verdict(difference, -0.8))

# %% [markdown]
# In brackets: the 95 % interval. If it holds zero, this test set cannot tell the two apart. More can be asked of it, with a **margin**: here 0.8, the article's loss. Where the *whole* interval lies below the margin, INT8 loses less than that (✓); where all of it lies above, more (✗); where the margin lies inside, the sentences cannot tell (?). This is the one rule of the course: a **verdict** hangs on an interval and a margin, never on the point in the middle, and no p-value stands beside it.
#
# `paired_bootstrap` gives both systems the same thousand resamples. What if it did not?
#
# ### Exercise 3: unpaired
#
# Resample **each system on its own**, subtract, and give the width of the 95 % interval of the difference, in points (`percentile_interval`, as above).
#
# The solution calls the function `resampled` of `solution("02", 2)`.
#
# Stuck? `solution("02", 3)` shows one way.

# %%
counts_int8 = counts_of(int8.predictions)
my_width = ...

# %%
exercise(my_width, exercises.unpaired_width(counts, counts_int8))

# %% jupyter={"source_hidden": true} tags=["solution"]
my_width = float(np.ptp(percentile_interval(resampled(counts_int8) - resampled(counts))))
exercise(my_width, exercises.unpaired_width(counts, counts_int8))


# %% tags=["nbval-ignore-output"]
def f1_of(counts, rows):
    """F1 of each resample; a row of `rows` names the sentences of one."""
    right, found, annotated = (counts[rows, column].sum(1) for column in range(3))
    return 200 * right / np.maximum(found + annotated, 1)


rows = random.integers(len(counts), size=(1000, len(counts)))
original_f1, int8_f1 = f1_of(counts, rows), f1_of(counts_int8, rows)
paired = int8_f1 - original_f1
unpaired = int8_f1 - random.permutation(original_f1)  # the same F1s, but no longer of the same resamples
base.bootstrap_figure({"paired": paired, "unpaired": unpaired}, "difference of F1 (points)", zero=True)

# %%
width_paired, width_unpaired = difference.high - difference.low, np.ptp(percentile_interval(unpaired))
check("pairing makes the interval narrower", width_paired < width_unpaired)

# %% [markdown]
# The same two systems, the same sentences, and a narrower interval for nothing. A large difference shows either way; a small one shows only where the comparison is paired. Every comparison of this course is paired.
#
# ## Is B the same as A?
#
# "I found no difference" and "there is none" are two sentences. With ten test sentences nobody ever finds a difference. To say *the same*, one needs a margin again, on **both** sides: how much would make no difference to the user? Where the whole interval lies between the two margins, the two are **equivalent** (✓); where all of it lies outside, they are different (✗); otherwise the sentences cannot tell (?).
#
# ### Exercise 4: the same, or not?
#
# Four differences of F1, in points, and a margin of 1 on either side. Answer with a dict, from each name to `"equivalent"`, `"different"` or `"cannot tell"`.
#
# Stuck? `solution("02", 4)` shows one way.

# %%
for name, (low_end, high_end) in exercises.DIFFERENCES.items():
    print(f"{name}: {low_end:+.1f} to {high_end:+.1f}")
my_answers = ...

# %%
exercise(my_answers, exercises.same_or_not)

# %% jupyter={"source_hidden": true} tags=["solution"]
# b reaches beyond both margins; c is surely above 0, and surely below the margin
my_answers = {"a": "equivalent", "b": "cannot tell", "c": "equivalent", "d": "different"}
exercise(my_answers, exercises.same_or_not)

# %% [markdown]
# Look at b and c again. b holds zero, and says nothing: too few sentences. c does *not* hold zero, so there is a difference, and it is too small to matter. Whether an interval holds zero answers neither question.
#
# Now three of our own. Later notebooks ask the same whenever something "costs nothing".

# %% tags=["nbval-ignore-output"]
check("A is as fast as itself, to 5 %", equivalent(itself, 1 / 1.05, 1.05))
check("INT8 is the same as the original, to a point of F1", equivalent(difference, -1, 1))
rows_of_few = range(0, len(sample), max(1, len(sample) // 10))
few = [sample[row] for row in rows_of_few]
answers = [[found.predictions[row] for row in rows_of_few] for found in (baseline, int8)]
check(f"the same, asked of {len(few)} sentences", equivalent(f1_difference(few, *answers, seed), -1, 1))

# %% [markdown]
# ## What does the original cost at the article's size?
#
# mini-RaNER has the right grid of heads, but its matrices are a quarter of the article's. To cost every step at the article's size we need a model of that size, and none that is trained may be put into this repository. So we build the **twin**: every feature of mini repeated twice, every matrix halved, because it now reads everything twice. It computes *the same function* with 768 features and 3,072 neurons, and a vocabulary padded to 21,128.
#
# Let us be honest about it. The twin is no better than mini, and half of what it computes are copies. No step of the course may exploit that, for a real RaNER has no copies. It is good for one thing: milliseconds and megabytes. They depend on the *sizes* of the matrices, not on what is in them. (With a network, pass the real one: `make course MODEL=...`.)
#
# **Predict:** how many times slower than mini is the twin on the article? The arithmetic is in front of you.

# %%
my_guess = ...

# %%
twin = article_twin(raner)
parameters = {name: sum(p.numel() for p in m.parameters()) for name, m in (("mini", raner), ("twin", twin))}
print(f"{parameters['twin'] / 1e6:.1f} million parameters, {4 * parameters['twin'] / 1e6:.1f} MB as float32")

# %%
big = torch_tagger(twin, tokenizer)
emissions = [emissions_of(t, article[:100]) for t in (tagger, big)]
check("the twin's emissions are mini's, to 1e-4", np.abs(emissions[0] - emissions[1]).max() < 1e-4)

# %% tags=["nbval-ignore-output"]
both = {"mini": lambda: tagger.predict([article]), "twin": lambda: big.predict([article])}
with latency.pinned_threads(2):
    timed, here = latency.measure_latency(both, sizes.twin_rounds), machine.machine()
slower = times_as_fast(timed["twin"], timed["mini"])  # how many times as fast as the twin is mini?
guesses.reveal("the twin on the article", my_guess, slower, "times as slow")
base.latency_figure(timed)

# %% [markdown]
# The article's machine took "320 ± 15" ms. Yours is another machine: compare *ratios* with the article, and milliseconds only with your own. And did the arithmetic say four times? The twin has four times the multiplications with matrices, but only twice those between characters, and finding the entities in its answers stays as it is. So the ratio comes out below four.
#
# ## And how much memory?
#
# A process keeps its peak: load a large model, delete it, and the peak stays. So each model gets **a fresh process**, loads, tags the article once, and reports its own peak. **Predict:** the float32 file has the size printed above. What is the peak of the process?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
versions = {"mini": ("mini", raner), "twin": ("article", twin)}
saved = {
    name: run.artifact(f"{scale}/original-seed{seed}", lambda path, m=m: save_raner(m, tokenizer, path))
    for name, (scale, m) in versions.items()
}
memory = {name: peak_memory("utils.model.torch_tagger:load_tagger", path, article, 2) for name, path in saved.items()}
guesses.reveal("peak memory with the twin", my_guess, round(memory["twin"].peak), "MB")
figures.memory_figure(memory)

# %% [markdown]
# Python and its libraries come first, before a single weight is loaded. No compression of the *model* can take that away, which is worth remembering when "内存峰值占用下降 60%" is promised.
#
# ### Into the ledger

# %% tags=["nbval-ignore-output"]
for name, (scale, m) in versions.items():
    scored = baseline if scale == "mini" else None
    found = ledger.Measured(m, scored, timed[name], memory[name], saved[name], here)
    run.ledger.append(ledger.make_row("original", "02", scale, "torch-fp32", found))
columns = ("scale", "parameters", "file_bytes", "latency_ms", "rss_mb", "f1")
table(columns, [[row[c] for c in columns] for row in run.ledger.rows() if row["notebook"] == "02"])

# %%
written = run.ledger.row("original", "article", "torch-fp32", "02")
check("the twin's row says how many threads it had", written["machine"]["threads"] == 2)
check(
    "four bytes a parameter explain the file, to 2 %", abs(written["file_bytes"] / (4 * parameters["twin"]) - 1) < 0.02
)
check("memory is more than the file", written["rss_mb"] * 1e6 > written["file_bytes"])

# %% [markdown]
# F1 stays empty in the twin's row: it was not measured there, and would be mini's.
#
# ## Your predictions

# %% tags=["nbval-ignore-output"]
guesses.review()

# %% [markdown]
# ## What you know now
#
# - Time: pinned threads, a warm-up, variants in turns, the median and the p95. Nothing smaller than the noise of a thing against itself.
# - A cold start is measured in a fresh process, and most of it is not the model.
# - Memory: a fresh process for each model; the libraries come first.
# - F1: an interval by resampling sentences; differences always paired. "The same" needs a margin on both sides, and "not found" is not "not there".
# - The original at the article's size stands in the ledger. Everything that follows is compared with that row.
#
# **Next:** the heads. Which of the 144 matter, and what happens when the others go? [03 · Head importance](03_head_importance.ipynb) asks them one by one.
