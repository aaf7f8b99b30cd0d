# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 11 · Adaptive computation, and a confidence that means something
#
# | | |
# |---|---|
# | **You will be able to** | say whether a smaller model promises more than it keeps, and how much of that one number takes away; answer only where 95 % are right, and say what share is left; let easy sentences cost less than hard ones, by a cascade or by exits inside one model; hold both against one small model that reads everything |
# | **You need** | [08 · The whole pipeline](08_the_whole_pipeline.ipynb), whose models are used here (without them, cheaper ones are made); confidence was met in notebook 09, the temperature in 10; 4 GB of free memory |
# | **Minutes** | shown below the set-up cell, from a measured run |

# %% tags=["parameters"]
run_dir = ""
model = ""
corpus = ""
seed = 1
quick = False

# %% tags=["nbval-ignore-output"]
import shutil
from dataclasses import replace
from functools import partial

import numpy as np
from IPython.display import clear_output

from utils.course import widgets
from utils.course.exercises import nb11 as exercises
from utils.course.figures import nb11 as figures
from utils.course.sizes import sizes_of
from utils.course.solutions import solution
from utils.course.tables import table
from utils.course.teaching import attempted, check, exercise, predictions, show_minutes
from utils.engines import cascade_files, onnx_exits, onnx_session
from utils.measure import calibration, latency
from utils.measure.bootstrap import f1_interval
from utils.measure.evaluation import answers
from utils.measure.run import open_run
from utils.measure.scores import entity_scores
from utils.measure.verdict import Estimate, Verdict, equivalent, f1_difference, times_as_fast, verdict
from utils.model.checkpoint import load_raner
from utils.model.exit_head import widened_head
from utils.model.torch_tagger import torch_tagger
from utils.model.twin import article_twin
from utils.serving import models as serving
from utils.studies.adaptive import hard_sentences, heads, models, thresholds, token_exit
from utils.tagger import temperature
from utils.tagger.cascade import Cascade
from utils.tagger.tagger import by_sentence
from utils.text.corpus import evenly_spaced

run = open_run(run_dir, model, corpus, seed, quick)
sizes = sizes_of("11", run)
guesses = predictions(run, "11")
show_minutes("11")

# %% [markdown]
# *天气很好。* has no name in it, and any model sees that at once. *青河县人民医院院长陈默转任省卫生厅* holds a place inside an organisation, a person, and another organisation. Every model of this course spends the same number of layers a character on both. Why?
#
# To spend less on the easy one, somebody has to know which one is easy. The model itself could say so: by its **confidence**. So the first question is whether that can be believed, after all that compression did to it. As before, *train* trains, *dev* chooses, *test* judges.

# %% tags=["nbval-ignore-output"]
original, tokenizer = run.model()
baseline_name, again = models.fair_baseline(run)
networks, names = {"original": original}, {"original": "original"}
for version in ("compressed", "compressed-more"):
    names[version], path = models.compressed(run, version)
    networks[version] = load_raner(path)[0]
clear_output(wait=True)
print("in this run:", ", ".join(names.values()), f"and {baseline_name}, the fair baseline")

# %% [markdown]
# A name that ends in *short* means that notebook 08 has not been run in this folder: then the same cuts are made here, with a short recovery, and answer worse than 08's.
#
# ## Does compression make a tagger too sure of itself?
#
# Large networks are often too sure ([Guo et al. 2017](https://arxiv.org/abs/1706.04599)). What of a network that lost half of its heads, learned from a teacher's soft targets, and counts in eight bits? Five versions: the original, the one that was trained once more (*original-again*), *compressed*, and the first and the last of them in eight bits.

# %% tags=["nbval-ignore-output"]
dev, test = run.corpus.dev[: sizes.dev], run.test


def in_torch(network):
    return by_sentence(torch_tagger(network, tokenizer))


def in_onnx(path):
    return by_sentence(onnx_session.load_onnx_tagger(path))


int8 = {name: models.in_eight_bits(run, "mini", names[name], network, tokenizer) for name, network in networks.items()}

# %% tags=["nbval-ignore-output"]
taggers = {
    "original": in_torch(original),
    "original-again": in_torch(again),
    "compressed": in_torch(networks["compressed"]),
    "original, INT8": in_onnx(int8["original"]),
    "compressed, INT8": in_onnx(int8["compressed"]),
}
found = {name: answers(tagger, test) for name, tagger in taggers.items()}

