# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 01 · RaNER and its data
#
# | | |
# |---|---|
# | **You will be able to** | write a sentence as BIOES tags; say what a corpus asks of a model; find every parameter of RaNER; decode a sentence with a CRF by hand; read an F1 with its interval; name the errors behind it |
# | **You need** | [00 · Start here](00_start_here.ipynb) |
# | **Minutes** | shown below the set-up cell, from a measured run |

# %% tags=["parameters"]
run_dir = ""
model = ""
corpus = ""
seed = 1
quick = False

# %% tags=["nbval-ignore-output"]
from collections import Counter
from dataclasses import replace

import numpy as np

from utils.compress.pruning import cost
from utils.course import widgets
from utils.course.exercises import nb01 as exercises
from utils.course.figures import base
from utils.course.figures import nb01 as figures
from utils.course.sizes import sizes_of
from utils.course.solutions import solution
from utils.course.tables import table
from utils.course.teaching import check, exercise, predictions, show_minutes
from utils.measure import bootstrap, error_analysis, ledger, machine
from utils.measure.evaluation import evaluate
from utils.measure.run import open_run
from utils.measure.scores import entity_scores
from utils.measure.verdict import Estimate
from utils.model import anatomy, pruned_shape
from utils.model.torch_tagger import torch_tagger
from utils.tagger.tagger import emissions_of
from utils.tagger.viterbi import viterbi
from utils.text import tags

run = open_run(run_dir, model, corpus, seed, quick)
sizes = sizes_of("01", run)
guesses = predictions(run, "01")
show_minutes("01")

# %% [markdown]
# ## What is asked of the model?
#
# Text goes in; ranges of characters with a type come out. Here is a sentence of the test set, as it was annotated.

# %%
raner, tokenizer = run.model()
tagger = torch_tagger(raner, tokenizer)
data = run.corpus
example = next((s for s in data.test if s.trap == "org-contains-loc"), data.test[0])
widgets.show(example.text, example.entities)

# %% [markdown]
# A network does not output ranges. It gives **one tag to each character**: **B**egin, **I**nside, **E**nd of a name, **S**ingle-character name, **O**utside.
#
# **Predict:** with three types of entities, how many different tags does RaNER need?

# %%
my_guess = ...

# %%
guesses.reveal("tags that RaNER needs", my_guess, len(raner.labels), "tags")
print("  ".join(raner.labels))

# %%
table(("character", *example.text[:16]), [("tag", *tags.bioes_tags(example)[:16])])

# %% [markdown]
# ### Exercise 1: tag by hand
#
# In the next sentence 王 and 阿卜杜勒·拉赫曼 are persons, 北影 is a film studio. Write one tag for each character.
#
# Stuck? `solution("01", 1)` shows one way.

# %%
print(exercises.TO_TAG.text)
my_tags = [...]

# %%
exercise(my_tags, exercises.hand_tags)

# %% jupyter={"source_hidden": true} tags=["solution"]
foreign_name = ["B-PER", "I-PER", "I-PER", "I-PER", "I-PER", "I-PER", "I-PER", "E-PER"]
my_tags = ["S-PER", "O", "O", "O", "B-ORG", "E-ORG", "O", *foreign_name, "O"]
exercise(my_tags, exercises.hand_tags)

# %% [markdown]
# ## What is in the corpus?
#
# Three disjoint lists of sentences: the model learns from *train*, decisions are made on *dev*, and *test* is looked at only to report.

# %%
rows = [(name, len(split), sum(len(s.entities) for s in split)) for name, split in data._asdict().items()]
table(("split", "sentences", "entities"), rows)

# %% [markdown]
# The corpus was written for this course, one sentence at a time, and it is kept difficult on purpose. **Predict: of the entities in the test split, what percent have a text that the train split never shows?**

# %%
my_guess = ...

# %%
known = {entity.text for sentence in data.train for entity in sentence.entities}
test_entities = [entity for sentence in data.test for entity in sentence.entities]
unseen = {
    kind: 100 * np.mean([e.text not in known for e in test_entities if e.type == kind])
    for kind in sorted({e.type for e in test_entities})
}
never_shown = 100 * np.mean([e.text not in known for e in test_entities])
guesses.reveal("test entities that training never shows", my_guess, round(never_shown, 1), "%")

# %%
sentences = [sentence for split in data for sentence in split]
domains = {s.domain: Counter() for s in sentences}
for sentence in sentences:
    domains[sentence.domain].update(entity.type for entity in sentence.entities)
traps = Counter(s.trap for s in sentences if s.trap not in ("", "none"))
figures.corpus_figure(domains, [len(s.text) for s in sentences], traps, unseen)

