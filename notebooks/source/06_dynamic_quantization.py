# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 06 · Dynamic quantisation
#
# | | |
# |---|---|
# | **You will be able to** | turn a matrix into 8-bit integers by hand and bound the error; write an INT8 layer yourself; say why activations get seven bits; predict an INT8 file to the percent, and name what stays in float32; save a quantised model so that it comes back bit for bit; find the channel, and the part of a model, that INT8 hurts; say why two engines with "INT8" differ, by changing one factor at a time; say when INT8 is *slower* |
# | **You need** | [02 · Measuring fairly](02_measuring_fairly.ipynb); two CPU cores and 4 GB of free memory |
# | **Minutes** | shown below the set-up cell, from a measured run |

# %% tags=["parameters"]
run_dir = ""
model = ""
corpus = ""
seed = 1
quick = False

# %% tags=["nbval-ignore-output"]
from collections import Counter
from tempfile import TemporaryDirectory

import numpy as np
import torch

from utils.compress import gates, training
from utils.compress.batches import make_batches
from utils.compress.quantization import dynamic, integers, static, storage
from utils.compress.quantization.saved import WEIGHTS, load_quantized_tagger, save_quantized
from utils.compress.recovery import fine_tuning
from utils.course.exercises import nb06 as exercises
from utils.course.figures import base, results
from utils.course.figures import nb06 as figures
from utils.course.sizes import sizes_of
from utils.course.solutions import solution
from utils.course.tables import table
from utils.course.teaching import attempted, check, exercise, predictions, show_minutes
from utils.engines import onnx_export, onnx_quantize, onnx_session
from utils.engines.variants import Variant, measure_variants
from utils.measure import latency
from utils.measure.evaluation import evaluate
from utils.measure.run import open_run
from utils.measure.scores import agreement
from utils.measure.verdict import Estimate, Verdict, f1_difference, times_as_fast, verdict
from utils.model import anatomy
from utils.model.checkpoint import save_raner
from utils.model.raner import RanerModel
from utils.model.torch_tagger import torch_tagger
from utils.model.twin import article_twin
from utils.studies import int8_factors, loud_channels, redundancy, rounding, sensitivity
from utils.tagger.tagger import emissions_of
from utils.text.corpus import evenly_spaced

run = open_run(run_dir, model, corpus, seed, quick)
sizes = sizes_of("06", run)
guesses = predictions(run, "06")
show_minutes("06")

# %% [markdown]
# The article: one call of `quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)`, and the file falls from "420MB" to "110MB", the time from "320ms" to "140ms", F1 by "约 0.8%". Three numbers again. This notebook looks inside that one call, and then checks all three.
#
# ## What is an 8-bit weight?
#
# An integer from -128 to 127, and one **scale** for all of them: `weight ≈ scale × integer`. With 256 values for a whole matrix, the rounding must hurt somewhere.
#
# **Predict:** by how many percent of a typical weight does a typical weight change?

# %%
my_guess = ...


# %% tags=["nbval-ignore-output"]
def rms(values):
    """Root mean square: how large a typical number is."""
    return float(values.square().mean().sqrt())


raner, tokenizer = run.model()
weight = raner.bert.encoder.layer[0].intermediate.dense.weight.detach()
grid = integers.quantize_tensor(weight)
error = integers.dequantize_tensor(grid) - weight
print(f"{weight.numel():,} weights became {len(grid.integers.unique())} different integers of one scale")
guesses.reveal("change of a typical weight", my_guess, 100 * rms(error) / rms(weight), "%")

# %% [markdown]
# `quantize_tensor` is a page of code in `utils/compress/quantization/integers.py`; open it. Nothing in it knows about neural networks. It lays an even grid over the range of the numbers and takes the nearest point of each. So the error can be foretold: half a step at most, and if every place between two points is equally likely, $\text{step} / \sqrt{12}$ typically.

# %%
step = float(grid.scale)
check("no weight moved more than half a step", float(error.abs().max()) <= step / 2 * (1 + 1e-4))
check("a typical error is the step over the root of 12, to 5 %", abs(rms(error) / (step / 12**0.5) - 1) < 0.05)

# %% [markdown]
# ### One grid, or one for each row?
#
# The largest weight of the matrix decides how coarse its grid is. A row of the matrix makes one feature of the output, and could have a grid of its own: one scale more for each row. **Predict:** by how many percent does the typical error fall?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
by_row = integers.quantize_tensor(weight, axis=0)
errors = {"one grid": error, "a grid for each row": integers.dequantize_tensor(by_row) - weight}
steps = {"one grid": grid.scale, "a grid for each row": by_row.scale}
guesses.reveal(
    "error that falls with a grid for each row",
    my_guess,
    100 * (1 - rms(errors["a grid for each row"]) / rms(error)),
    "% less",
)
figures.rounding_figure(weight, errors, steps)

# %% [markdown]
# Now somebody trains on, and one weight, a single one, grows to twenty times the largest. **Predict:** how many times as large does the typical error of all *other* rows get, with one grid, and with a grid for each row?

# %%
my_guess = ...

# %%
spoiled = weight.clone()
spoiled[0, 0] = 20 * weight.abs().max()
after = {"one grid": integers.quantize_tensor(spoiled)}
after["a grid for each row"] = integers.quantize_tensor(spoiled, axis=0)
others = {name: rms((integers.dequantize_tensor(q) - spoiled)[1:]) / rms(errors[name][1:]) for name, q in after.items()}
ratios = ", ".join(f"{name}: {ratio:.1f} times" for name, ratio in others.items())
guesses.reveal("error of the other rows after one outlier", my_guess, ratios)
left = len(after["one grid"].integers[1:].unique())
print(f"with one grid, the other rows have {left} integers left to share")
check("one outlier makes the only grid 20 times as coarse", abs(float(after["one grid"].scale) / step - 20) < 0.01)
same = torch.equal(after["a grid for each row"].integers[1:], by_row.integers[1:])
check("with a grid for each row, the other rows do not notice", same)