# %% [markdown]
# An entity's **overconfidence** is what it promises minus what it keeps: the mean confidence of all entities minus the share of them that is right. Above 0, too much is promised.
#
# **Predict:** by how many percentage points is *compressed* in INT8 more overconfident than *original-again*?

# %%
my_guess = ...


# %% tags=["nbval-ignore-output"]
def percent(estimate, signed=""):
    return "{:{s}.1f} [{:{s}.1f}, {:{s}.1f}]".format(*(100 * number for number in estimate), s=signed)


def in_percent(estimate):
    return Estimate(*(100 * number for number in estimate))


rows = []
for name, predictions_of in found.items():
    gap = calibration.overconfidence(test, predictions_of, seed)
    error = calibration.calibration_error(test, predictions_of, seed)
    rows.append((name, percent(gap, "+"), percent(error)))
table(("version", "overconfidence, points", "ECE, points"), rows)

# %% [markdown]
# **ECE**, the expected calibration error, sorts entities into bins by confidence and adds up how far each bin is from honest, whichever way. Some of it is chance: few entities in a bin are never exactly as good as they say. So the verdict is on the signed number, and on a difference over the same sentences:

# %% tags=["nbval-ignore-output"]
grown = calibration.overconfidence_difference(test, found["original-again"], found["compressed, INT8"], seed)
guesses.reveal("overconfidence that compression adds", my_guess, in_percent(grown), "percentage points")
check("compression makes the tagger more overconfident", verdict(grown, 0))
bits = calibration.overconfidence_difference(test, found["compressed"], found["compressed, INT8"], seed)
print("eight bits alone:", percent(bits, "+"))
check("eight bits alone change it by less than 1 point", equivalent(bits, -0.01, 0.01))

# %% [markdown]
# ## How much of it does one number take away?
#
# Divide all scores of the CRF by a **temperature** $T$, emissions and moves between tags alike. The best path stays the best: the order of the scores does not change. But a sequence that had probability $p$ now has one proportional to $p^{1/T}$, so for $T > 1$ the field is less sure.
#
# ### Exercise 1: warmer
#
# A small CRF thinks three sequences possible. How sure of the first is it at $T = 2$?
#
# Stuck? `solution("11", 1)` shows one way.

# %%
for path, probability in exercises.PATHS.items():
    print(f"{probability:.2f}  {path}")
my_confidence = ...

# %%
exercise(my_confidence, exercises.warmed())

# %% jupyter={"source_hidden": true} tags=["solution"]
odds = [probability**0.5 for probability in exercises.PATHS.values()]
my_confidence = odds[0] / sum(odds)
exercise(my_confidence, exercises.warmed())

# %% [markdown]
# Which $T$? The one at which confidence predicts best, on dev, which entities are right (least log loss). One number, learned on the few hundred entities of dev, judged on test.
#
# **Predict:** the temperature of *compressed, INT8*.

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
degrees = {name: calibration.fit_temperature(tagger, dev) for name, tagger in taggers.items()}
warm = {name: replace(tagger, temperature=degrees[name]) for name, tagger in taggers.items()}
repaired = {name: answers(tagger, test) for name, tagger in warm.items()}
guesses.reveal("temperature of compressed, INT8", my_guess, round(degrees["compressed, INT8"], 2))

# %% tags=["nbval-ignore-output"]
rows = []
for name, predictions_of in repaired.items():
    gap = calibration.overconfidence(test, predictions_of, seed)
    error = calibration.calibration_error(test, predictions_of, seed)
    rows.append((name, f"{degrees[name]:.2f}", percent(gap, "+"), percent(error)))
table(("version", "T", "overconfidence, points", "ECE, points"), rows)

# %% tags=["nbval-ignore-output"]
panels = {
    title: {name: calibration.reliability(test, each, calibration.EDGES) for name, each in said.items()}
    for title, said in (("T = 1", found), ("T of dev", repaired))
}
figures.reliability_figure(panels)


# %% [markdown]
# Below the dashed line more is promised than kept. The lower points stand for some dozens of names each and may be ten points off: do not read the lines against each other there; the tables have the intervals.