# %% [markdown]
# - All three types occur in every **domain**: a model cannot win by reading only one kind of news.
# - A news sentence is short. The benchmark article, the text of 500 characters on which all times are measured, is about as long as a dozen of them. Notebook 02 shows what that means for time.
# - A **trap** is a sentence that a lookup table gets wrong, such as a person called 高峰 who drives home after the 早高峰.
# - The last panel is the reason for having a network at all: names that have to be recognised by what stands *around* them.

# %%
texts = [sentence.text for sentence in data.train]
check("no test sentence is a training sentence", not {s.text for s in data.test} & set(texts))
check("most test entities were never seen in training", np.mean([e.text not in known for e in test_entities]) > 0.5)

# %% [markdown]
# ## What is inside RaNER?
#
# **RaNER** is short for retrieval-augmented NER, and that is how it was *trained*: [X. Wang et al. (2021)](https://aclanthology.org/2021.acl-long.142/) ask a search engine for texts that go with a sentence, let the network read the sentence with and without them, and train both readings to come to similar answers. Its encoder is [StructBERT](https://arxiv.org/abs/1908.04577) (W. Wang et al. 2020): BERT's architecture, which in pre-training also had to put shuffled words and neighbouring sentences into order. What is published as `damo/nlp_raner_named-entity-recognition_chinese-base-news` is such an encoder with a linear layer and a CRF, trained on the news of MSRA; when it tags it retrieves nothing, and that network is what this course makes smaller.
#
# Characters become vectors (embeddings), pass through layers of *attention* (heads) and *feed-forward* networks, and a linear layer turns each vector into one score for each tag, the **emissions**. A CRF, a *conditional random field*, chooses the tags.

# %%
config = raner.config
heads = config.num_hidden_layers * config.num_attention_heads
print(f"{config.num_hidden_layers} layers x {config.num_attention_heads} heads = {heads} heads")
print(f"{config.hidden_size} features, {config.intermediate_size} neurons a layer, {len(tokenizer)} characters")

# %%
counted = anatomy.parameters_by_part(raner)
table(("part", "parameters"), [(part, f"{count:,}") for part, count in counted.items()])

# %% [markdown]
# Two ways to know a number are better than one. The table above *counts* what is in memory. `cost_by_part` in `utils/compress/pruning/cost.py` *computes* it from five sizes in the config. Notebook 04 will predict with it what pruning saves.

# %%
computed = cost.cost_by_part(config, pruned_shape.pruning_map(config), length=502)
check("counted = computed, part by part", counted == {name: part.parameters for name, part in computed.items()})

# %%
published = anatomy.published_config()
of_published = cost.cost_by_part(published, pruned_shape.pruning_map(published), length=502)
base.shares_figure(
    {
        "RaNER as published": {name: part.parameters / 1e6 for name, part in of_published.items()},
        "the model of this run": {name: count / 1e6 for name, count in counted.items()},
    },
    "M",
)

# %% [markdown]
# Half of the width, nearly the same proportions: what is learnt about the small model's heads is asked of the same grid of 12 × 12.

# %% [markdown]
# ### Exercise 2: one head
#
# How many parameters go when **one** head of the published RaNER is removed? It has 768 features and 12 heads a layer. A head owns a part of four linear layers: query, key and value, which read the features, and the output layer, which mixes what all heads of the layer found. Each of the four has a bias as well; whose is it?
#
# Stuck? `solution("01", 2)` shows one way.

# %%
parameters_of_one_head = ...

# %%
exercise(parameters_of_one_head, exercises.head_parameters())

# %% jupyter={"source_hidden": true} tags=["solution"]
features, head_size = 768, 768 // 12
into_the_head = 3 * (features * head_size + head_size)  # query, key and value, each with a bias
out_of_the_head = head_size * features  # its columns in the output matrix; the bias stays
parameters_of_one_head = into_the_head + out_of_the_head
exercise(parameters_of_one_head, exercises.head_parameters())

# %% [markdown]
# ## What does the CRF do?
#
# If each character simply took its best tag, a name could begin and never end. **Predict: in how many of the test sentences would that happen to this model, if nobody stopped it?**

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
sample = data.test[:: sizes.every]
emissions = [emissions_of(tagger, sentence.text) for sentence in sample]
alone = [rows.argmax(1) for rows in emissions]
together = [viterbi(rows[None], [len(rows)], *tagger.crf)[0] for rows in emissions]
broken_alone = sum(tags.illegal_moves(raner.labels, path) > 0 for path in alone)
broken_together = sum(tags.illegal_moves(raner.labels, path) > 0 for path in together)
guesses.reveal("broken sentences without the CRF", my_guess, broken_alone, f"of {len(sample)} sentences")
print(f"with the CRF: {broken_together}")