# %% [markdown]
# With one grid, the error grows less than the step does where many weights now fall on 0: such a weight is off by no more than all of itself.
#
# ### Exercise 1: the scales
#
# The layer below has two outputs and three inputs. Give the scales of a **symmetric 8-bit grid for each output channel**, as a list.
#
# Two such grids are in use. `quantize_tensor` has 255 steps from minus to plus the largest absolute value, as torch does; all weights above are on it. Other engines, ONNX Runtime among them, leave out -128 and have 254 steps: the largest becomes 127. That one is easier to write, and "Build it" further down uses it. Either is right here.
#
# Stuck? `solution("06", 1)` shows one way.

# %%
print(exercises.MATRIX)
my_scales = ...

# %%
exercise(my_scales, exercises.channel_scales)

# %% jupyter={"source_hidden": true} tags=["solution"]
my_scales = np.abs(exercises.MATRIX).max(axis=1) / 127.5
exercise(my_scales, exercises.channel_scales)

# %% [markdown]
# ### How few bits?
#
# Eight is a habit, not a law. Here the weights of all linear layers go to coarser and coarser grids and are read back at once, and all else stays float32. Such a **simulation** says what a rounding costs in F1, and nothing about time. A part of the test sentences is enough for a curve with a cliff, but not for half a point: each point has its interval, and the verdicts below say no more than it allows.
#
# **Predict:** with how many bits are surely more than two points lost, with one grid, and with a grid for each row?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
part = evenly_spaced(run.test, sizes.sample)
yardstick = sensitivity.Yardstick(raner, tokenizer, part, seed)


def curve(by_row):
    """What weights of so many bits cost. In float32 it does not matter who shares a call."""
    settings = {bits: rounding.Rounding(weights=bits, by_row=by_row) for bits in sizes.bits[::2]}
    return {bits: yardstick.damage(rounding.rounded(raner, s), batch_size=16).f1 for bits, s in settings.items()}


curves = {"one grid": curve(by_row=False), "a grid for each row": curve(by_row=True)}
for name, line in curves.items():
    found = ", ".join(f"{bits} bits: {verdict(difference, -2)}" for bits, difference in line.items())
    guesses.reveal(f"at most two points lost, {name}", my_guess, found)
figures.bits_figure(curves)

# %% [markdown]
# A curve like this is flat, and then it is a cliff: each bit less doubles the step, and the error with it. Where the cliff stands depends on the grids. At eight bits both lines may look alike, and these sentences may not tell them apart; count how many bits each of them stands away from its cliff.
#
# ## And what flows through it?
#
# A product of integers needs integers on both sides: the **activations** are rounded too. "Dynamic" means that the grid of each input is laid when it arrives, over the range that it happens to have. Here is what the second matrix of a feed-forward network reads, right behind the GELU, the function between the two matrices, while the article is tagged.

# %% tags=["nbval-ignore-output"]
name = f"bert.encoder.layer.{raner.config.num_hidden_layers // 2}.output.dense"
matrix, article, seen = raner.get_submodule(name), run.article.text, []
with gates.observed([matrix], lambda _, arguments, *__: seen.append(arguments[0][0].clone())):
    torch_tagger(raner, tokenizer).predict([article])
activations = seen[0]
print(f"{tuple(activations.shape)}: from {activations.min():.2f} to {activations.max():.2f}")

# %% [markdown]
# GELU lets nearly nothing negative through. A symmetric grid reserves half of its points for values that never come. An **affine** grid spans from the lowest to the highest value; some integer in between, the **zero point**, means 0. **Predict:** how many times as large is the error on the symmetric grid?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
grids = {
    "symmetric, 8 bits": integers.quantize_tensor(activations),
    "affine, 8 bits": integers.quantize_tensor(activations, symmetric=False),
    "affine, 7 bits": integers.quantize_tensor(activations, bits=7, symmetric=False),
}
typical = {name: 100 * rms(integers.dequantize_tensor(q) - activations) / rms(activations) for name, q in grids.items()}
guesses.reveal(
    "error on the symmetric grid", my_guess, typical["symmetric, 8 bits"] / typical["affine, 8 bits"], "times as large"
)
header = ("grid", "step", "zero point", "error (% of a typical activation)")
table(header, [(n, f"{float(q.scale):.4f}", int(q.zero_point), f"{typical[n]:.2f}") for n, q in grids.items()])

# %% [markdown]
# The third line is what torch really does on an x86 CPU: **seven** bits. Why throw one away? The AVX2 instruction that multiplies bytes adds two products and keeps the sum in 16 bits. What does not fit is cut off, silently. Weights reach 128 in size; how large may activations be?

# %%
largest_sum, sums = 2**15 - 1, {bits: 2 * 128 * (2**bits - 1) for bits in (8, 7)}
print(f"two products, {sums[8]:,} with 8 bits and {sums[7]:,} with 7; 16 bits hold {largest_sum:,}")
check("with eight bits the sum of two products may not fit", sums[8] > largest_sum)
check("with seven it always fits", sums[7] <= largest_sum)

# %% [markdown]
# Newer CPUs have VNNI instructions, which add in 32 bits. torch's dynamic kernels stay with seven bits even there; the eighth comes back further down, where ranges are fixed ahead.
#
# ### And if an engine kept all eight?
#
# ONNX Runtime's dynamic INT8 does, on every CPU. `rounding.lost_in_pairs` computes what AVX2's instruction (`vpmaddubsw`) would make of it: products are added two and two, and what leaves 16 bits is cut off. So the next cell sees an older CPU, whatever this one is.
#
# **Predict:** by how many points is F1 with exact sums above F1 with the cut-off ones? And which cure leaves less noise (emissions that move away from those of float32): seven bits for the activations, or seven for the weights?

# %%
my_guess = ...