# %%
def spans(predictions_of):
    return [[entity.span for entity in entities] for entities in predictions_of]


same = [spans(found[name]) == spans(repaired[name]) for name in taggers]
check("a temperature changes no entity, only what is said about it", all(same))

# %% tags=["nbval-ignore-output"]
first, last = (calibration.overconfidence(test, said["compressed, INT8"], seed) for said in (found, repaired))
print(f"overconfidence of compressed, INT8: {percent(first, '+')}, at dev's temperature {percent(last, '+')} points")
check("at dev's temperature, compressed in INT8 is honest to 3 points", equivalent(last, -0.03, 0.03))

# %% [markdown]
# A ? here says that this test set cannot tell; a ✗ that dev was too small to learn the number, or too easy, or that one number is not enough. Where the last interval still lies above 0, the temperature took only a part of the overconfidence away: dev, on which it was learned, is easier than test (notebook 01), and a model that errs less looks more honest.
#
# A temperature below 1 makes a model surer. Is that possible? A student that learns soft targets learns doubt as well, and one that was trained for a few steps only has not yet come to be as sure as it might: such a model keeps more than it promises. What compression does to confidence depends on how the model learned again, not only on what was cut.
#
# The temperature belongs to the model, like its weights. So it is stored beside them, in `config.json`, and whoever loads the directory gets it: the command line, the REST API and the page, which show it in the same field as before.

# %% tags=["nbval-ignore-output"]
degree = degrees["compressed, INT8"]


def with_temperature(path):
    shutil.copytree(int8["compressed"], path)
    temperature.store_temperature(path, degree)


honest_path = run.artifact(f"mini/{names['compressed']}-honest-seed{seed}", with_temperature, recipe=degree)
honest = in_onnx(honest_path)
text = "青河大学校长陈默昨日在北京说，新校区明年启用。"
widgets.show(text, honest.predict([text])[0])

# %%
check("the loaded model has the temperature that was stored", honest.temperature == degree)
kept = [[entity.confidence for entity in entities] for entities in answers(honest, test[:20])]
warmed = [[entity.confidence for entity in entities] for entities in answers(warm["compressed, INT8"], test[:20])]
check("and says the same confidences", kept == warmed)

# %% [markdown]
# ## Answer only what is nearly certain
#
# Some users would rather have fewer names, but right ones. From which confidence on are 95 % of the entities right? Dev says which; test says whether that holds, and what share of the entities is left.
#
# **Predict:** what share of the entities of *compressed, INT8* is left?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
selected = {}
for name, tagger in warm.items():
    least = calibration.least_confidence(dev, answers(tagger, dev), precision=0.95)
    selected[name] = calibration.selection(test, repaired[name], least, seed)
rows = [(name, f"{s.threshold:.3f}", percent(s.precision), percent(s.share)) for name, s in selected.items()]
guesses.reveal("entities left at 95 %", my_guess, in_percent(selected["compressed, INT8"].share), "%")
table(("version", "from confidence", "right on test, %", "left, %"), rows)

# %% tags=["nbval-ignore-output"]
for name, s in selected.items():
    check(f"{name}: of what is left, at least 95 % are right on test", verdict(s.precision, 0.95))

# %% [markdown]
# A ✗ says: dev promised 95 %, and on test surely fewer are right. There are two reasons to expect that. The threshold is the lowest one that reaches 95 % on dev, so it has gained from chance there. And dev is easier than test (notebook 01), so what is enough on dev is too low here. Whoever has to keep such a promise chooses the threshold on text like that which will come, and asks there for a whole interval above 95 %, not for a point.
#
# The share that is left is a score of its own: a model that knows where it errs answers more at the same precision.
#
# ## A cascade: the small model first
#
# Now the confidence goes to work. A small model reads every sentence. Where its least certain **piece** (one character's tag, or all tags of one name) is less probable than a threshold, the sentence goes on to a larger model. Everything else is answered already.
#
# The small one has four layers of *compressed*, and learned from the original for a few steps.