# %% [markdown]
# The CRF adds a score for every **move** from one tag to the next, learnt together with the network, and takes the *path* with the highest sum (Viterbi). Nobody told it the rules of BIOES. Which cells of the next picture should then be dark purple, which is a low score? Think before you look.

# %% tags=["nbval-ignore-output"]
_, transitions, _ = tagger.crf
legal = tags.legal_moves(raner.labels)
figures.transition_heatmap(raner.labels, transitions, legal)

# %% tags=["nbval-ignore-output"]
print(f"mean score of an allowed move: {transitions[legal].mean():+.2f}")
print(f"mean score of a forbidden one: {transitions[~legal].mean():+.2f}")

# %%
check("BIOES forbids most moves between the tags", (~legal).sum() > legal.sum())
check("the CRF scores forbidden moves lower than allowed ones", transitions[~legal].mean() < transitions[legal].mean())
check("with the CRF fewer sentences have a forbidden move than without", broken_together < broken_alone)

# %% [markdown]
# ### Exercise 3: be Viterbi
#
# Three characters, three tags. The first table holds the emissions, the second the moves: *from* the row *to* the column. Which path has the highest sum? Answer with three letters, such as `"OOO"`.
#
# Stuck? `solution("01", 3)` shows one way.

# %%
table(("", *exercises.TAGS), [(f"character {i + 1}", *row) for i, row in enumerate(exercises.EMISSIONS)])

# %%
table(("from \\ to", *exercises.TAGS), [(tag, *row) for tag, row in zip(exercises.TAGS, exercises.MOVES, strict=True)])

# %%
my_path = ...

# %%
exercise(my_path, exercises.best_path)

# %% jupyter={"source_hidden": true} tags=["solution"]
my_path = (
    "BEO"  # 0.8 + 2.0 + 2.0; "OEO" has better emissions but pays 9 for O -> E; "OBE" is what a greedy reader takes
)
exercise(my_path, exercises.best_path)

# %% [markdown]
# ## How good is it?
#
# An entity counts only if start, end **and** type are right. Precision: how much of what it found is right. Recall: how much of what is there it found. **F1** is their harmonic mean, here in points from 0 to 100.
#
# **Predict the F1 on our test split. Then predict which type is hardest, and which trap.**

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
baseline = evaluate(tagger, sample, seed)
scores = baseline.scores
f1 = Estimate(scores.f1, baseline.f1_low, baseline.f1_high)
guesses.reveal("F1 on the test split", my_guess, f1, "points")
print(f"precision {scores.precision:.1f}, recall {scores.recall:.1f}, {scores.support} entities")

# %% [markdown]
# In brackets stands the 95 % **interval**. It says: of 100 test sets like this one, about 95 would give an interval that holds the score on endlessly many such sentences. Notebook 02 builds it by hand. The smaller the group, the wider it gets.


# %%
def f1_and_interval(sentences, predictions):
    return entity_scores(sentences, predictions).f1, *bootstrap.f1_interval(sentences, predictions, seed)


def f1_of_type(kind):
    annotated = [replace(s, entities=tuple(e for e in s.entities if e.type == kind)) for s in sample]
    return f1_and_interval(annotated, [[e for e in found if e.type == kind] for found in baseline.predictions])


def f1_of_trap(trap):
    chosen = [i for i, s in enumerate(sample) if (s.trap or "none") == trap]
    return f1_and_interval([sample[i] for i in chosen], [baseline.predictions[i] for i in chosen])


# %% tags=["nbval-ignore-output"]
kinds = sorted({e.type for s in sample for e in s.entities})
with_entities = dict.fromkeys(s.trap or "none" for s in sample if s.entities)
base.f1_figure({
    "by type": {kind: f1_of_type(kind) for kind in kinds},
    "by trap": {trap: f1_of_trap(trap) for trap in with_entities},
})  # fmt: skip

# %% [markdown]
# Which of two groups is harder, the picture does not say: there are only some dozens of sentences in each trap, and nothing here compares two of them. It does say where to look.
#
# **Why is dev easier than test?** Notebooks that choose something score the model on *dev*, and find several points more than here. Has test more traps, or more names that training never showed?


# %% tags=["nbval-ignore-output"]
def percent(answers):
    return 100 * sum(answers) / max(1, len(answers))


rows, shares = [], {}
for split, sentences in {"dev": data.dev[:: sizes.every], "test": sample}.items():
    result = baseline if split == "test" else evaluate(tagger, sentences, seed)
    spans = [{entity.span for entity in found} for found in result.predictions]
    names = [(e.text in known, e.span in found) for s, found in zip(sentences, spans, strict=True) for e in s.entities]
    old, new = ([right for seen, right in names if seen == kind] for kind in (True, False))
    trapped = percent([s.trap not in ("", "none") for s in sentences])
    shares[split] = (percent([not seen for seen, _ in names]), percent(old), percent(new))
    f1 = f"{result.scores.f1:.1f} [{result.f1_low:.1f}, {result.f1_high:.1f}]"
    rows.append((split, f1, *(f"{share:.0f} %" for share in (trapped, *shares[split]))))