# %% tags=["nbval-ignore-output"]
study = int8_factors.read_study()
on_all = int8_factors.damages_in(study) if study else {}
print(f"{study['command']}: {study['sentences']} sentences" if study else "The study of all sentences is not there.")


def noise_table(damages, prefix=""):
    """The noise on a part of the sentences; noise and F1 on all of them, as the study found them."""
    rows = []
    for name, damage in damages.items():
        row = [name, f"{damage.noise:.1f}", "not measured", "not measured"]
        if prefix + name in on_all:
            d, noise = on_all[prefix + name].f1, on_all[prefix + name].noise
            row[2:] = f"{noise:.1f}", f"{d.f1:+.2f}, {d.low:+.2f} to {d.high:+.2f}"
        rows.append(row)
    return table(("simulated", "noise (%)", "noise in the study (%)", "F1 minus float32 in the study"), rows)


# %% tags=["nbval-ignore-output"]
found = {name: yardstick.answers_of(rounding.rounded(raner, s)) for name, s in int8_factors.NARROW.items()}
exact, cut_off = (found[f"8 and 8 bits, {sums}"][0] for sums in ("exact sums", "sums of 16 bits"))
guesses.reveal("points lost by sums of 16 bits", my_guess, f1_difference(part, cut_off, exact, seed), "points")
narrow = {name: yardstick.compared(*answered) for name, answered in found.items()}
for case in narrow:
    if case in on_all:
        check(f"{case}: at most half a point is lost", verdict(on_all[case].f1, -0.5))
noise_table(narrow)

# %% [markdown]
# The difference in the first line is paired: both models read the same sentences. They are few, so its interval is wide. The **noise** sees more: how far the emissions moved from those of float32, in percent of their size. It needs no tag to tip over, so fewer sentences are enough for it; two noises that lie close may change places on others.
#
# F1 on all test sentences takes too long here. `python -m utils.studies.int8_factors --out data/reference/int8-factors.json` measures it once, in the embedded model. Where its file is there, the table shows what it found, F1 with its interval, and the verdicts speak of all sentences.

# %% [markdown]
# Nothing warns: the sums are wrong, the program runs on. So an INT8 file that was judged on a CPU with VNNI has to be judged again on the older CPU that will serve it. (Bare ONNX Runtime is meant. The course's own sessions try one product first, and where it overflows they ask for exact sums, which are slower: that cure costs time and no bit.) The other cure engines call **reduced range**. It takes a bit from one side: torch takes it from the activations, ONNX Runtime's `reduce_range` from the weights. Compare the noise of the last two lines with that of the second: a side whose grids are fine can spare a bit, one whose grids are coarse cannot, and a cure may cost more than the illness.
#
# ### Exercise 2: where is zero?
#
# An activation lies between the two values below and becomes an integer from 0 to 255. **Which integer means 0?**
#
# Stuck? `solution("06", 2)` shows one way.

# %%
print(exercises.LOWEST, exercises.HIGHEST)
zero_is = ...

# %%
exercise(zero_is, exercises.zero_point())

# %% jupyter={"source_hidden": true} tags=["solution"]
scale = (exercises.HIGHEST - exercises.LOWEST) / 255
zero_is = round(-exercises.LOWEST / scale)
exercise(zero_is, exercises.zero_point())

# %% [markdown]
# ## One loud channel
#
# One large *weight* made all steps large, and a grid for each row was the remedy. What if one **channel** of what flows through the network, one feature of all, is always far larger than the others? Pre-trained models are known for it, large ones most of all ([Dettmers et al. 2022](https://arxiv.org/abs/2208.07339)). Here is how far the largest channel of each layer's input reaches, beside the median one: in the model of this run, and in mini-RaNER's predecessor, which was not pre-trained. (The embedded model, mini-RaNER itself, was.)
#
# **Predict:** 255 steps from minus to plus the largest value. How many of them are left for the median channel, in the worst layer?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
some = evenly_spaced(run.corpus.train, sizes.calibration)
channels = {"this run": redundancy.largest_channels(raner, make_batches(some, tokenizer, raner.labels))}
studied = redundancy.read_studies().get("its predecessor")
print(studied["command"] if studied else "The study of mini-RaNER's predecessor is not there.")
channels |= {"not pre-trained": studied["largest_channels"]} if studied else {}
steps_left = {name: [255 * row["median"] / row["largest"] for row in rows] for name, rows in channels.items()}
found = {name: f"{min(left):.0f} in the worst layer, {left[0]:.0f} in the first" for name, left in steps_left.items()}
guesses.reveal("steps for the median channel", my_guess, "; ".join(f"{name}: {left}" for name, left in found.items()))
figures.channels_figure(channels)

# %% [markdown]
# Is the pre-trained model the louder one? In its worst layer it has hardly fewer steps left than the other, so that alone says little; it is in the first layers that the two stand apart. In BERT of base size such channels are loud enough to break plain static INT8 ([Bondarenko et al. 2021](https://arxiv.org/abs/2109.12948)), and in models a hundred times as large as this one they rule everything. So what eight bits cost here need not be what they cost your model; further down, a loud channel is planted.
#
# With torch's seven bits half as many steps are left. Would smaller grids help? Three are tried on the input of the worst layer: one for all of it, as torch and ONNX Runtime do; one for each **row**, that is, each character; one for each channel. **Predict:** which of them helps the quiet channels?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
worst, seen = int(np.argmin(steps_left["this run"])), []
with gates.observed([raner.bert.encoder.layer[worst]], lambda _, arguments, *__: seen.append(arguments[0][0].clone())):
    torch_tagger(raner, tokenizer).predict([article])
inputs, axes = seen[0], {"one grid": None, "a grid a row": 0, "a grid a channel": 1}
quiet = inputs.abs().amax(0) <= inputs.abs().amax(0).median()
tried = {which: integers.quantize_tensor(inputs, 7, symmetric=False, axis=axis) for which, axis in axes.items()}
moved = {which: rms((integers.dequantize_tensor(q) - inputs)[:, quiet]) for which, q in tried.items()}
percents = (f"{which}: {100 * error / rms(inputs[:, quiet]):.2f} %" for which, error in moved.items())
guesses.reveal(
    "grid that helps the quiet channels",
    my_guess,
    "error of a typical number in a quiet channel: " + ", ".join(percents),
)