# %% tags=["nbval-ignore-output"]
path = models.shallow(run, names["compressed"], networks["compressed"], sizes.student_steps)
networks["shallow"], names["shallow"] = load_raner(path)[0], "shallow"
int8["shallow"] = models.in_eight_bits(run, "mini", "shallow", networks["shallow"], tokenizer)
clear_output(wait=True)
single = {name: in_onnx(path) for name, path in int8.items()}
on_dev = {name: thresholds.said(tagger, dev) for name, tagger in single.items()}
on_test = {name: thresholds.said(tagger, test) for name, tagger in single.items()}

# %% [markdown]
# ### Exercise 2: what can it give at best?
#
# The small model takes 0.4 of the large model's time for a sentence, and hands on 30 % of the sentences. How many times as fast as the large model alone is the cascade?
#
# Stuck? `solution("11", 2)` shows one way.

# %%
times_faster = ...

# %%
exercise(times_faster, exercises.cascade_gain())

# %% jupyter={"source_hidden": true} tags=["solution"]
times_faster = 1 / (0.4 + 0.3)  # every sentence costs the small model, those that go on cost the large one as well
exercise(times_faster, exercises.cascade_gain())

# %% [markdown]
# ### Build it: which sentences go on?
#
# Write `my_rule(characters, entities, threshold)`. For each sentence, `characters` has a list with the probability of every character's tag, `entities` one with the probability of every name that was found. It returns the numbers of the sentences that go on, counted from 0 and in order: those with a piece less probable than the threshold. There are sentences without a name, and one without a character.
#
# Stuck? `solution("11", 3)` shows one way.

# %%
my_rule = ...

# %%
exercise(my_rule, exercises.exit_rule)


# %% jupyter={"source_hidden": true} tags=["solution"]
def my_rule(characters, entities, threshold):
    going_on = []
    for number in range(len(characters)):
        pieces = characters[number] + entities[number]
        if pieces and min(pieces) < threshold:
            going_on.append(number)
    return going_on


exercise(my_rule, exercises.exit_rule)

# %% [markdown]
# The course's taggers know the least certain piece of each sentence already (`Tagger.tag`). Your rule, on what they say about test:

# %% tags=["nbval-ignore-output"]
if attempted(my_rule):
    certain = [[found.certainty] for found in on_test["shallow"].whole()]
    mine = my_rule(certain, [[] for _ in certain], 0.9)
    picked = thresholds.picked([on_test["shallow"], on_test["compressed"]], 0.9)
    check("your rule hands on what the course's does", mine == picked.stage.nonzero()[0].tolist())

# %% [markdown]
# **Predict:** so that F1 on dev stays within three tenths of a point of the large model's, how many percent of the sentences must go on from *shallow* to *compressed*?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
MARGIN = 0.3
dev_stages = {f"shallow, then {large}": [on_dev["shallow"], on_dev[large]] for large in ("compressed", "original")}
test_stages = {f"shallow, then {large}": [on_test["shallow"], on_test[large]] for large in ("compressed", "original")}


def choose(stages):
    alone = thresholds.picked(stages, thresholds.ALL_ON).predictions
    return thresholds.chosen(dev, stages, thresholds.candidates(stages, sizes.thresholds), alone, MARGIN)


chosen = {way: choose(stages) for way, stages in dev_stages.items()}

# %% tags=["nbval-ignore-output"]
gone = {way: thresholds.picked(stages, chosen[way]).stage > 0 for way, stages in test_stages.items()}
for way, threshold in chosen.items():
    print(f"{way}: threshold {min(threshold, 1):.4f}, {gone[way].mean():.0%} of test goes on")
share = round(100 * gone["shallow, then compressed"].mean())
guesses.reveal("sentences that go on to compressed", my_guess, share, "%")


# %% tags=["nbval-ignore-output"]
def curve_of(stages):
    """At each threshold the share of test that goes on, and F1."""
    points = thresholds.curve(test, stages, thresholds.candidates(stages, sizes.thresholds))
    return [(point.handed_on, point.f1) for point in points]


alone = {name: [one.entities for one in said.whole()] for name, said in on_test.items()}
levels = {f"{name} alone": entity_scores(test, alone[name]).f1 for name in ("compressed", "original")}
lines = {way: curve_of(stages) for way, stages in test_stages.items()}
figures.shares_figure(lines, levels, "sentences of test that go on")

# %% [markdown]
# From left to right more sentences go on. A curve that is steep at first and flat later says that the small model knows what it does not know. A straight line between its two ends would say that it hands on at random.

