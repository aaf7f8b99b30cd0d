# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 00 · Start here
#
# | | |
# |---|---|
# | **You will be able to** | say which of an article's promises cannot be true before running anything; name the steps of this course; know whether your computer is ready; tag a first sentence |
# | **You need** | Python; what a matrix is. No GPU, no network |
# | **Minutes** | shown below the set-up cell, from a measured run |

# %% tags=["parameters"]
run_dir = ""
model = ""
corpus = ""
seed = 1
quick = False

# %% tags=["nbval-ignore-output"]
from utils.compress.pruning import cost
from utils.course import widgets
from utils.course.exercises import nb00 as exercises
from utils.course.figures import base
from utils.course.figures import nb00 as figures
from utils.course.numbering import numbered
from utils.course.solutions import solution
from utils.course.tables import table
from utils.course.teaching import check, exercise, predictions, show_minutes
from utils.course.workshop import readiness
from utils.files import ROOT
from utils.measure.run import open_run
from utils.model import anatomy, pruned_shape
from utils.model.torch_tagger import torch_tagger

run = open_run(run_dir, model, corpus, seed, quick)
guesses = predictions(run, "00")
show_minutes("00")

# %% [markdown]
# ## What was promised
#
# An article on optimising **RaNER**, a Chinese named-entity tagger, promises the following for one news text of 500 characters on a CPU. The numbers are the article's, word for word.
#
# | version | time (ms) | memory (MB) | F1 (%) |
# |---|---|---|---|
# | "原始 RaNER" (original) | "320 ± 15" | "820" | "94.3" |
# | "仅量化" (quantised) | "140 ± 8" | "310" | "93.5" |
# | "量化+剪枝" (quantised and pruned) | "100 ± 6" | "330" | "93.1" |
# | "ONNX Runtime + 量化" | "85 ± 5" | "290" | "93.3" |
#
# And on the way there:
#
# | step | promise |
# |---|---|
# | INT8 for `{torch.nn.Linear}` | file "420MB → 110MB" |
# | removing 20 % of the attention heads | "参数量减少 18%" (parameters), "推理速度提升 35%" (speed), "F1 微降 1.2%" |
# | everything together | file "420MB → 90MB", "内存峰值占用下降 60%" (peak memory) |
#
# This course does every step itself, on your computer, and fills in the same table with what comes out.

# %% [markdown]
# ## Which of it smells wrong already?
#
# No measurement needed: a pencil is enough. **Read the two tables again and commit yourself.** Replace `...` by the promises that you would not believe, in any words.

# %%
my_suspects = ...

# %% [markdown]
# ### Where are the parameters?
#
# Every promise about size depends on where the parameters sit. **Guess first: what percent of RaNER's parameters belong to attention, all 144 heads together?** (`length=502` below is 500 characters and the two marks that BERT puts around every text, `[CLS]` and `[SEP]`.)

# %%
my_guess = ...

# %%
config = anatomy.published_config()
parts = cost.cost_by_part(config, pruned_shape.pruning_map(config), length=502)
millions = {name: part.parameters / 1e6 for name, part in parts.items()}
attention_share = 100 * millions["attention"] / sum(millions.values())
guesses.reveal("parameters in attention", my_guess, round(attention_share, 1), "%")

# %%
base.shares_figure({"RaNER as published": millions}, "M")

# %% [markdown]
# Two thirds of what is left after the embeddings is *feed-forward*: two large matrices in every layer, without any head in them. Keep the picture in mind for the first exercise.

# %% [markdown]
# ### Exercise 1: twenty percent of the heads
#
# "参数量减少 18%" is said of removing 20 % of the heads. Each head is equally large. What percent of **all** parameters can go at most?
#
# All exercises work like this one: replace `...` by your answer, run that cell, then the next, which checks it. An answer that is not right gets a hint; try as often as you like. To see a solution, run the call below in a cell of your own: it takes the notebook's number and the exercise's place in it.
#
# Stuck? `solution("00", 1)` shows one way.

# %%
percent_gone = ...

# %%
exercise(percent_gone, exercises.pruned_share())

# %% jupyter={"source_hidden": true} tags=["solution"]
percent_gone = 0.20 * attention_share
exercise(percent_gone, exercises.pruned_share())

# %%
check("removing 20 % of the heads cannot remove 18 % of the parameters", 0.20 * attention_share < 18)
check("not even removing half of the heads could", 0.50 * attention_share < 18)

# %% [markdown]
# ### Exercise 2: one byte instead of four
#
# A float32 takes 4 bytes, an INT8 takes 1. Quantising `{nn.Linear}` leaves the **embeddings** alone: they are a table, not a linear layer. What does the file weigh afterwards, in MB (10⁶ bytes)? Treat every parameter outside the embeddings as belonging to a linear layer.
#
# Stuck? `solution("00", 2)` shows one way.

# %%
print({name: f"{size:.2f} M" for name, size in millions.items()})
megabytes = ...

# %%
exercise(megabytes, exercises.int8_megabytes())

# %% jupyter={"source_hidden": true} tags=["solution"]
linear = sum(millions.values()) - millions["embeddings"]
megabytes = 4 * millions["embeddings"] + 1 * linear
exercise(megabytes, exercises.int8_megabytes())