table(("", "F1", "sentences with a trap", "names that are new", "old names found", "new names found"), rows)

# %% [markdown]
# Test has no larger share of traps than dev, but a larger share of new names. Is that why? Compare the last two columns: where dev is better at old names *and* at new ones, another mix of the two cannot be the whole cause. What would dev find with test's share of new names? Work it out before you run the next cell.

# %% tags=["nbval-ignore-output"]
new, old_found, new_found = shares["dev"]
new_in_test, old_found_in_test, new_found_in_test = shares["test"]


def mixed(new, old_found, new_found):
    """Percent of all names found, if so many percent of them are new."""
    return ((100 - new) * old_found + new * new_found) / 100


print(f"dev: {mixed(new, old_found, new_found):.0f} % of the names found")
print(f"dev with test's share of new names: {mixed(new_in_test, old_found, new_found):.0f} %")
print(f"test: {mixed(new_in_test, old_found_in_test, new_found_in_test):.0f} %")

# %% [markdown]
# Where the second number is close to the first, and far from the third, the mix explains next to nothing. What remains is in the sentences themselves: names and turns of phrase may be less like what the model knows. And dev was looked at while the model was made. How much of the distance is which, this table does not say. So dev may choose; only test reports.
#
# Sentences without any entity have no F1: nothing can be found there, only invented.

# %% tags=["nbval-ignore-output"]
empty = [found for sentence, found in zip(sample, baseline.predictions, strict=True) if not sentence.entities]
print(f"{sum(map(len, empty))} entities invented in {len(empty)} sentences that have none")

# %% [markdown]
# ### The first row of the ledger
#
# Every version of the model gets one row. What has not been measured yet stays empty: there is no time in this row, and none is claimed. Columns whose names say nothing yet get their meaning later: *scale* in 02, *backend* in 06 and 07, *reading* in 07b.

# %% tags=["nbval-ignore-output"]
measured = ledger.Measured(model=raner, evaluation=baseline, machine=machine.machine())
row = ledger.make_row("original", "01", "mini", "torch-fp32", measured)
run.ledger.append(row)
table(("column", "value"), [(key, row[key]) for key in list(row)[:-1]])

# %%
check("the row counts the same parameters as we did", row["parameters"] == sum(counted.values()))
check("what nobody measured is empty, not zero", row["latency_ms"] is None and row["rss_mb"] is None)

# %% [markdown]
# ## What is wrong, when it is wrong?
#
# F1 is one number; errors come in kinds. **Predict the most frequent one:** *missed* (nothing found where a name is), *spurious* (a name invented), *wrong boundary*, or *wrong type*?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
errors = error_analysis.error_table(sample, baseline.predictions)
kinds_of_error = Counter(error.kind for error in errors)
most = max(kinds_of_error, key=kinds_of_error.get, default="none")
guesses.reveal("most frequent kind of error", my_guess, most)
table(("kind", "errors"), kinds_of_error.most_common())

# %% tags=["nbval-ignore-output"]
table(
    ("kind", "trap", "annotated", "tagged", "in"),
    [
        (e.kind, e.trap, f"{e.gold_text} {e.gold_type}", f"{e.predicted_text[:20]} {e.predicted_type}",
         sample[e.sentence].text[:24] + "…")
        for e in errors[:: max(1, len(errors) // 10)]
    ],
)  # fmt: skip

# %% [markdown]
# About ten errors, spread over the test set. For a *wrong boundary* compare the two texts: does the model take too much or too little? Now browse all of them. Choose a kind or a trap and step through the sentences.

# %% tags=["nbval-ignore-output"]
widgets.error_browser(sample, baseline.predictions)

# %% [markdown]
# ## Your predictions

# %% tags=["nbval-ignore-output"]
guesses.review()

# %% [markdown]
# ## What you know now
#
# - RaNER gives one of thirteen tags to each character; the CRF scores the moves between tags, so that fewer names begin and never end. It forbids nothing: a few may still do so.
# - The test split asks for names that training never showed. What fools a lookup table need not fool the model: see above which traps do.
# - Heads hold a little more than a quarter of the parameters, feed-forward networks hold twice as many.
# - The baseline stands in the ledger, with its interval and with empty columns for what has not been measured.
#
# **Next:** [02 · Measuring fairly](02_measuring_fairly.ipynb) fills the empty columns, and finds out how far a number can be trusted.