# %%
ends = [thresholds.picked(test_stages["shallow, then compressed"], t).predictions for t in (0, thresholds.ALL_ON)]
check(
    "at one end the small model answers everything, at the other the large one",
    ends == [alone["shallow"], alone["compressed"]],
)
cascade = Cascade(single["shallow"], single["compressed"], 0.9)
by_hand = thresholds.picked(test_stages["shallow, then compressed"], 0.9).predictions[:20]
check(
    "the cascade that is served answers as the curve was computed", spans(answers(cascade, test[:20])) == spans(by_hand)
)

# %% [markdown]
# ### Who stays long?
#
# **Predict:** which of these makes a sentence go on more often: a name that train does not have, an organisation with a place inside, more characters, or no name at all?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
traits = hard_sentences.handed_on(hard_sentences.traits(test, run.corpus.train), gone["shallow, then compressed"], seed)
rows = [(name, t.count, f"{t.share:.0%}", f"{t.others:.0%}", percent(t.difference, "+")) for name, t in traits.items()]
surely = [name for name, trait in traits.items() if verdict(trait.difference, 0.05) is Verdict.YES]
guesses.reveal("makes a sentence go on", my_guess, " and ".join(surely) or "none of them surely")
table(("sentences with", "how many", "of them go on", "of the others", "difference, points"), rows)

# %% tags=["nbval-ignore-output"]
for name, trait in traits.items():
    check(f"{name}: goes on at least 5 points more often", verdict(trait.difference, 0.05))

# %% [markdown]
# A longer sentence has more pieces, and the least certain of many is lower than the least certain of few. So part of that line is arithmetic, and a long sentence is the one that costs more to read twice.
#
# ## Exits inside one model
#
# A cascade reads a hard sentence twice from the start. A model with **exits** does not: after some layers stands a small answering machine, a linear layer and a CRF of its own, on the hidden states that are there by then. A sentence that is certain leaves; the others go on from where they are ([Li et al. 2021](https://aclanthology.org/2021.acl-long.16/), SENTEE).
#
# Here *compressed* gets exits after a third and two thirds of its layers. The paper trains network and exits together. We leave the network alone and train only the exits, on hidden states that were computed once: that takes seconds instead of a training, and gives weaker exits, because no layer learns to serve them.

