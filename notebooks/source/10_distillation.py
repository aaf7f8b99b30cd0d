# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 10 · Distillation
#
# | | |
# |---|---|
# | **You will be able to** | say what a teacher knows that a label does not, and turn it up with a temperature; build a shallow student, choose its layers and say how wide they are; cut a deep model until it is *equally fast*; hold a fair contest between the two, and say what it leaves open |
# | **You need** | [04 · Pruning](04_pruning.ipynb); notebook 05 helps; head scores come from notebook 03, or are computed here; 4 GB of free memory |
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
import torch
from IPython.display import clear_output
from scipy.special import softmax
from scipy.stats import entropy

from utils.compress import recipes, training
from utils.compress.batches import make_batches
from utils.compress.importance import gradients
from utils.compress.recovery import distillation, fine_tuning
from utils.course import report
from utils.course.exercises import nb10 as exercises
from utils.course.figures import base, results
from utils.course.figures import nb10 as figures
from utils.course.sizes import sizes_of
from utils.course.solutions import solution
from utils.course.tables import table
from utils.course.teaching import check, exercise, predictions, show_minutes
from utils.engines.variants import Variant, measure_variants
from utils.files import write_atomically
from utils.measure import latency
from utils.measure.bootstrap import resampled_f1
from utils.measure.evaluation import evaluate
from utils.measure.run import open_run
from utils.measure.verdict import Estimate, Verdict, ahead, f1_difference, median_estimate, times_as_fast, verdict
from utils.model import pruned_shape
from utils.model.checkpoint import load_raner, save_raner
from utils.model.raner import RanerModel
from utils.model.torch_tagger import torch_tagger
from utils.model.twin import article_twin
from utils.studies import pipeline, recovery_race, student_race, sweep
from utils.tagger.tagger import emissions_of
from utils.text import augmentation, tags
from utils.text.formats import plain

run = open_run(run_dir, model, corpus, seed, quick)
sizes = sizes_of("10", run)
guesses = predictions(run, "10")
show_minutes("10")

# %% [markdown]
# All notebooks so far took a large model and cut it down. There is another road: leave the large model alone, and let a **small one learn from it**. The article does not take it. Would it have been better?
#
# One question, one contest: a student of few layers against the model of all layers cut down, **equally fast, and trained for equally many steps**. Steps and not seconds: a fast computer and a slow one then train the same two models. As before, *train* is trained on, *dev* chooses, *test* reports.

# %% tags=["sizes"]
teacher, tokenizer = run.model()
layers = teacher.config.num_hidden_layers
order = np.random.default_rng(seed).permutation(len(run.corpus.train))[: sizes.train]
labelled, unlabelled = ([run.corpus.train[i] for i in half] for half in np.array_split(order, 2))
data = run.corpus._replace(
    train=labelled,
    dev=run.corpus.dev[: sizes.dev],
    test=run.test,
)
budget = sizes.steps
print(f"{len(labelled)} sentences with labels, {len(unlabelled)} whose labels nobody looks at")
print(f"{budget} steps of the optimizer a training")

# %% [markdown]
# Labels are expensive and text is cheap. So half of the training sentences lose their labels here: from now on they are just text.
#
# ## What does a teacher know that a label does not?
#
# A label names one tag. The teacher's emissions $z$ say something about *every* tag: softmax turns them into probabilities, the **soft targets**. (This is what the network says before the CRF: the moves between tags are left out, so these are not the marginals of notebook 09.) A **temperature** $T$ divides the emissions first:
#
# $$ p_i = \frac{e^{z_i / T}}{\sum_j e^{z_j / T}} $$
#
# **Predict:** the teacher reads a sentence of which it has never seen the labels. At $T = 1$, how large is the probability of its favourite tag, on average? And which tag comes second where it hesitates most?

# %%
my_guess = ...


# %% tags=["nbval-ignore-output"]
def soft_targets(text, temperature):
    """`(characters, tags)` probabilities."""
    return softmax(emissions_of(torch_tagger(teacher, tokenizer), text) / temperature, axis=1)


candidates = [sentence for sentence in data.dev if 12 <= len(sentence.text) <= 30 and sentence.entities]
shown = min(candidates, key=lambda sentence: soft_targets(sentence.text, 1).max(1).min())
sharp = soft_targets(shown.text, 1)
unsure = int(sharp.max(1).argmin())
first, second = (teacher.labels[tag] for tag in sharp[unsure].argsort()[::-1][:2])
print(f"least sure at {shown.text[unsure]}: {first}, then {second}")
guesses.reveal("probability of the favourite at T = 1", my_guess, round(float(sharp.max(1).mean()), 3))