# %% [markdown]
# A grid for each row helps as far as some *characters* are louder than others, and can be had: its scale comes out of the sum over the inputs. (torchao and engines for large models have it; the two of this course lay one grid.) A grid for each channel is the one that fits, and cannot be had: its scale stands *inside* that sum, where only integers may be. Engines for large models get round it: they leave the loud channels in 16 bits, or move their size into the weights beforehand ([SmoothQuant](https://arxiv.org/abs/2211.10438)). Look whether your model needs it: the next sections measure what all this costs in F1.
#
# ## A whole layer, in integers
#
# Both sides are integers now: $w \approx s_w q_w$ and $x \approx s_x (q_x - z)$. The scales do not depend on which input it is, so they come out of the sum:
#
# $$\sum w x + b \approx s_w s_x \left(\sum q_w q_x - z \sum q_w\right) + b$$
#
# Inside the brackets are integers alone. The second sum, the **zero-point correction**, knows nothing of the inputs: engines compute it once for each row. The bias is added last, as the float it always was.
#
# ### Build it: an INT8 layer
#
# Write it in NumPy. `x` is `(characters, inputs)`, `weight` is `(outputs, inputs)`.
#
# 1. weights: a symmetric grid for each row, whose largest weight becomes 127
# 2. inputs: one affine grid, 0 to 255, over their range (which includes 0): first the zero point, an integer, then `round(x / scale)` plus the zero point
# 3. the product and the correction in 32-bit integers
# 4. both scales, then the bias
#
# Stuck? `solution("06", 3)` shows one way.


# %%
def my_linear(x, weight, bias):
    """A linear layer by integers: (characters, outputs)."""
    return ...


# %%
exercise(my_linear(*exercises.LAYER), exercises.int8_linear)


# %% jupyter={"source_hidden": true} tags=["solution"]
def my_linear(x, weight, bias):
    w_scale = np.abs(weight).max(axis=1, keepdims=True) / 127
    w = np.round(weight / w_scale).astype(np.int32)
    lowest, highest = min(x.min(), 0), max(x.max(), 0)
    x_scale = (highest - lowest) / 255
    zero = int(np.round(-lowest / x_scale))
    q = np.clip(np.round(x / x_scale) + zero, 0, 255).astype(np.int32)
    sums = q @ w.T - zero * w.sum(axis=1)
    return x_scale * w_scale.T * sums + bias


exercise(my_linear(*exercises.LAYER), exercises.int8_linear)

# %% [markdown]
# Now it reads the activations from above. How far may it be from the float layer? A weight is half its step off at most, times its input; an input half its step, times its weight. Added up over the inputs, that is a bound for each output.

# %%
x, w, b = activations.numpy(), matrix.weight.detach().numpy(), matrix.bias.detach().numpy()
half_w = np.abs(w).max(axis=1) / 127 / 2
half_x = (x.max() - min(x.min(), 0)) / 255 / 2
bound = np.abs(x).sum(axis=1, keepdims=True) * half_w + (np.abs(w).sum(axis=1) + w.shape[1] * half_w) * half_x
if attempted(my_linear(*exercises.LAYER)):
    far = np.abs(my_linear(x, w, b) - (x @ w.T + b))
    check("no output is further from the float layer than its bound", bool((far <= bound * 1.001).all()))

# %% [markdown]
# Is that what torch computes? Nearly: its kernels give the inputs seven bits, and the weights one grid for all rows. In torch instead of NumPy:

# %%
bits = 8 if torch.backends.quantized.engine == "qnnpack" else 7
q_x, q_w = (
    integers.quantize_tensor(activations, bits, symmetric=False),
    integers.quantize_tensor(matrix.weight.detach()),
)
sums = (q_x.integers - q_x.zero_point) @ q_w.integers.T
by_hand = q_x.scale * q_w.scale * sums + matrix.bias.detach()
of_torch = dynamic.quantize_only(raner, [name]).get_submodule(name)(activations)
check("integers by hand give what torch's INT8 layer gives, to 1e-4", float((by_hand - of_torch).abs().max()) < 1e-4)

# %% [markdown]
# ## How large will the file be?
#
# Eight bits instead of thirty-two: a quarter. The article's "420MB" would become 105, and it reports "110MB". **Predict:** with `{nn.Linear}` quantised, how many MB has the published model? Which of its tensors are *not* in a linear layer?

# %%
my_guess = ...

# %%
with torch.device("meta"):  # shapes without numbers: nothing is downloaded, nothing is allocated
    published = RanerModel(anatomy.published_config())
plans = {
    "linear layers": storage.storage_plan(published, embeddings=False),
    "linear layers and character table": storage.storage_plan(published),
}
totals = {recipe: sum(stored.bytes for stored in plan) / 1e6 for recipe, plan in plans.items()}
whole = sum(4 * stored.numbers for stored in plans["linear layers"]) / 1e6
guesses.reveal(
    "MB of the published model in INT8",
    my_guess,
    f"{whole:.1f} MB -> " + ", ".join(f"{recipe}: {mb:.1f} MB" for recipe, mb in totals.items()),
)

# %%
kept = Counter()
for stored in plans["linear layers and character table"]:
    kept[stored.kind, stored.reason] += stored.bytes
check("quantising the linear layers alone gives the article's 110 MB, to 5 %", totals["linear layers"] <= 110 * 1.05)
check("with the character table, the file is that small", totals["linear layers and character table"] <= 110)
table(("as", "what", "MB"), [(kind, reason, f"{size / 1e6:.2f}") for (kind, reason), size in kept.most_common()])