# %% tags=["nbval-ignore-output"]
base = networks["compressed"]
deep = base.config.num_hidden_layers
places = [deep // 3, 2 * deep // 3]
sentences = evenly_spaced(run.corpus.train, sizes.exit_train)
exit_heads = heads.trained_heads(base, tokenizer, sentences, places, sizes.exit_steps, seed)
clear_output(wait=True)
print("exits after layers", places, "of", deep)

# %% [markdown]
# For ONNX Runtime the network is cut at its exits. The first graph takes ids and gives hidden states and emissions, the next takes hidden states. Who leaves, numpy decides in between.

# %% tags=["nbval-ignore-output"]
recipe = (names["compressed"], sizes.exit_train, sizes.exit_steps)


def split(scale, network, ends):
    def export(path):
        onnx_exits.export_exits(network, ends, tokenizer, path)

    whole = run.artifact(f"{scale}/exits-onnx-seed{seed}", export, recipe)
    return whole, run.artifact(
        f"{scale}/exits-onnx-int8-seed{seed}", lambda path: onnx_exits.quantize_exits(whole, path), recipe
    )


float_exits, exits = split("mini", base, exit_heads)

# %%
texts = [sentence.text for sentence in test[:20]]
parts = onnx_exits.load_exit_tagger(float_exits, thresholds.ALL_ON).predict(texts)
check(
    "in float32, whoever never leaves early gets the network's answers",
    spans(parts) == spans(taggers["compressed"].predict(texts)),
)

# %% [markdown]
# **Predict:** F1 on test of the first exit, if all sentences left there.

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
exiting = onnx_exits.load_exit_tagger(exits, thresholds.ALL_ON)
exit_dev, exit_test = (thresholds.exit_stages(exiting, part) for part in (dev, test))
said_there = [[one.entities for one in stage.whole()] for stage in exit_test]
of_exits = [entity_scores(test, said).f1 for said in said_there]
first_exit = Estimate(of_exits[0], *f1_interval(test, said_there[0], seed))
guesses.reveal("F1 at the first exit", my_guess, first_exit, "points")
print("F1 at each exit:", ", ".join(f"{one:.1f}" for one in of_exits))
dev_stages["exits"], test_stages["exits"], chosen["exits"] = exit_dev, exit_test, choose(exit_dev)
stage = thresholds.picked(exit_test, chosen["exits"]).stage
print("leave there at dev's threshold:", ", ".join(f"{(stage == n).mean():.0%}" for n in range(len(exit_test))))

# %% [markdown]
# ## Against the clock
#
# Sentences of test one at a time, text to entities, everything in ONNX INT8, all versions in turns, at both scales: the fixed models, and each adaptive way at dev's threshold and at one that hands on half of the sentences.
#
# **Predict:** at the article's scale and at dev's threshold, how many times as fast as *compressed* is the better of its two adaptive ways?

# %%
my_guess = ...


# %% tags=["nbval-ignore-output"]
def half(stages):
    return float(np.median([found.certainty for found in stages[0].tagged]))


def adaptive(way, threshold, fixed, exits_path):
    if way == "exits":
        return onnx_exits.load_exit_tagger(exits_path, threshold)
    return Cascade(fixed["shallow"], fixed[way.removeprefix("shallow, then ")], threshold)


# %% tags=["nbval-ignore-output"]
settings = {way: (way, threshold) for way, threshold in chosen.items()}
settings |= {f"{way}, half": (way, half(stages)) for way, stages in dev_stages.items()}
sample = [sentence.text for sentence in evenly_spaced(test, sizes.timed)]


# %% tags=["nbval-ignore-output"]
def in_turns(fixed, exits_path, rounds):
    """Times of the fixed models and of the adaptive ways, one sentence a call."""
    ways = {name: adaptive(way, threshold, fixed, exits_path) for name, (way, threshold) in settings.items()}
    return latency.measure_taggers(fixed | ways, sample, rounds, batch_size=1)


times = {"mini": in_turns(single, exits, sizes.mini_rounds)}

# %% tags=["nbval-ignore-output"]
big = {name: article_twin(network) for name, network in networks.items()}
factor = big["compressed"].config.hidden_size // base.config.hidden_size
wide = [widened_head(head, big["compressed"], factor) for head in exit_heads]
_, big_exits = split("article", big["compressed"], wide)
big_int8 = {name: models.in_eight_bits(run, "article", names[name], big[name], tokenizer) for name in big}
large = {name: in_onnx(path) for name, path in big_int8.items()}
times["article"] = in_turns(large, big_exits, sizes.twin_rounds)

# %% tags=["nbval-ignore-output"]
predicted = dict(alone)
for name, (way, threshold) in settings.items():
    predicted[name] = thresholds.picked(test_stages[way], threshold).predictions


def place(scale, name):
    milliseconds = times[scale][name].p50 / len(sample)
    f1 = entity_scores(test, predicted[name]).f1
    return figures.Placed(milliseconds, f1, *f1_interval(test, predicted[name], seed))


# %% tags=["nbval-ignore-output"]
families = {"one model": list(single)}
families |= {way: [way, f"{way}, half"] for way in chosen}
drawn = {}
for scale in times:
    drawn[scale] = {title: [place(scale, name) for name in members] for title, members in families.items()}
figures.time_figure(drawn)

# %% [markdown]
# *One model* is pruning: the original, *compressed*, *compressed-more* and *shallow*. Who stands to the left of that line, or above it, does something that pruning cannot. The intervals of F1 belong to each point alone; versions are compared in pairs, on the same sentences and in the same turns:

# %% tags=["nbval-ignore-output"]
rows, gains, losses = [], {}, {}
for way in chosen:
    fixed = "original" if way.endswith("original") else "compressed"
    losses[way] = f1_difference(test, predicted[fixed], predicted[way], seed)
    gains[way] = {scale: times_as_fast(found_times[fixed], found_times[way]) for scale, found_times in times.items()}
    cells = ["{:.2f} [{:.2f}, {:.2f}]".format(*gain) for gain in gains[way].values()]
    rows.append((way, fixed, "{:+.2f} [{:+.2f}, {:+.2f}]".format(*losses[way]), *cells))
table(("way", "against", "F1, points", "times as fast, mini", "times as fast, article"), rows)

# %% tags=["nbval-ignore-output"]
ours = ("shallow, then compressed", "exits")
best = max(ours, key=lambda way: gains[way]["article"].value)
guesses.reveal("the better adaptive way", my_guess, gains[best]["article"], "times as fast")
for way in ours:
    check(f"{way}: as good as compressed, to {MARGIN} points", equivalent(losses[way], -MARGIN, MARGIN))
    for scale, gain in gains[way].items():
        check(f"{way}: at least 1.5 times as fast as compressed, {scale}", verdict(gain, 1.5))
        check(f"{way}: faster than compressed at all, {scale}", verdict(gain, 1))

# %% [markdown]
# ### Where does the time go?
#
# A layer that is saved is not all that a sentence costs: it is cut into characters, decoded, and its marginals are summed, in numpy and not in the engine. An adaptive way does that once more for each stage. How much of a sentence's time is that?

# %% tags=["nbval-ignore-output"]
middle = sorted(sample, key=len)[len(sample) // 2]
encoding = tokenizer.batch([middle])
for scale, fixed in (("mini", single), ("article", large)):
    tagger = fixed["compressed"]
    calls = {
        "all": partial(tagger.predict, [middle]),
        "network": partial(tagger.backend, encoding.input_ids, encoding.attention_mask),
    }
    measured = latency.measure_latency(calls, sizes.mini_rounds)
    outside = 1 - latency.time_ratio(measured["network"], measured["all"])
    print(f"{scale}: {outside:.0%} of the time of a sentence of {len(middle)} characters is outside of the network")

# %% [markdown]
# And there is a second reason. Sentences of one article could share their rows (notebook 08 packs them), and a network is quicker with 500 characters at once than with fifteen times thirty. Who sends sentences different ways has less to pack. The article, all at once, packed on both sides:

# %% tags=["nbval-ignore-output"]
packed = {name: onnx_session.load_onnx_sentence_tagger(big_int8[name]) for name in ("shallow", "compressed")}
way = "shallow, then compressed"
both = {"compressed": packed["compressed"], way: Cascade(packed["shallow"], packed["compressed"], chosen[way])}
whole = latency.measure_taggers(both, [run.article.text], sizes.twin_rounds)
on_article = times_as_fast(whole["compressed"], whole[way])
print("on the article: {:.2f} [{:.2f}, {:.2f}] times as fast as compressed".format(*on_article))
check("the cascade takes at least 1.5 times less time on the article", verdict(on_article, 1.5))

# %% [markdown]
# Worth it or not, a cascade can be saved and served like any other model: `make serve MODEL=` and its directory. The page edits and remembers sentences, and a cascade is asked sentence by sentence, so incremental answers are its full answers too.

# %% tags=["nbval-ignore-output"]
threshold = chosen[way]


def halves(path):
    cascade_files.save_cascade(int8["shallow"], int8["compressed"], threshold, path)


kept_cascade = run.artifact(f"mini/cascade-seed{seed}", halves, recipe=(names["compressed"], threshold))
name, load = serving.open_model(kept_cascade)
here = Cascade(single["shallow"], single["compressed"], threshold)
check(
    "served, the cascade answers as it does here", spans(answers(load(), test[:20])) == spans(answers(here, test[:20]))
)

# %% [markdown]
# ## Single characters that stop
#
# Why should a whole sentence go on because of one name? In TOKEE, of the same paper, single **characters** halt: their hidden state stays as it is, and the others go on and still look at it.
#
# It is simulated here: all characters are computed and what a halted one would have become is thrown away. F1 is exact, and so is the number of multiply-adds that would be left, counted layer by layer. It is not timed. A layer would need its queries packed anew at each exit, from rows of different lengths, while keys and values still come from all characters; ONNX's `Attention` takes no such pair of packed rows without gathers around every layer. The count says what there would be to win at most.
#
# **Predict:** where F1 surely stays within a point of that without exits, which way leaves fewer multiply-adds: whole sentences, or single characters?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
some = evenly_spaced(test, sizes.simulated)
some_texts = [sentence.text for sentence in some]
uncut = token_exit.simulate(base, exit_heads, tokenizer, some_texts, thresholds.ALL_ON)
lines = {"sentences leave": [], "characters halt": []}
for threshold in (0.8, 0.95, 0.99, 0.999):
    for way, together in (("sentences leave", True), ("characters halt", False)):
        done = token_exit.simulate(base, exit_heads, tokenizer, some_texts, threshold, together)
        change = f1_difference(some, uncut.predictions, done.predictions, seed)
        lines[way].append((done.work / done.whole_work, change))
figures.work_figure(lines, margin=1)


# %% tags=["nbval-ignore-output"]
def least_work(points):
    """Share of the work at the lowest threshold that surely loses at most a point; all of it where none does."""
    return min((share for share, change in points if verdict(change, -1) is Verdict.YES), default=1.0)


left = {way: least_work(points) for way, points in lines.items()}
said = ", ".join(f"{way}: {share:.0%}" for way, share in left.items())
guesses.reveal("multiply-adds left, F1 surely within a point", my_guess, said)

# %%
check("with a threshold that nothing reaches, all the work is done", uncut.work == uncut.whole_work)
in_one = torch_tagger(base, tokenizer).predict(some_texts)
check("and the answers are the network's", spans(uncut.predictions) == spans(in_one))

# %% [markdown]
# That is not equal F1: a point may be lost, and the two ways lose different amounts of it. 100 % says that at none of the thresholds the interval allowed a *yes*. More sentences would make it narrower.
#
# A character that halts saves its query, its output and its feed-forward. Its keys and values are made in every later layer, as long as one neighbour goes on: that is the floor under the second line.
#
# ## What this comparison cannot say
#
# - **The exits were trained alone.** With a joint loss they would answer better, and so more would leave. The network would have to be trained again, and *compressed* with it.
# - **The small model is one of many.** It has whole layers, a shape that was behind thinner and more of them in notebook 10, and it learned for few steps. A better first stage answers more, and hands on less: the ✗ above are this one's.
# - **Dev is small.** Its threshold keeps within the margin there; test has the last word above.
# - **One sentence at a time.** A server that gathers many of them can pack those that go on, and then the picture is another one.
# - **The twin has mini's confidence.** It computes the same function, so the same sentences leave. A real model of base size may be surer of more of them.
#
# ## Your predictions

# %% tags=["nbval-ignore-output"]
guesses.review()

# %% [markdown]
# ## What you know now
#
# - Confidence survives compression or does not: a signed number with an interval says so, and the fair baseline says whose fault it is.
# - A temperature changes no entity and belongs in the model's directory. Where models were too sure, it took a part of that away, and left some: dev, where temperature and threshold are learned, is easier than test (01), so both promise too much.
# - Adaptive computation needs a first answer that is cheap, that is often right, **and** that knows when it is not. Each of the three can be measured alone.
# - It competes with one smaller model. Where that stands left of it, the simpler thing wins.
#
# **Papers:** [Guo et al. 2017](https://arxiv.org/abs/1706.04599) on temperature, [Li et al. 2021](https://aclanthology.org/2021.acl-long.16/) on exits for sentences and for tokens, [Viola and Jones 2001](https://doi.org/10.1109/CVPR.2001.990517) on cascades, [Geifman and El-Yaniv 2017](https://arxiv.org/abs/1705.08500) on answering selectively.
#
# ## The end of the course
#
# You began with an article's table, and a feeling that some of it could not be true. You can now:
#
# - tell by arithmetic what a promise can be at most, before anything is run;
# - measure time, memory and F1 so that a difference means something, and say *cannot tell* where it does not;
# - find heads, neurons and layers that a model can do without, really remove them, and train what is left against a fair baseline;
# - put weights into eight bits, export them, and count what an engine made of it;
# - serve the result, and say under which load its promises hold;
# - ask of every further idea, as in this notebook, whether it beats the simpler one.
#
# **Where to go from here.** Do it with a model of your own: `make compress MODEL=path/or/id CORPUS=path/or/id SPEEDUP=8 LOSE=1.0 OUT=small`. `DRY_RUN=1` prints the plan first. What comes out is a directory to serve and a report with verdicts. The README says what model and corpus have to look like. Then read the report as you have read the article: which of its numbers would you measure again?