# %% tags=["nbval-ignore-output"]
temperatures = {f"T = {t}": soft_targets(shown.text, t) for t in (1, 2, 5)}
annotated = tags.tags_of(shown, tags.scheme_of(teacher.labels))
figures.soft_targets_figure(temperatures, shown.text, teacher.labels, annotated)

# %% [markdown]
# Rings are the annotation. At $T = 1$ most columns have one dark cell, as a label has. Heat brings out what the teacher *nearly* said, and in which order. Look at the pale rows as well: that a tag is out of the question is knowledge, too. None of this fits into a label.
#
# Too much heat, and everything is as likely as everything else. The picture below measures that by the *entropy*, in nats: 0 where one tag has all the probability, and largest where all are equally likely. **Predict:** where is the teacher less sure, inside names or outside of them?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
heat = (1, 2, 5, 10, 20, 50)
inside = np.concatenate([np.array(tags.bioes_tags(sentence)) != "O" for sentence in data.dev[:40]])
said = np.concatenate([emissions_of(torch_tagger(teacher, tokenizer), s.text) for s in data.dev[:40]])
spread = {t: entropy(softmax(said / t, axis=1), axis=1) for t in heat}
groups = {"inside names": inside, "outside": ~inside}
curves = {name: {t: float(nats[chosen].mean()) for t, nats in spread.items()} for name, chosen in groups.items()}
guesses.reveal("where the teacher is less sure", my_guess, max(curves, key=lambda name: curves[name][1]))
figures.entropy_figure(curves, np.log(len(teacher.labels)))

# %%
same_favourite = [(sharp.argmax(1) == soft.argmax(1)).all() for soft in temperatures.values()]
check("a temperature never changes the favourite", all(same_favourite))
rising = [(spread[hotter] > spread[colder]).all() for colder, hotter in zip(heat, heat[1:], strict=False)]
check("the hotter, the less sure: the entropy of every character rises", all(rising))

# %% [markdown]
# ### Exercise 1: warm it up
#
# A teacher's emissions for one character, and $T = 2$. How large is the probability of the **second** tag?
#
# Stuck? `solution("10", 1)` shows one way.

# %%
print(dict(zip(exercises.TAGS, exercises.EMISSIONS.tolist(), strict=True)))
my_probability = ...

# %%
exercise(my_probability, exercises.softened())

# %% jupyter={"source_hidden": true} tags=["solution"]
odds = np.exp(exercises.EMISSIONS / 2)
my_probability = odds[1] / odds.sum()
exercise(my_probability, exercises.softened())

# %% [markdown]
# ### Exercise 2: why is there a $T^2$ in front?
#
# The student is trained on $T^2 \, \mathrm{KL}(p_\mathrm{teacher} \,\|\, p_\mathrm{student})$, both at temperature $T$. Leave the factor out and go from $T = 100$ to $T = 200$: how many times as **small** does the gradient with respect to the student's emissions become? Think of two causes, or let `torch.autograd.grad` tell you.
#
# Stuck? `solution("10", 2)` shows one way.

# %%
times_as_small = ...

# %%
exercise(times_as_small, exercises.shrinkage())


# %% jupyter={"source_hidden": true} tags=["solution"]
def slope(temperature):
    z = torch.tensor([[1.0, 2.0, 4.0]], dtype=torch.double, requires_grad=True)
    loss = distillation.soft_loss(z, torch.from_numpy(exercises.EMISSIONS)[None], temperature) / temperature**2
    return torch.autograd.grad(loss, z)[0].abs().max().item()


times_as_small = slope(100) / slope(200)  # 1 / T by the chain rule, 1 / T because the two answers come closer
exercise(times_as_small, exercises.shrinkage())

# %% [markdown]
# With the factor, a hotter teacher does not become a quieter one, and labels and soft targets keep their balance.
#
# ## What does depth cost?
#
# A student needs a size. Students of several depths take turns on the article, as narrow as mini and, by their twins, as wide as the published model. They know nothing yet, but time does not mind.
#
# **Predict:** how many percent of the teacher's time does a student of 3 layers take, at each size? (Two answers follow: first as narrow as mini, then as wide as the published model.)

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
depth = 3
depths = (*sizes.depths, layers)
shallow = {d: distillation.shallow_student(teacher, d) for d in depths}
twins = {d: article_twin(student) for d, student in shallow.items()}
article = run.article.text
models = {("mini", d): m for d, m in shallow.items()} | {("article", d): m for d, m in twins.items()}
times = sweep.latency_sweep(models, tokenizer, article, sizes.depth_rounds)
percent = {
    scale: {d: 100 * latency.time_ratio(times[scale, d], times[scale, layers]) for d in depths}
    for scale in ("mini", "article")
}
for scale, curve in percent.items():
    guesses.reveal(f"time of {depth} layers, {scale}", my_guess, round(curve[depth]), "%")