# %% [markdown]
# The article's code names `nn.Linear` only. Its number needs the character table as well, which is *looked up*, not multiplied, and has a recipe of its own: a scale and a float zero point for each character.
#
# ### Exercise 3: what was forgotten?
#
# In the file with **linear layers only**: what percent of the bytes is the character table, `bert.embeddings.word_embeddings.weight`? Use `plans["linear layers"]`; each entry has `name`, `numbers`, `bytes`, `kind`.
#
# Stuck? `solution("06", 4)` shows one way.

# %%
percent_forgotten = ...

# %%
exercise(percent_forgotten, exercises.forgotten_table(plans["linear layers"]))

# %% jupyter={"source_hidden": true} tags=["solution"]
weights = {stored.name: stored.bytes for stored in plans["linear layers"]}
percent_forgotten = 100 * weights["bert.embeddings.word_embeddings.weight"] / sum(weights.values())
exercise(percent_forgotten, exercises.forgotten_table(plans["linear layers"]))

# %% [markdown]
# ### Predicted, now written
#
# The article-scale twin of notebook 02 is quantised both ways and saved. It is redundant by construction; rounding to integers makes no use of that.


# %% tags=["nbval-ignore-output"]
def kept(scale, name, build):
    """The run's artifact of that name; `build()` makes the INT8 model where it is not there yet."""
    return run.artifact(f"{scale}/{name}-seed{seed}", lambda path: save_quantized(build(), tokenizer, path))


big = article_twin(raner)
large = {
    "quantized": kept("article", "quantized", lambda: dynamic.quantize(big)),
    "quantized-linear": kept("article", "quantized-linear", lambda: dynamic.quantize(big, embeddings=False)),
}
on_disk = {stage: (path / WEIGHTS).stat().st_size for stage, path in large.items()}
print({stage: f"{size / 1e6:.1f} MB" for stage, size in on_disk.items()})

# %%
for stage, embeddings in (("quantized", True), ("quantized-linear", False)):
    predicted = sum(stored.bytes for stored in storage.storage_plan(big, embeddings))
    check(f"{stage}: the prediction is right to 1 %", abs(on_disk[stage] / predicted - 1) < 0.01)

# %% [markdown]
# ## Can it be saved as the article saves it?
#
# `quantized_model.save_pretrained("./raner_quantized")`, says the article. **Predict:** does that work?

# %%
my_guess = ...

# %%
int8 = dynamic.quantize(raner)
try:
    with TemporaryDirectory() as folder:
        int8.save_pretrained(folder)
    outcome = "it works"
except Exception as error:  # what it raises is the question
    outcome = f"{type(error).__name__}: {error}"
guesses.reveal("whether save_pretrained works", my_guess, outcome)

# %% [markdown]
# An INT8 layer keeps its weights *packed*, in an order that suits the CPU, and a packed object is no tensor. (Older versions were worse: they wrote a file, and loading it gave random weights without a word.) Our own `save_raner` refuses before it touches the disk.
#
# What works, and what `save_quantized` does: save the state dict, and on loading first build the *empty INT8 modules*, then fill them. Then compare, to the last bit.

# %%
small = {"quantized": kept("mini", "quantized", lambda: dynamic.quantize(raner))}
reloaded = load_quantized_tagger(small["quantized"])
before, after = (emissions_of(tagger, article) for tagger in (torch_tagger(int8, tokenizer), reloaded))
check("saved and loaded, the INT8 model answers the same to the last bit", np.array_equal(before, after))

# %% [markdown]
# ## What did the rounding cost?
#
# Notebook 02 has seen what torch's INT8 costs in F1, beside the article's "约 0.8%". F1 is a balance of many changes. **Predict:** of a hundred sentences, how many are tagged differently by INT8?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
test = run.test
baseline = evaluate(torch_tagger(raner, tokenizer), test, seed)
small["quantized-linear"] = kept("mini", "quantized-linear", lambda: dynamic.quantize(raner, embeddings=False))
evaluations = {stage: evaluate(load_quantized_tagger(path), test, seed) for stage, path in small.items()}
tagged_otherwise = 100 - agreement(baseline.predictions, evaluations["quantized"].predictions)
lost = f1_difference(test, baseline.predictions, evaluations["quantized"].predictions, seed)
guesses.reveal("sentences that INT8 tags otherwise", my_guess, tagged_otherwise, "in a hundred")
print(f"F1 minus float32: {lost.value:+.2f} points, {lost.low:+.2f} to {lost.high:+.2f}")
check("torch INT8 loses at most 0.5 points of F1", verdict(lost, -0.5))
check("torch INT8 loses at most 0.8 points of F1 (article)", verdict(lost, -0.8))

# %% [markdown]
# Where the model was undecided, a rounding tips it over, to the wrong side or to the right one. Agreement sees every such change, F1 only their balance. Look at both: many changes that balance are chance, and a ✗ says that they do not balance. Then this INT8 is too coarse for this model. Is every INT8?
#
# ### Is INT8 the same everywhere?
#
# ONNX Runtime calls its recipe dynamic INT8, too. Both lay *one* grid over all activations of a call. But torch has seven bits for them on x86, and one grid for each weight matrix; ONNX Runtime has eight bits, and a grid for each row of the matrix. And a call is a **batch**: sixteen sentences share the grid that the loudest of them needs, unless they are read one by one, as here. **Predict:** with these finer grids, how many points is F1 still away from float32?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
exported = run.artifact(f"mini/original-onnx-seed{seed}", lambda path: onnx_export.export_onnx(raner, tokenizer, path))
in_onnx = run.artifact(f"mini/original-onnx-int8-seed{seed}", lambda path: onnx_quantize.quantize_onnx(exported, path))
all_texts = [sentence.text for sentence in test]
answers = {"torch": evaluations["quantized"].predictions}
answers["ONNX Runtime"] = onnx_session.load_onnx_tagger(in_onnx).predict(all_texts, batch_size=1)
changes = {name: f1_difference(test, baseline.predictions, found, seed) for name, found in answers.items()}
engine = f1_difference(test, answers["torch"], answers["ONNX Runtime"], seed)
guesses.reveal("F1 of ONNX Runtime's INT8 minus float32", my_guess, changes["ONNX Runtime"], "points")
check("ONNX Runtime's INT8 is half a point better than torch's", verdict(engine, 0.5))
rows = [(n, f"{d.value:+.2f}", f"{d.low:+.2f} to {d.high:+.2f}") for n, d in changes.items()]
table(("INT8, one sentence a call", "F1 minus float32", "interval"), rows)