# %%
check("420 MB is about right for the original in float32", 400 < 4 * sum(millions.values()) < 420)
check("INT8 for linear layers alone cannot reach 110 MB", exercises.published_int8_megabytes() > 110)

# %% [markdown]
# ### And the time?
#
# "推理速度提升 35%" from removing 20 % of the heads. That may mean 35 % less time or, read kindly, 1.35 times the speed, for which 1 - 1/1.35 = 26 % of the time has to go. Time follows the multiplications, so count those. **What percent of all multiplications happens inside attention, for 500 characters?**

# %%
my_guess = ...

# %%
work = {name: part.multiply_adds / 1e9 for name, part in parts.items()}
attention_work = 100 * work["attention"] / sum(work.values())
guesses.reveal("multiplications in attention", my_guess, round(attention_work, 1), "%")
needed = 100 * (1 - 1 / 1.35)
print(f"20 % of the heads do {0.2 * attention_work:.0f} % of the work")
check("even read kindly, as 1.35 times the speed, 26 % of the work must go: too much", 0.2 * attention_work < needed)

# %% [markdown]
# ### One more, without any arithmetic on the model
#
# Compare the memory of two rows of the first table: "仅量化" and "量化+剪枝". The second model is the first one with parts *removed*.

# %%
quantised_mb, pruned_and_quantised_mb = 310, 330
check("the article's smaller model needs more memory than its larger one", pruned_and_quantised_mb > quantised_mb)
doubtful = "110 MB; 18 % fewer parameters; 35 % more speed; 330 MB where 310 were needed before"
guesses.reveal("promises that you would not believe", my_suspects, doubtful)

# %% [markdown]
# None of this says that the article is useless. Quantising *does* speed up, heads *can* go, ONNX Runtime *is* worth a try. It says that numbers have to be measured, and that a minute of arithmetic tells which ones to measure first.

# %% [markdown]
# ## The map of the course
#
# Each station starts from what the one before left behind, and writes one line a version into a ledger. The colours say what is done there. Words that are new to you stand in the [glossary](glossary.md), each with the station that explains it.

# %%
present = numbered(ROOT / "notebooks" / "source", "py")
figures.course_map(present, here="00")

# %% [markdown]
# ## Is your computer ready?
#
# **Predict:** will INT8 be faster than float32 on *your* processor? It depends on one line of the next table.

# %% tags=["nbval-ignore-output"]
findings = readiness.check_environment()
table(("", "found", "advice"), [(f.what, f.found, f.advice or "fine") for f in findings])

# %%
check("everything that the course cannot run without is there", not any(f.advice for f in findings if f.required))

# %% [markdown]
# ## A first sentence
#
# RaNER marks **PER** (persons), **LOC** (places) and **ORG** (organisations). The model that comes with the course is *mini-RaNER*: RaNER's architecture, all 144 heads, half of the width, and like RaNER pre-trained on far more text than was ever annotated. **Before you run the cell: how many entities do you see in this sentence, and of which types?**

# %%
sentence = "青河大学校长陈默昨日在北京说，新校区明年启用。"
raner, tokenizer = run.model()
tagger = torch_tagger(raner, tokenizer)
print(f"{raner.config.num_hidden_layers} layers of {raner.config.num_attention_heads} heads")

# %% tags=["nbval-ignore-output"]
entities = tagger.predict([sentence])[0]
widgets.show(sentence, entities)

# %% [markdown]
# An entity is a **range of characters and a type**. The label is written beside each colour; the confidence shows when the pointer rests on it.

# %%
check("every entity is a slice of the text", all(sentence[e.start : e.end] == e.text for e in entities))
check("no two entities overlap", all(a.end <= b.start for a, b in zip(entities, entities[1:], strict=False)))

# %% [markdown]
# Now a sentence of your own. Type into the box and leave it; try a name that is also an ordinary word, such as 高峰.

# %% tags=["nbval-ignore-output"]
widgets.tagging_box(tagger, "高峰说，早高峰的时候不要去中关村。")

# %% [markdown]
# ### Exercise 3: how small is mini?
#
# How many parameters does the model in memory have, as a percentage of the published one? Use `anatomy.parameters_by_part(raner)` and `millions`.
#
# Stuck? `solution("00", 3)` shows one way.

# %%
percent_of_published = ...

# %%
exercise(percent_of_published, exercises.relative_size(raner))

# %% jupyter={"source_hidden": true} tags=["solution"]
percent_of_published = 100 * sum(anatomy.parameters_by_part(raner).values()) / 1e6 / sum(millions.values())
exercise(percent_of_published, exercises.relative_size(raner))

# %% [markdown]
# ## Your predictions

# %% tags=["nbval-ignore-output"]
guesses.review()

# %% [markdown]
# ## What you know now
#
# - The original's 420 MB fit the architecture. "减少 18%" and "提升 35%" from a fifth of the heads do not, and neither do 110 MB from linear layers alone.
# - What the course measures, every other claim included, ends up in one ledger.
# - Your computer is ready, or you know what is missing.
#
# **Next:** [01 · RaNER and its data](01_raner_and_its_data.ipynb) opens the model and looks at what it is asked to find, and what it gets wrong.