# %% tags=["nbval-ignore-output"]
figures.depth_figure(percent)

# %% tags=["nbval-ignore-output"]
as_fast = times_as_fast(times["article", layers], times["article", 1])
mini, large = (np.divide(times[scale, 1].samples, times[scale, layers].samples) for scale in percent)
at_most = verdict(as_fast, layers / 1.5)
check("at the article's size, one layer takes at most 1.5 times its share of the time", at_most)
check("mini keeps a larger share of its time than its large twin", verdict(median_estimate(mini / large), 1))

# %% [markdown]
# The picture shows the time in multiples of the layers' share: six layers of twelve that take half of the time stand at 1. What is above the dashed line is not in the layers: cutting the text into characters, looking up embeddings, the CRF. The lighter the layers, the more these weigh. A contest about speed should be decided where speed is a problem: **the article's size decides** below.

# %% [markdown]
# ## Which layers does a student start from?
#
# A student of the teacher's width can start from *copies* of the teacher's layers. Which ones? `matching_layers` splits the teacher's layers into as many groups of neighbours as the student has layers, and takes the last one of each group; so the last stands for the last.
#
# ### Exercise 3: four of twelve
#
# Which layers of a teacher of 12 does a student of 4 copy, counted from 0?
#
# Stuck? `solution("10", 3)` shows one way.

# %%
my_layers = [..., ..., ..., ...]

# %%
exercise(my_layers, exercises.copied_layers)