# %% [markdown]
# ### Which of the differences is it?
#
# Two engines that differ in several things cannot say which of them matters. So the rounding of torch is simulated, and **one factor at a time** is changed into that of ONNX Runtime: the 255 of your layer's inputs, or the `axis=1` of its weights. The last line adds the third suspect, sixteen sentences that share a grid. **Predict:** how much of the noise is left with eight bits for the activations alone, and how much with a grid for each row of the weights alone?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
noise_meter = sensitivity.Yardstick(raner, tokenizer, part[::2], seed)  # for noise, half as many sentences will do
factors = {name: noise_meter.damage(rounding.rounded(raner, s)) for name, s in int8_factors.FACTORS.items()}
shared = noise_meter.damage(rounding.rounded(raner, rounding.TORCH), batch_size=16)
factors["as torch, 16 sentences a call"] = shared
changed = ("as torch", "activations with 8 bits", "a grid for each row of the weights")
noises = ", ".join(f"{name}: {factors[name].noise:.1f} %" for name in changed)
guesses.reveal("noise left by one change", my_guess, noises)
for case in factors:
    if case in on_all:
        check(f"{case}: at most half a point is lost", verdict(on_all[case].f1, -0.5))
noise_table(factors)

# %% [markdown]
# Read the noises by their squares, as independent errors add: where one of two is the larger, repairing the *smaller* one first seems to change nothing. Only both together show what each is worth. And the bits curve above was no contradiction: there the activations were exact, and the weights' error stood alone.
#
# Where does it happen? On the left: how many steps of a shared grid are left for the median row of the worst weight matrix of each layer, and for the median channel of the layer's input. On the right: what each rounding alone does to the products of a layer whose inputs are exact.

# %% tags=["nbval-ignore-output"]
inputs = rounding.inputs_of(raner, lambda: torch_tagger(raner, tokenizer).predict([article]))
alone = {
    "weights, one grid": rounding.Rounding(weights=8),
    "weights, a grid for each row": rounding.Rounding(weights=8, by_row=True),
    "activations, 7 bits": rounding.Rounding(inputs=7),
    "activations, 8 bits": rounding.Rounding(inputs=8),
}
errors_by_layer = {name: rounding.output_errors(raner, inputs, setting) for name, setting in alone.items()}
left_over = {"row of the weights": rounding.rows_left(raner), "channel of the input": steps_left["this run"]}
figures.layers_figure(left_over, errors_by_layer)

# %% [markdown]
# The lines on the right say which rounding rules in which layer, and those on the left why: a grid that one loud channel stretches leaves few steps for all others, and a seventh bit instead of an eighth halves them once more.
#
# "INT8" is not one thing. Bits of the activations, grids of the weights, and who shares a grid belong to its name, and a loss that one engine has says little of another's. Notebook 07 goes on with ONNX Runtime.
#
# ## Which part suffers?
#
# One part at a time becomes INT8, all others stay float32, and the noise is measured. **Predict:** which layer is the most sensitive? And which kind: attention or feed-forward?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
damages = sensitivity.sensitivity(noise_meter, raner, sensitivity.parts_of(raner))
noises = {part: damage.noise for part, damage in damages.items()}
layers = {part: noise for part, noise in noises.items() if part.startswith("layer")}
ranking = sorted(layers, key=layers.get, reverse=True)[:2] + ["attention", "feed-forward"]
guesses.reveal("noise of the parts", my_guess, ", ".join(f"{part}: {noises[part]:.1f} %" for part in ranking))
together = noises["everything"]
plain, squares = sum(layers.values()), sum(noise**2 for noise in layers.values()) ** 0.5
print(f"layers added up {plain:.1f} %, by their squares {squares:.1f} %, everything at once {together:.1f} %")
check("the noise of everything is nearer to the root of the squares", abs(together - squares) < abs(together - plain))
figures.sensitivity_figure(noises)

# %% [markdown]
# So many models are asked here that there is time for few sentences each. On these, F1 would tell nothing: a part may even seem to help. (The tick on noises is of these sentences alone, it has no interval.) The noise can be compared, but look at the second layer beside the first: where they are close, other sentences may turn their order.
#
# A part that is far noisier than all others can stay in float32: that is what sensitivity is for. And note how the noises add up: not like numbers, but like independent errors, by their squares.
#
# ## Ranges fixed ahead
#
# Dynamic quantisation looks for the range of every input, at every call. **Static** quantisation looks once, at calibration texts, and then keeps the ranges. What is wider later is cut off. In exchange, nothing has to be searched, and on a CPU with VNNI activations get their eighth bit back.
#
# In torch's static layers the *output* is rounded to eight bits as well, which dynamic ones do not do. **Predict:** which of the two agrees more with float32?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
calibration = [sentence.text for sentence in run.corpus.train[: sizes.calibration]]
small["quantized-static"] = kept(
    "mini", "quantized-static", lambda: static.quantize_static(raner, tokenizer, calibration)
)
evaluations["quantized-static"] = evaluate(load_quantized_tagger(small["quantized-static"]), test, seed)
alike = {stage: agreement(baseline.predictions, e.predictions) for stage, e in evaluations.items()}
print(f"engine for fixed ranges: {static.choose_engine()}; for dynamic: {torch.backends.quantized.engine}")
guesses.reveal(
    "which agrees more with float32",
    my_guess,
    ", ".join(f"{stage} {alike[stage]:.1f} %" for stage in ("quantized", "quantized-static")),
)

# %% [markdown]
# ### A channel that is louder still
#
# The channels of this model are loud, but not as loud as those that others found. So one is **planted**. Between a head's values and the matrix that mixes the heads, a channel may be made sixty-four times as loud in the one and as much softer in the other: the model computes what it did. (A LayerNorm of BERT is no such place: what it puts out also goes *past* the next matrix.)

# %% tags=["nbval-ignore-output"]
loud = loud_channels.planted(raner, times=64)
answered, _ = noise_meter.answers_of(loud)
check("with one loud channel a layer, float32 answers the same", agreement(noise_meter.answers, answered) == 100)

# %% [markdown]
# Now static INT8, simulated: ranges are fixed by calibration texts. Four versions of it. One grid for each matrix; a grid for each row; ranges that leave out one value in a thousand (**percentile** calibration: what lies outside is cut off); and a part of the channel's size moved back from the activations into the weights, as [SmoothQuant](https://arxiv.org/abs/2211.10438) does (section 4, equation 4).
#
# **Predict:** how much of the noise does each of them leave?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
repaired = int8_factors.repairs(loud, tokenizer, calibration[:16])
repairs = {name: noise_meter.damage(model) for name, model in repaired.items()}
one, by_rows, _, smooth = (damage.noise for damage in repairs.values())
left = f"{100 * by_rows / one:.0f} % by a grid for each row, {100 * smooth / one:.0f} % by smoothing on top of it"
guesses.reveal("noise of a loud channel that is left", my_guess, left)
check("smoothing repairs what a grid for each row does not", bool(smooth < by_rows))
for case in repairs:
    if f"planted, {case}" in on_all:
        check(f"{case}: at most five points are lost", verdict(on_all[f"planted, {case}"].f1, -5))
noise_table(repairs, "planted, ")

# %% [markdown]
# A grid for each row is half a repair. It helps the loud *row* of the value matrix, not the loud *channel* that comes out of it: that one shares its grid with all others. The first line above says how much of the noise that leaves. Percentiles cut off in *every* layer, and what they cut off may be what the model reads: loud values are rare, not unimportant. Smoothing is free: it is done once, in the weights.
#
# ### Trained for it
#
# **Quantisation-aware** training rounds on the way forward and pretends on the way back that it did not (a *straight-through estimator*, [Bengio et al. 2013](https://arxiv.org/abs/1308.3432)). The weights learn to stand where the rounding does little harm. It is a training, however, and any training changes F1. So there is a control: the same sentences, as many epochs, in float32, and *then* static INT8.


# %% tags=["nbval-ignore-output"]
def trained(start):
    """A short fine-tuning of `start`: one epoch, small steps."""
    part = run.corpus._replace(train=run.corpus.train[: sizes.train], dev=run.corpus.dev[: sizes.dev])
    schedule = training.Schedule(epochs=1, learning_rate=1e-4, seed=seed)
    with TemporaryDirectory() as checkpoints:
        return fine_tuning.fine_tune(start, tokenizer, part, checkpoints, schedule)


# %% tags=["nbval-ignore-output"]
def aware():
    return static.convert_aware(trained(static.prepare_aware(raner, tokenizer, calibration)))


def control():
    return static.quantize_static(trained(raner), tokenizer, calibration)


small["quantized-aware"] = kept("mini", "quantized-aware", aware)
small["trained, then static"] = kept("mini", "trained-static", control)

# %% tags=["nbval-ignore-output"]
for stage in ("quantized-aware", "trained, then static"):
    evaluations[stage] = evaluate(load_quantized_tagger(small[stage]), test, seed)
pair = (evaluations[stage].predictions for stage in ("trained, then static", "quantized-aware"))
gain = f1_difference(test, *pair, seed)
print(f"training with the rounding instead of without: {gain.value:+.2f} points, {gain.low:+.2f} to {gain.high:+.2f}")
check("training with the rounding is half a point better than without", verdict(gain, 0.5))
rows = []
for stage, found in evaluations.items():
    d = f1_difference(test, baseline.predictions, found.predictions, seed)
    same = agreement(baseline.predictions, found.predictions)
    rows.append((stage, f"{found.scores.f1:.1f}", f"{d.value:+.2f}", f"{d.low:+.2f} to {d.high:+.2f}", f"{same:.1f}"))
table(("variant", "F1", "difference", "interval", "sentences tagged as by float32 (%)"), rows)

# %% [markdown]
# The two were compared with each other, not with the first line: both were trained. Where that is a gain, the weights have found places where the rounding harms less; beside the first line it may be a loss all the same. Where it is none, the rounding was hardly what limited this model, and training for it has little to repair. (One seed each, and few steps: a hint, not a law.) It earns its keep where rounding hurts, most of all where fewer bits are left.
#
# ## What does it bring?
#
# All versions take turns on the article: first at the size of mini, then at the article's.
#
# **Predict:** how many times as fast as float32 is INT8, at each size?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
small["original"] = run.artifact(f"mini/original-seed{seed}", lambda path: save_raner(raner, tokenizer, path))
stages = ("quantized", "quantized-linear", "quantized-static", "quantized-aware")
versions = [Variant("original", "torch-fp32", small["original"], raner, baseline)]
versions += [Variant(stage, "torch-int8", small[stage], raner, evaluations[stage]) for stage in stages]
mini_rows = measure_variants(run, versions, "06", "mini")
results.results_figure(mini_rows)

# %% [markdown]
# Now the size of BERT-base. F1 is not measured again: the twin tags as mini does. The quantisation-aware version has the same matrices in the same kernels as the static one; it would cost the same.