# %% jupyter={"source_hidden": true} tags=["solution"]
my_layers = [(layer + 1) * 12 // 4 - 1 for layer in range(4)]
exercise(my_layers, exercises.copied_layers)

# %% [markdown]
# ### Build it: a student out of its teacher
#
# A model's **state dict** names its tensors. What is in layer 4 has a name with `.layer.4.` in it; all else, the embeddings, the classifier and the CRF, belongs to no layer.
#
# Write `my_student(state, layers)`. It returns the state dict of a student: `[1, 4, 11]` makes the teacher's layers 1, 4 and 11 (counted from 0) the student's layers 0, 1 and 2, and other lists make other students: the first layer named becomes layer 0. All else is kept. Every tensor is a copy, so that training the student leaves the teacher alone.
#
# Stuck? `solution("10", 4)` shows one way.

# %%
names = list(exercises.small_teacher().state_dict())
print(*names[:7], "...", *names[-6:], sep="\n")
my_student = ...

# %%
exercise(my_student, exercises.built_student)


# %% jupyter={"source_hidden": true} tags=["solution"]
def my_student(state, layers):
    student = {name: tensor.clone() for name, tensor in state.items() if ".layer." not in name}
    for new, old in enumerate(layers):
        for name, tensor in state.items():
            if f".layer.{old}." in name:
                student[name.replace(f".layer.{old}.", f".layer.{new}.")] = tensor.clone()
    return student


exercise(my_student, exercises.built_student)

# %% [markdown]
# From here on `distillation.student_of` does the same. A student of all layers has to be its teacher:

# %%
every = distillation.student_of(teacher, range(layers))
said = [emissions_of(torch_tagger(m, tokenizer), shown.text) for m in (teacher, every)]
check("a student of all layers gives its teacher's emissions, to the last bit", np.array_equal(*said))

# %% [markdown]
# ### Build it: how far apart are the layers?
#
# A student may learn from the inside of its teacher, too: from the **hidden states**, what comes out of each layer. Each layer of the student is compared with the layer of the teacher that it stands for. Write `my_distance(student, teacher, layers)`: the mean squared difference, over all layers and all numbers in them. `student` and `teacher` are lists of tensors: first what comes out of the embeddings, then the output of layer 0, and so on. `layers` says which layer of the teacher, from 0, goes with each layer of the student.
#
# Stuck? `solution("10", 5)` shows one way.

# %%
my_distance = ...

# %%
exercise(my_distance, exercises.matched_states)


# %% jupyter={"source_hidden": true} tags=["solution"]
def my_distance(student, teacher, layers):
    outputs = student[1:]  # the embeddings are the same, and no layer
    matched = [teacher[layer + 1] for layer in layers]
    apart = [(ours - theirs).square().mean() for ours, theirs in zip(outputs, matched, strict=True)]
    return sum(apart) / len(apart)


exercise(my_distance, exercises.matched_states)

# %% [markdown]
# `Distillation(hidden=1)` adds this distance to the loss. Below it is left out (`hidden=0`), for the student and for the cut model alike; change it and see whether it pays.
#
# ## Which layers, and how wide?
#
# Matching from the end is one choice. There are others, and there is a question before it: three whole layers do a quarter of the teacher's work, but so do six layers with half of their heads and neurons. Which parts stay there, the scores of notebook 03 say.
#
# The cut model below gets five tries on dev, so the student does as well:
#
# | try | layers |
# |---|---|
# | **first**, **last** | three whole ones from one end |
# | **ends**, **starts** | the last, or the first, of each third of the teacher |
# | **twice as many** | six thinner ones, the first of each sixth, with as many heads and neurons together as three whole layers have |

# %% tags=["nbval-ignore-output"]
batches = make_batches(labelled[: sizes.scored], tokenizer, teacher.labels)
winner, head_scores = pipeline.head_scores(run, teacher, batches)
neuron_scores = gradients.neuron_importance(teacher, batches)
print("heads are chosen by:", winner)


# %%
def starts(groups):
    """The first layer of each group, where the teacher is cut into so many."""
    return [0, *(end + 1 for end in distillation.matching_layers(groups, layers)[:-1])]


def thinner(chosen):
    """These layers of the teacher, with no more heads and neurons together than the student of whole layers."""
    whole, size = distillation.student_of(teacher, chosen), pruned_shape.size_of(shallow[depth])
    return recipes.prune_to(whole, head_scores[chosen], neuron_scores[chosen], size)


ends = distillation.matching_layers(depth, layers)
chosen_layers = {"first": range(depth), "last": range(layers - depth, layers), "ends": ends, "starts": starts(depth)}
tries = {name: distillation.student_of(teacher, chosen) for name, chosen in chosen_layers.items()}
tries["twice as many"] = thinner(starts(min(2 * depth, layers)))

# %%
length = len(article) + 2
costs = sweep.cost_sweep(twins, length)
student_work = costs[depth].multiply_adds
wide = twins[layers].config
twins.clear()  # memory for the trainings
share = student_work * layers / depth / costs[layers].multiply_adds
check("a student's work is its share of the layers, to 1 %", abs(share - 1) < 0.01)
works = sweep.cost_sweep(tries, length)
most, least = (extreme(cost.multiply_adds for cost in works.values()) for extreme in (max, min))
check("all five students do the same work, to 0.1 %", most / least < 1.001)

# %% [markdown]
# A student that nobody has trained yet gives hardly an answer to judge it by. So each trains for a few steps on the labels, and dev chooses then.
#
# **Predict:** which one does dev choose?

# %%
my_guess = ...


# %% tags=["nbval-ignore-output"]
def reached(recovered):
    """F1 on dev of the epoch that was kept."""
    return max(point.f1 for point in recovered.curve[1:])


schedule = training.Schedule(seed=seed, steps=budget)
short = replace(schedule, steps=sizes.try_steps)
learn = fine_tuning.fine_tune
tried = {name: recovery_race.run_recovery(learn, m, tokenizer, data, short) for name, m in tries.items()}
clear_output(wait=True)
best_try = max(tried, key=lambda name: reached(tried[name]))
guesses.reveal("the student that dev chooses", my_guess, best_try)
rows = [(name, f"{found.curve[0].f1:.1f}", f"{reached(found):.1f}") for name, found in tried.items()]
table(("student", "F1 on dev, untrained", f"after {sizes.try_steps} steps"), rows)

# %% tags=["nbval-ignore-output"]
whole_layers = max(chosen_layers, key=lambda name: reached(tried[name]))
compared = [tried[name].model for name in (whole_layers, "twice as many")]
answers = [evaluate(torch_tagger(m, tokenizer), data.dev, seed).predictions for m in compared]
gain = f1_difference(data.dev, *answers, seed)
print(f"twice as many minus {whole_layers}, on dev: {gain.value:+.1f} points, {gain.low:+.1f} to {gain.high:+.1f}")
check("at equal work, twice as many thinner layers are better than the best whole ones", verdict(gain, 0))

# %% [markdown]
# Which layers a student copies, and how many, is for dev to choose; the verdict above says how sure it is of the second. It speaks of students that have made a few steps; after as many as the contest has, the distance may be another. Carry the thought on: a student of *all* layers, each thinner still, is the cut model. So both contestants stand on one road, from a few whole layers to many thin ones.

# %%
student = tries[best_try]
student_layers = student.config.num_hidden_layers

# %% [markdown]
# ## Which cut model is as fast?
#
# Now the other contestant: the teacher with all its layers, but with heads and neurons taken out until it is as fast as the student. There are many such models; five are tried. `left_of_work` says how many heads and neurons a number of multiplications buys when a share of it, the *split*, goes to heads.
#
# **Predict:** spend it on heads, on neurons, or on both alike? Which split keeps most F1 before any training?

# %%
my_guess = ...

# %%
splits = (0.2, 0.3, 0.4, 0.6, 0.8)


def cut_to(work, split):
    """The teacher with so much left that its twin costs `work` multiplications, the weakest parts gone."""
    target = student_race.left_of_work(teacher, wide, work, split, length)
    return recipes.prune_to(teacher, head_scores, neuron_scores, target)


alike = {split: cut_to(student_work, split) for split in splits}
lefts = {split: pruned_shape.size_of(cut) for split, cut in alike.items()}
table(("for heads", "heads left", "neurons left"), [(f"{split:.0%}", *left) for split, left in lefts.items()])

# %%
works = [sweep.cost_sweep({split: article_twin(cut)}, length)[split] for split, cut in alike.items()]
off = max(abs(cost.multiply_adds / student_work - 1) for cost in works)
check("all these models do the student's work, to 0.1 %", off < 1e-3)

# %% tags=["nbval-ignore-output"]
untrained = {split: training.dev_f1(cut, tokenizer, data) for split, cut in alike.items()}
split = max(untrained, key=untrained.get)
guesses.reveal("share of the work for heads", my_guess, round(100 * split), "%")
table(("for heads", "F1 on dev, untrained"), [(f"{s:.0%}", f"{f1:.1f}") for s, f1 in untrained.items()])

# %% [markdown]
# Equal work, by arithmetic. **Predict:** is the cut model as fast as the student, faster or slower?

# %%
my_guess = ...


# %% tags=["nbval-ignore-output"]
def time_of(work):
    """How many times as long as the student's twin the twin of the model cut to `work` takes."""
    cut = article_twin(cut_to(work, split))
    ratios.append(student_race.times_as_long(cut, twin, tokenizer, article, sizes.match_rounds))
    return ratios[-1].value


twin, ratios = article_twin(student), []
whole = student_race.Probe(costs[layers].multiply_adds, 100 / percent["article"][depth])  # roughly, and far away
probes = student_race.match_time(time_of, whole, student_work, tries=sizes.tries)
guesses.reveal("time of the cut model at equal work", my_guess, ratios[0], "times the student's")
works_tried = [f"{probe.work / whole.work:.1%}" for probe in probes]
rows = [(w, f"{r.value:.2f} [{r.low:.2f}, {r.high:.2f}]") for w, r in zip(works_tried, ratios, strict=True)]
table(("work, of the teacher's", "time, of the student's"), rows)

# %% [markdown]
# Multiplications are not time. Every layer adds, normalises and copies, however little is left of its matrices, and narrow matrices keep a processor less busy. Where the ratio is above 1, and its whole interval with it, the cut model pays for its depth and has to give up more. The best of these tries is taken and measured once more, because who chooses the best of several noisy numbers also chooses luck.

# %% tags=["nbval-ignore-output"]
found = min(probes, key=lambda probe: abs(probe.ratio - 1))
pruned = cut_to(found.work, split)
pairs = {
    "mini": (pruned, student, sizes.final_rounds),
    "article": (article_twin(pruned), twin, sizes.final_twin_rounds),
}
again = {}
for scale, (cut, other, rounds) in pairs.items():
    again[scale] = student_race.times_as_long(cut, other, tokenizer, article, rounds)
    ratio, low, high = again[scale]
    print(f"{scale}: the cut model takes {ratio:.2f} [{low:.2f}, {high:.2f}] times as long as the student")

# %% tags=["nbval-ignore-output"]
shortest, longest = again["article"].low, again["article"].high
check("at the article's size the cut model takes at least 95 % of the student's time", verdict(again["article"], 0.95))
check("and at most 105 % of it", verdict(Estimate(-again["article"].value, -longest, -shortest), -1.05))

# %%
check("the cut model still has all its layers", pruned.config.num_hidden_layers == layers)

# %% [markdown]
# Who is equally fast at one size need not be at the other. Keep that in mind for the table at the end.

# %% [markdown]
# ## What do the copies bring?
#
# **Predict:** a student from copies and one from random numbers, both trained on the labels for equally many steps. How far apart do they end?

# %%
my_guess = ...

# %%
torch.manual_seed(seed)
fresh = RanerModel(student.config)
pairs = zip(fresh.parameters(), student.parameters(), strict=True)
in_common = [torch.equal(a, b) for a, b in pairs if a.dim() > 1]
check("the random one has the same shape and not a matrix in common", not any(in_common))

# %% tags=["nbval-ignore-output"]
starts_from = {"copied layers": student, "random weights": fresh}
by_labels = {name: recovery_race.run_recovery(learn, m, tokenizer, data, schedule) for name, m in starts_from.items()}
clear_output(wait=True)
levels = {"teacher": training.dev_f1(teacher, tokenizer, data)}
base.recovery_figure({name: r.curve for name, r in by_labels.items()}, levels)

# %% tags=["nbval-ignore-output"]
answers = [evaluate(torch_tagger(r.model, tokenizer), data.dev, seed).predictions for r in by_labels.values()]
worth = f1_difference(data.dev, *reversed(answers), seed)
guesses.reveal("copies minus random weights, F1 on dev", my_guess, round(worth.value, 1), "points")
print(f"95 % interval: {worth.low:+.1f} to {worth.high:+.1f}")
check("starting from copies is worth more than 20 points", verdict(worth, 20))

# %% [markdown]
# Before it is *trained* by the teacher, a student *starts* from the teacher: what its layers learned from far more text than ours comes along in the copies. It is not all there at step 0: none of them ever had to do the work of its neighbours as well. Look at where the curve begins, and how fast it rises. Remember this when a paper compares a distilled student with a model trained from nothing.
#
# ## Labels, a teacher, or a teacher and more text?
#
# Three recipes, the same number of steps each. A step is one batch, of whatever texts, and one change of the weights:
#
# | | reads | learns |
# |---|---|---|
# | **labels** | the labelled half | the annotated tags |
# | **soft targets** | the labelled half | half the labels, half the soft targets |
# | **soft targets, more text** | also the text without labels, and copies of the labelled half with other names | where there are no labels, the soft targets alone |
#
# Nobody needs to annotate the text: the teacher says what it thinks of it. So any file will do. Here it is the other half of *train*, written to a file as plain text. Put a file of your own in its place.

# %% tags=["sizes"]
file = run.artifacts / "unlabelled.txt"
write_atomically(file, "\n".join(sentence.text for sentence in unlabelled))
copies = augmentation.swapped_copies(labelled, augmentation.name_pool(labelled), copies=1, seed=seed)
texts = plain.read_texts(file) + [sentence.text for sentence in copies]
same_text = "".join(plain.read_texts(file)) == "".join(sentence.text for sentence in unlabelled)
check("the file holds the text of the other half, whole", same_text)
print(f"{len(texts)} texts, such as:", labelled[0].text, copies[0].text, sep="\n")

# %% [markdown]
# The last two lines are a labelled sentence and its copy with other names. The teacher reads the copy as it is, and may even disagree with what the annotation would be: nobody asks.
#
# **Predict:** which of the three recipes helps the student most?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
lesson = distillation.Distillation(teacher, hidden=0)
lessons = {"soft targets": lesson, "soft targets, more text": replace(lesson, texts=texts)}
methods = {"labels": learn}
methods |= {name: partial(distillation.distil, distillation=lesson) for name, lesson in lessons.items()}
students = {"labels": by_labels["copied layers"]}
for name in lessons:
    students[name] = recovery_race.run_recovery(methods[name], student, tokenizer, data, schedule)
clear_output(wait=True)
best_student = max(students, key=lambda name: reached(students[name]))
figures.contest_figure({name: r.curve for name, r in students.items()}, levels)

# %% tags=["nbval-ignore-output"]
on_dev = {name: evaluate(torch_tagger(r.model, tokenizer), data.dev, seed).predictions for name, r in students.items()}
others = [name for name in students if name != best_student]
leads = {name: f1_difference(data.dev, on_dev[name], on_dev[best_student], seed) for name in others}
guesses.reveal("the recipe that helps the student most", my_guess, ahead(best_student, leads))
print(f"dev chooses: {best_student}")
for name, lead in leads.items():
    print(f"against {name}: {lead.value:+.1f} points on dev, {lead.low:+.1f} to {lead.high:+.1f}")

# %% [markdown]
# Each curve begins with the student as it came, which may lie below the picture; each other point is the end of an epoch, or of the training. Dev has to choose one recipe, so it takes the first, even where the others cannot be told from it. The more there is to read, the later the first epoch ends, and the less often each sentence is seen in the same number of steps. New text has to be worth more than the old one once again.
#
# Steps are counted, time is measured. What did a step cost here, and what the whole training, with the teacher's reading before it and the scores on dev? The teacher reads each sentence once: what it said is kept, so *soft targets* pays for the labelled half, *more text* for the new text only, and the cut model below for nothing.

# %% tags=["nbval-ignore-output"]
rows = []
for name, found in students.items():
    end = found.curve[-1]
    rows.append((name, end.step, f"{end.epoch:.1f}", f"{end.seconds / end.step:.2f}", f"{found.seconds:.0f}"))
table(("recipe", "steps", "epochs", "seconds a step", "seconds in all"), rows)

# %%
made = {found.curve[-1].step for found in students.values()}
check("every student made the same number of steps", made == {budget})

# %% [markdown]
# ## The contest
#
# The cut model gets the same three recipes and the same number of steps, and the unpruned model is its teacher as well. Dev chooses one recipe for each side. Both sides had five tries for their shape and have three for their recipe. Then test is asked, once.
#
# **Predict:** who wins, and by how many points of F1?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
cuts = {name: recovery_race.run_recovery(method, pruned, tokenizer, data, schedule) for name, method in methods.items()}
clear_output(wait=True)
best_cut = max(cuts, key=lambda name: reached(cuts[name]))
curves = {f"student: {best_student}": students[best_student].curve}
curves |= {f"cut model: {name}": found.curve for name, found in cuts.items()}
figures.contest_figure(curves, levels)

# %%
check("training kept the student's layers", students[best_student].model.config.num_hidden_layers == student_layers)
check(
    "and the heads and neurons of the cut model",
    pruned_shape.size_of(cuts[best_cut].model) == pruned_shape.size_of(pruned),
)

# %% tags=["nbval-ignore-output"]
chosen = {"student": students[best_student].model, "pruned-equal": cuts[best_cut].model}


def saved(scale, stage, m):
    return save_raner(m, tokenizer, run.artifacts / scale / stage)


contest = {stage: load_raner(saved("mini", stage, m))[0] for stage, m in chosen.items()}
large = {stage: article_twin(m) for stage, m in contest.items()}
print(f"dev chose: {best_student} for the student, {best_cut} for the cut model")

# %%
ids, mask, _ = tokenizer.batch([sentence.text for sentence in data.test[:8]])
emissions = {stage: torch_tagger(m, tokenizer).backend(ids, mask) for stage, m in contest.items()}
moved = [np.abs(torch_tagger(m, tokenizer).backend(ids, mask) - emissions[stage]).max() for stage, m in large.items()]
check("both twins give the emissions of their models, to 1e-4", max(moved) < 1e-4)

# %% tags=["nbval-ignore-output"]
evaluations = {stage: evaluate(torch_tagger(m, tokenizer), data.test, seed) for stage, m in contest.items()}
mini = [
    Variant(stage, "torch-fp32", run.artifacts / "mini" / stage, m, evaluations[stage]) for stage, m in contest.items()
]
article_size = [Variant(stage, "torch-fp32", saved("article", stage, m), m) for stage, m in large.items()]
mini_rows = measure_variants(run, mini, "10", "mini")
article_rows = measure_variants(run, article_size, "10", "article", repeats=7)

# %% [markdown]
# The answer, from the ledger:

# %% tags=["nbval-ignore-output"]
rows, parameters = [], {}
for stage in contest:
    m, a = (run.ledger.row(stage, scale, "torch-fp32") for scale in ("mini", "article"))
    parameters[stage] = a["parameters"]
    left = (len(m["heads_per_layer"]), sum(m["heads_per_layer"]), sum(m["ffn_per_layer"]))
    size = (f"{a['parameters'] / 1e6:.1f}", f"{a['file_bytes'] / 1e6:.0f}")
    medians = (f"{a['latency_ms']['p50']:.0f}", f"{m['latency_ms']['p50']:.1f}")
    rows.append((stage, f"{m['f1']:.1f} [{m['f1_low']:.1f}, {m['f1_high']:.1f}]", *left, *size, *medians))
header = ("", "F1 [95 %]", "layers", "heads", "neurons", "M parameters", "MB", "ms, article", "ms, mini")
table(header, rows)

# %% tags=["nbval-ignore-output"]
answers = [found.predictions for found in evaluations.values()]
d = f1_difference(data.test, *answers, seed)
better = {Verdict.YES: "the cut model", Verdict.NO: "the student", Verdict.UNSURE: "nobody, surely"}[verdict(d, 0)]
guesses.reveal("cut model minus student, F1 on test", my_guess, round(d.value, 1), "points")
print(f"95 % interval: {d.low:+.1f} to {d.high:+.1f}; the better one is {better}")
f1 = resampled_f1(data.test, answers, seed)
base.bootstrap_figure({"cut model minus student": f1[1] - f1[0]}, "points of F1 on test", zero=True)

# %% tags=["nbval-ignore-output"]
check("at equal latency and after equally many steps, the cut model is at least as good", verdict(d, 0))
other_way = Estimate(-d.value, -d.high, -d.low)
check("at equal latency and after equally many steps, the student is at least as good", verdict(other_way, 0))
untouched = evaluate(torch_tagger(teacher, tokenizer), data.test, seed)
for stage, found in evaluations.items():
    to_teacher = f1_difference(data.test, untouched.predictions, found.predictions, seed)
    print("{} against the teacher: {:+.1f} points, {:+.1f} to {:+.1f}".format(stage, *to_teacher))

# %% tags=["nbval-ignore-output"]
results.results_figure(report.versions(mini_rows + article_rows))

# %% tags=["nbval-ignore-output"]
as_large = parameters["pruned-equal"] / parameters["student"]
check("equal latency is also equal size, to 5 %", abs(as_large - 1) < 0.05)

# %% [markdown]
# A ? twice in the verdict means that this test set cannot tell. Whatever it says, look at the counts as well: a few heads and neurons in every layer, or more of them in fewer layers. Equal time can be spent in very different places, and need not be equal size: the tick above answers that for these two models only.
#
# ## What this contest cannot say
#
# - **Neither started from nothing.** Both are parts of a pre-trained BERT that learned to tag. The student lacks the layers between those that it copied, whose outputs they used to read. The cut model has all its layers, each a poorer one. Which damage heals in few steps need not be the one that heals further.
# - **The teacher has seen the "unlabelled" half with its labels** when it was trained, and the labelled half as well. Its soft targets there are better than on text from the street.
# - **Steps are few.** Distillation is usually given millions of sentences; who lags behind after so few may catch up, a student as well as a recipe: look which curves still rise where they end. Change `budget` and see.
# - **Equal steps are not equal seconds.** The teacher's reading comes on top of the steps, and its cost is in the table. Who has to pay for time rather than for text asks another question.
# - **The corpus is small, and each training has one seed.** An interval that holds 0 is not a draw; and it knows of other sentences, but not of what other seeds would have trained.
# - **Five students are not all.** Only two depths were tried, and which student is best after a few steps need not be the one that is best after many. A longer search on dev finds better layers to copy, for more time and at the risk of fitting dev.
# - **One amount of work, one machine.** Change `depth` to 4. Layers wait for each other, heads and neurons do not: the more cores, the harder it gets for the deep and thin model.
# - **Only training was counted.** To find the cut, heads and neurons were scored, splits were tried on dev and times were measured. A student of whole layers needs none of that.
# - The two roads do not exclude each other: the thin student above was pruned.
#
# ## Your predictions

# %% tags=["nbval-ignore-output"]
guesses.review()

# %% [markdown]
# ## What you know now
#
# - A temperature shows a teacher's second thoughts. It changes no favourite, and $T^2$ keeps the loss at its strength.
# - Equal work is not equal time. Whoever compares shapes has to measure, and to say at which size.
# - A student that starts from its teacher's layers starts with what they learned, even where it cannot use it yet. Which layers, and how many thinner ones, is part of the experiment: a bad start makes a bad contest.
# - A contest is fair at the same latency, with the same number of steps, the same data, as many tries and the same judge; and its answer is a difference with an interval.
#
# **Next:** the road that won here can go on through [08 · The whole pipeline](08_the_whole_pipeline.ipynb), quantised and exported like any other model. [11 · Adaptive computation](11_adaptive_computation.ipynb) lets easy sentences have fewer layers than hard ones.
#
# **Papers:** [Hinton et al. 2015](https://arxiv.org/abs/1503.02531) on temperature and $T^2$, [Sanh et al. 2019](https://arxiv.org/abs/1910.01108) on starting from the teacher's layers, [Romero et al. 2015](https://arxiv.org/abs/1412.6550) and [Jiao et al. 2020](https://arxiv.org/abs/1909.10351) on hidden states.