# %% tags=["nbval-ignore-output"]
large["original"] = run.artifact(f"article/original-seed{seed}", lambda path: save_raner(big, tokenizer, path))
large["quantized-static"] = kept(
    "article", "quantized-static", lambda: static.quantize_static(big, tokenizer, calibration[:16])
)
versions = [Variant("original", "torch-fp32", large["original"], big)]
versions += [Variant(stage, "torch-int8", large[stage], big) for stage in stages[:3]]
big_rows = measure_variants(run, versions, "06", "article", repeats=5)
for where, measured in (("mini", mini_rows), ("article", big_rows)):
    found = {row["stage"]: row["times_as_fast"] for row in measured}["quantized"]
    gain = Estimate(found["value"], found["low"], found["high"])
    guesses.reveal(f"how fast INT8 is, {where}", my_guess, gain, "times as fast")
results.results_figure(big_rows)

# %% [markdown]
# Compare the dynamic and the static version. A static layer of torch need not search for ranges, but it rounds its *output* as well, only to turn it back into floats at once. Fixed ranges pay where integers may stay integers from one layer to the next, which is what the engines of notebook 07 try.
#
# ## Where is INT8 slower?
#
# Rounding the input, finding its range, unpacking the result: all of that costs time too, about the same for every number that flows. What it buys are cheaper *multiplications*, and there are as many of them for each number as the matrix is wide. **Predict:** in which corner does INT8 gain least, and does it lose anywhere: wide or narrow, long text or short, one thread or two? (The last check asks for 2.2, a little less than the article's "320ms" over its "140ms".)

# %%
my_guess = ...


# %% tags=["nbval-ignore-output"]
def gains_by_length(folders, threads, rounds):
    """How many times as fast as float32 INT8 is, by length of the text."""
    taggers = {
        "float32": Variant("", "torch-fp32", folders["original"], raner).load(),
        "int8": Variant("", "torch-int8", folders["quantized"], raner).load(),
    }
    gains = {}
    for length in sizes.lengths:
        with latency.pinned_threads(threads):
            times = latency.measure_taggers(taggers, [article[:length]], rounds)
        gains[length] = times_as_fast(times["float32"], times["int8"])
    return gains


# %% tags=["nbval-ignore-output"]
faster = {"the model of this run": {}, "the article's size": {}}
for threads, name in ((1, "1 thread"), (2, "2 threads")):
    faster["the model of this run"][name] = gains_by_length(small, threads, sizes.mini_rounds)
    faster["the article's size"][name] = gains_by_length(large, threads, sizes.twin_rounds)

# %% tags=["nbval-ignore-output"]
slower, gains = [], []
for size, lines in faster.items():
    for name, line in lines.items():
        gains += line.values()
        slower += [f"{size}, {name}, {n} characters" for n, gain in line.items() if verdict(gain, 1) is Verdict.NO]
guesses.reveal("where INT8 is surely slower", my_guess, "; ".join(slower) or "nowhere on this machine")
least = Estimate(*np.min(gains, axis=0))
check("INT8 is faster than float32 at every length, at both sizes", verdict(least, 1))
longest = faster["the article's size"]["2 threads"][max(sizes.lengths)]
check("at the article's size and length, torch INT8 is at least 2.2 times as fast", verdict(longest, 2.2))
figures.speedup_figure(faster)

# %% [markdown]
# Compare the two pictures first: do all lines of the wide model lie above those of the narrow one? Then it is width that decides most, on this machine. Length pulls both ways. On short texts what each call costs anyway weighs more; on long ones attention's own products do, which stay in float32 and grow with the square of the length. Where a curve comes near the line at 1, INT8 is worth it for the file alone, or not at all.
#
# ### Rounding alone brings nothing
#
# One more thing that looks like INT8. The model that was *trained* with roundings still computes in float32 and only pretends; many papers report the F1 of such a simulation. What does it cost to run?

# %% tags=["nbval-ignore-output"]
simulated = torch_tagger(static.prepare_aware(raner, tokenizer, calibration[:8]), tokenizer)
kinds = {"static": "quantized-static", "dynamic": "quantized"}
contest = {"float32": torch_tagger(raner, tokenizer), "simulated INT8": simulated}
contest |= {f"{kind} INT8": load_quantized_tagger(small[stage]) for kind, stage in kinds.items()}
with latency.pinned_threads(2):
    times = latency.measure_taggers(contest, [article], sizes.rounds)
check("float32 is faster than simulated INT8", verdict(times_as_fast(times["simulated INT8"], times["float32"]), 1))
check("fixed ranges are faster than dynamic", verdict(times_as_fast(times["dynamic INT8"], times["static INT8"]), 1))
base.latency_figure(times)

# %% [markdown]
# This is also where torch is going. `torch.ao.quantization`, used here, announces its own removal; its successor, torchao, first gives a simulation like this one, and a compiler then turns it into integer kernels. That compilation wants a C++ compiler on every machine and time in every process. The kernels are good ones, but a course that has to start anywhere stays with what runs as it is. Notebook 07 looks at engines that bring integer kernels of their own.
#
# ## Your predictions

# %% tags=["nbval-ignore-output"]
guesses.review()

# %% [markdown]
# ## What you know now
#
# - An integer, a scale, a zero point. The error is half a step at most, and one outlier makes all steps large: a weight those of its row, a channel those of all that flows.
# - torch on x86 rounds activations to seven bits, so that two products fit into sixteen.
# - `{nn.Linear}` leaves the character table in float32. What a file will weigh can be counted before anything is done.
# - `save_pretrained` does not save an INT8 model. `save_quantized` does, and the proof is equality to the last bit.
# - A comparison of two engines that differ in three things explains none of them: change one at a time. The larger error hides the smaller.
# - A loud channel is only half repaired by a grid for each row of the weights. Its size has to go where no grid is shared.
# - INT8 saves multiplications, and a wide matrix has more of them for each number that flows. On narrow ones it gains less on many machines, and nothing on some: measure at your own widths and lengths.
# - What INT8 costs in F1 depends on the engine and on the model. One number for "INT8" does not exist.
#
# **Next:** [07 · ONNX Runtime](07_onnx_runtime.ipynb), the same integers in other engines.
