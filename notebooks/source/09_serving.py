# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 09 · Serving
#
# A model that is small and fast is still only a file. The article ends with a web page that highlights names while one types, an API, and fifty people on one machine. Here the tagger becomes that service, step by step, and every promise is put under load.
#
# | | |
# |---|---|
# | **You will be able to** | turn a tagger into a service that answers many people at once; compute only what an edit has changed, and prove that the answer is the same; say what a confidence means; measure waits under load, and choose between threads and processes; refuse work politely |
# | **You need** | notebooks 01 and 02; the four versions come from notebook 08, or are built here; two CPU cores and 4 GB of free memory |
# | **Minutes** | shown below the set-up cell, from a measured run |

# %% tags=["parameters"]
run_dir = ""
model = ""
corpus = ""
seed = 1
quick = False

# %% tags=["nbval-ignore-output"]
import asyncio
import json
import time
from contextlib import suppress
from itertools import islice

import httpx
from IPython.display import display
from scipy.stats import binomtest
from websockets.asyncio.client import connect

from utils.course import widgets
from utils.course.exercises import nb09 as exercises
from utils.course.figures import nb09 as figures
from utils.course.sizes import sizes_of
from utils.course.solutions import solution
from utils.course.tables import table
from utils.course.teaching import attempted, check, exercise, predictions, show_minutes
from utils.engines import onnx_session
from utils.measure import calibration
from utils.measure.evaluation import evaluate
from utils.measure.run import open_run
from utils.measure.verdict import Estimate, median_estimate, verdict
from utils.serving import trials
from utils.serving.load import apart, edits, typists
from utils.serving.server import running_server
from utils.serving.service import Service
from utils.serving.widget import TaggerBox
from utils.studies import pipeline
from utils.tagger import marginals
from utils.tagger.tagger import emissions_of
from utils.tagger.viterbi import viterbi

run = open_run(run_dir, model, corpus, seed, quick)
guesses = predictions(run, "09")
sizes = sizes_of("09", run)
show_minutes("09")

# %% [markdown]
# The article compares four versions of its model. They were made in [08 · The whole pipeline](08_the_whole_pipeline.ipynb); if you have not run it, they are made now. We take the one in ONNX Runtime and eight bits, the quickest in the article's table, and come back to the others.

# %% tags=["nbval-ignore-output"]
versions = pipeline.article_versions(run)
onnx = versions["ONNX Runtime, quantised"]

# %%
print("; ".join(versions))
tagger = onnx_session.load_onnx_tagger(onnx, threads=1)
article = run.article.text
text = "青河大学校长陈默昨日在北京说，新校区明年启用。"

# %% [markdown]
# ## Step 1: a tagger, and how sure it is
#
# The tagger is a function: a text goes in, entities come out. Each has a **confidence**. Hold the mouse over a name to see it.

# %% tags=["nbval-ignore-output"]
widgets.show(text, tagger.predict([text])[0])

# %% [markdown]
# Whose probability is it? The CRF gives every sequence of tags a score, and so a probability. An entity's confidence is the probability of **all sequences that have this entity**, whatever they say elsewhere: its *marginal* ([Culotta and McCallum 2004](https://aclanthology.org/N04-4028/)). For a text of three characters one can simply write all of them down.

# %%
short = "陈默说"
emissions = emissions_of(tagger, short)
(best,) = viterbi(emissions[None], [len(short)], *tagger.crf)
by_hand = marginals.by_brute_force(emissions, tagger.crf, best[:2], at=0)
print(f"{len(tagger.labels)} tags, {len(tagger.labels) ** len(short):,} sequences")
found = tagger.predict([short])[0]
check("陈默 is a person", [(entity.text, entity.type) for entity in found] == [("陈默", "PER")])
agrees = any(abs(entity.confidence - by_hand) < 1e-6 for entity in found)
check("its confidence is the share of all sequences that say so, to 1e-6", agrees)

# %% [markdown]
# Nobody can write down the sequences of a whole sentence. The forward-backward algorithm sums them in one walk to the right and one to the left; `utils/tagger/marginals.py` has it in a few lines.
#
# ### Exercise 1: how sure?
#
# A small CRF thinks these four sequences possible. What is its confidence in a person on the first two characters, `B-PER E-PER`?
#
# Stuck? `solution("09", 1)` shows one way.

# %%
for path, probability in exercises.PATHS.items():
    print(f"{probability:.2f}  {path}")
my_confidence = ...

# %%
exercise(my_confidence, exercises.confidence())

# %% jupyter={"source_hidden": true} tags=["solution"]
my_confidence = sum(p for path, p in exercises.PATHS.items() if path.startswith("B-PER E-PER"))
exercise(my_confidence, exercises.confidence())

# %% [markdown]
# A probability should keep its word: of all entities that are 90 % sure, 90 % should be right. Its **overconfidence** is the mean confidence of all entities minus the share of them that is right, in percentage points: above 0 too much is promised. **Predict:** on the test set, is mini too sure of itself, too modest, or honest?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
test = run.test
answered = evaluate(tagger, test, seed).predictions
bands = calibration.reliability(test, answered, edges=[0, 0.5, 0.7, 0.8, 0.9, 0.95, 1])
gap = calibration.overconfidence(test, answered, seed)
guesses.reveal("too sure of itself?", my_guess, Estimate(*(100 * end for end in gap)), "points of overconfidence")
figures.reliability_figure(bands)

# %% [markdown]
# Below the dashed line the model promises more than it keeps. (The small numbers say how many names a point stands for, and so which points to trust.) The page shows the number on hover and focus, and nothing more: whether a name is highlighted is decided by the best sequence, not by a threshold. Whoever wants one should choose it on *dev*, with a picture like this. (Networks are often too sure, and a single number learnt on dev helps: [Guo et al. 2017](https://arxiv.org/abs/1706.04599).)
#
# ## Step 2: only what changed
#
# Someone edits one character of a long text. Must all of it be read again? The service cuts a text at sentence ends and **remembers sentences**: the key is the model and the sentence. An edit costs the sentence it touches.
#
# **Predict:** the benchmark article is edited character by character. How many times as fast is the incremental analysis?

# %%
my_guess = ...

# %%
states = [article, *islice(edits(article, seed), sizes.edits)]
edited = trials.edited(tagger, states)
then = [edit.computed for edit in edited[1:]]
print(f"{len(article)} characters; first look: {edited[0].computed} sentences; then:", then[:10])
check("after the first look, an edit costs one sentence, or two where it makes an end", max(then) <= 2)
check("the incremental answer is the full answer, confidences included", all(e.same for e in edited))

# %% tags=["nbval-ignore-output"]
faster = median_estimate([full / part for full, part, *_ in edited[1:]])
guesses.reveal("incremental analysis", my_guess, faster, "times as fast")
check("an edit is at least 5 times as fast as the whole text", verdict(faster, 5))
figures.edits_figure(edited)

# %% [markdown]
# Why may one do this at all? Because the service reads **every sentence by itself**, at any time: then the answer for a text *is* the answers for its sentences, and no neighbour can change them. What is given up is context across sentences; notebook 07b measures that this model is even better off without it.
#
# A second condition is easily overlooked. Dynamic INT8 takes one scale for a whole batch (notebook 06). Were two sentences computed as one batch, an answer would depend on the stranger beside it. So each goes through the model alone.
#
# ## Step 3: a service
#
# Many people ask at once, and the model is busy. A `Service` puts a **bounded queue** in front of worker threads:
#
# - Workers take one sentence of each waiting request in turn. A long text does not hold up the short ones.
# - A full queue refuses at once. A request that is too old is given up. A client that has gone, or has typed on, is not computed any further.
# - The event loop, which talks to all the clients, never computes.
#
# **Predict:** the service is asked for the article twice, then with one full stop put into the middle of a sentence. How many sentences does it compute each time?

# %%
my_guess = ...


# %%
async def three_questions():
    service = Service(lambda: tagger, "mini-raner")
    await service.start()
    split = article[:20] + "。" + article[20:]
    answers = [(await service.analyse([asked], "notebook"))[0] for asked in (article, article, split)]
    await service.drain()
    return answers


first, again, split = apart(three_questions())
sentences = f"{first.computed}, {again.computed} and {split.computed} of {split.sentences}"
guesses.reveal("sentences computed", my_guess, sentences)
check("what was asked before is not computed again", again.computed == 0 and again.entities == first.entities)
check("a new sentence end makes two new sentences", split.computed == 2)

# %% [markdown]
# ### Build it: a micro-batcher
#
# Behind such a queue stands the core of every server of models. Many engines like batches: one call with eight texts costs less than eight calls. So a server gathers what arrives within a short pause, calls the model once, and gives each answer to the one who asked. This is called *micro-batching*, or dynamic batching ([Crankshaw et al. 2017](https://arxiv.org/abs/1612.03079)).
#
# Write one round of it, `my_batch`; the server repeats it for ever. It is an `async` function: wherever it says `await`, it waits, and lets others run meanwhile. A *future* is a box for one answer that is still to come.
#
# - `await waiting.get()` gives the next request, a pair of a text and a future, on which its sender waits.
# - The batch ends when it holds `most` requests, or `pause` seconds after its first one came (`async with asyncio.timeout(pause):` ends by raising `TimeoutError`, which is no error here but the end of the pause; catch it outside of the block).
# - `await asyncio.to_thread(model, texts)` gives a list of answers, and the event loop goes on meanwhile.
# - `exercises.finish(future, answer)` gives a sender an answer, and does nothing where `future.done()`: a sender who has gone cancels its future. If the model fails, give everyone of the batch the error instead.
#
# Stuck? `solution("09", 2)` shows one way.

# %%
my_batch = ...  # in place of the dots, your function:
# async def my_batch(waiting, model, most, pause):
#     batch = [await waiting.get()]
#     ...

# %%
exercise(my_batch, exercises.micro_batcher)


# %% jupyter={"source_hidden": true} tags=["solution"]
async def my_batch(waiting, model, most, pause):
    batch = [await waiting.get()]
    with suppress(TimeoutError):
        async with asyncio.timeout(pause):
            while len(batch) < most:
                batch.append(await waiting.get())
    try:
        answers = await asyncio.to_thread(model, [text for text, _ in batch])
    except Exception as error:
        answers = [error] * len(batch)
    for (_, future), answer in zip(batch, answers, strict=True):
        exercises.finish(future, answer)


exercise(my_batch, exercises.micro_batcher)

# %% [markdown]
# Now a model that takes equally long for any number of texts, and thirty requests that come ten times as fast as it answers. Three servers: yours without batches, yours with them, and the course's `Batcher` (`utils/serving/batching.py`).
#
# **Predict:** how many calls does each of them make?

# %%
my_guess = ...


# %% tags=["nbval-ignore-output"]
def slow_model(texts):
    """20 ms for any number of texts, and no entity in any of them."""
    time.sleep(0.02)
    return [[] for _ in texts]


if attempted(my_batch):
    compared = {
        "yours, one at a time": apart(trials.repeated(my_batch, slow_model, most=1, pause=0.01)),
        "yours, up to 8 within 10 ms": apart(trials.repeated(my_batch, slow_model, most=8, pause=0.01)),
        "the course's Batcher": apart(trials.by_batcher(slow_model)),
    }
    rows = [(name, found.calls, f"{found.longest:.0f}") for name, found in compared.items()]
    guesses.reveal("calls for thirty requests", my_guess, ", ".join(f"{name}: {calls}" for name, calls, _ in rows))
    display(table(("server", "calls of the model", "longest wait (ms)"), rows))

# %% [markdown]
# The course's `Batcher` has no pause at all. While the model is busy, requests gather by themselves, and the next round takes them: a lone request is never held up. (Engines for language models go further and let texts join and leave while a batch is computed, [Yu et al. 2022](https://www.usenix.org/conference/osdi22/presentation/yu).) It does three things more. A round takes one sentence of each request in turn. If the model fails, it asks again for each sentence alone, so that one bad text harms no other. And our service does *not* put a round into one tensor, for the reason above: in dynamic INT8 a neighbour would change the answer.
#
# ## Step 4: an address
#
# `python -m utils.serving` puts the service behind HTTP; `make serve` is the same. Here it is started on a free port of this machine, asked, and stopped, all in one cell.

# %%
with running_server("--model", str(onnx)) as address:
    answer = httpx.post(f"{address}/v1/entities", json={"text": text})
    alive = [httpx.get(f"{address}/{page}").status_code for page in ("healthz", "readyz", "metrics", "")]
(result,) = answer.json()["results"]
offline = [(e.start, e.end, e.type, e.confidence) for e in tagger.predict([text])[0]]
served = [(e["start"], e["end"], e["type"], e["confidence"]) for e in result["entities"]]
print(
    answer.status_code, [(e["type"], e["text"]) for e in result["entities"]], "offsets:", answer.json()["offset_unit"]
)
check("what is served is what the tagger says, to the last digit", served == offline)
check("health, readiness, metrics and the page answer as well", alive == [200] * 4)

# %% [markdown]
# ### Exercise 2: who counts how?
#
# The service says where a name is in **code points**, as Python counts. JavaScript counts UTF-16 units, in which some characters take two. Where does the page find 北京 in this text, as `[start, end]`?
#
# Stuck? `solution("09", 3)` shows one way.

# %%
print(exercises.EMOJI_TEXT, "北京 at", exercises.CODE_POINTS, "in code points")
my_offsets = [..., ...]

# %%
exercise(my_offsets, exercises.javascript_offsets)

# %% jupyter={"source_hidden": true} tags=["solution"]
my_offsets = [len(exercises.EMOJI_TEXT[:offset].encode("utf-16-le")) // 2 for offset in exercises.CODE_POINTS]
exercise(my_offsets, exercises.javascript_offsets)

# %% [markdown]
# This is the most common complaint about highlighting tools: behind the first emoji every mark is off by one. Say the unit in the answer, and convert in one place.
#
# ## Step 5: a line that stays open
#
# A typist asks every few hundred milliseconds. A **WebSocket** stays open, and each message carries a **sequence number**. A long text is sent, and at once a newer one: the older one is not wanted any more.


# %%
async def typed_on(address, texts):
    """Sends all texts without waiting, then hears the answers."""
    async with connect(f"{address.replace('http', 'ws', 1)}/ws") as socket:
        for seq, typed in enumerate(texts, 1):
            await socket.send(json.dumps({"seq": seq, "text": typed}))
        return [json.loads(await socket.recv()) for _ in texts]


long = "".join(sentence.text for sentence in run.corpus.test)[:4900]
with running_server("--model", str(onnx)) as address:
    answers = apart(typed_on(address, [long, text]))
for answer in answers:
    print(answer["seq"], answer["type"], answer.get("code") or [e["text"] for e in answer["entities"]])
codes = [answer.get("code") for answer in answers]
check("the older text is superseded, the newer one is answered", codes == ["superseded", None])

# %% [markdown]
# The page does its part, too. While pinyin is being composed nothing is sent: 北京 is not "beijing". After the last key it waits for a pause of 300 ms, has one question on its way at a time, and drops an answer that comes too late.
#
# ## In the notebook itself
#
# The page's box is one JavaScript module, and JupyterLab can show it as well: its messages then go to the tagger in this kernel, and no port is opened. Type, paste, put an emoji in front; hover over a name, or reach it with the tab key.

# %%
TaggerBox(tagger, "mini-raner", text)

# %% [markdown]
# ## Saying no
#
# A service that takes everything on takes everybody down. Each refusal has a status, a code and a sentence, and harms nobody else.

# %%
kind = {"content-type": "application/json"}
questions = {
    "a text": {"json": {"text": text}},
    "a text that is too long": {"json": {"text": "长" * 5001}},
    "no JSON": {"content": "陈默", "headers": kind},
    "half an emoji": {"content": '{"text": "\\ud83d"}', "headers": kind},
    "a page of another site": {"json": {"text": text}, "headers": {"origin": "https://elsewhere.example"}},
}
with running_server("--model", str(onnx)) as address:
    said = {name: httpx.post(f"{address}/v1/entities", **asked) for name, asked in questions.items()}
for name, answer in said.items():
    print(f"{name:>23}: {answer.status_code} {answer.json().get('code', '')}")

# %% [markdown]
# Now too many at once. The server below may let four requests wait and has one thread; sixty different texts arrive at the same moment.
#
# **Predict:** what happens to those that find no room?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
rushed = list(islice(edits(article, seed), 60))
with trials.served(onnx, article[:20], "--queue", "4", "--threads", "1") as address:
    answers = apart(trials.rush(address, rushed))
    later = httpx.post(f"{address}/v1/entities", json={"text": text}).status_code
refused = [answer for answer in answers if answer.status_code == 503]
said = f"{refused[0].json()}, Retry-After: {refused[0].headers['retry-after']}"
guesses.reveal("what happens to too many", my_guess, f"{len(refused)} of {len(answers)} are refused: {said}")

# %%
check("every answer is 200 or 503", {answer.status_code for answer in answers} == {200, 503})
check("every 503 says when to come back", all(int(answer.headers["retry-after"]) >= 1 for answer in refused))
check("afterwards the service answers as before", later == 200)

# %% [markdown]
# Refusing at once is kinder than it looks. Without a bound the queue, and with it everybody's wait, grows as long as more comes in than is computed, until people have gone by the time they are answered. And nothing that was computed is lost: sentences are remembered as soon as they are done, even if nobody waits for that text any more. Otherwise typists who are late would type over one answer after the other, and a busy service would get nothing done at all.
#
# ## How many typists?
#
# Each typist changes one character of the article a second, at moments of their own, whether the last answer has come or not. A wait counts from the moment the edit was due, so a server that stalls cannot hide it ([Schroeder et al. 2006](https://www.usenix.org/conference/nsdi-06/open-versus-closed-cautionary-tale): open against closed loops). The clients run in this notebook and take their part of the same cores: what we measure is a lower bound.
#
# ### Exercise 3: with a pencil first
#
# How many typists keep all threads busy without a pause, with the numbers below? (They are invented: these typists take their time.)
#
# Stuck? `solution("09", 4)` shows one way.

# %%
print(f"{exercises.SENTENCE_MS:g} ms a sentence on one thread, {exercises.THREADS} threads")
print(f"each typist changes one sentence every {exercises.PAUSE:g} s")
most_typists = ...

# %%
exercise(most_typists, exercises.most_typists())

# %% jupyter={"source_hidden": true} tags=["solution"]
most_typists = exercises.THREADS * 1000 / exercises.SENTENCE_MS * exercises.PAUSE
exercise(most_typists, exercises.most_typists())

# %% [markdown]
# Long before that the waits grow: edits do not come in an orderly row.
#
# A single stall of the machine, a fraction of a second, can hold up every tenth edit of a short run, and then it alone decides what the slowest 5 % are. So the run is cut into five parts, each part has its own 95 %, and the median of the five counts. The least and the most of them are its interval. A part needs more than twenty edits for that: with fewer, its 95 % would be nothing but its slowest answer.
#
# **Predict:** for which of the four versions are 95 % of all edits answered within 300 ms, with 60 typists?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
curves = {name: trials.waits(path, sizes.typists, sizes.seconds, article) for name, path in versions.items()}
most = max(sizes.typists)
in_time = {
    name: verdict(median_estimate([-ms for ms in curve[most].parts(95)]), -300) for name, curve in curves.items()
}
guesses.reveal(
    f"in time with {most} typists", my_guess, "; ".join(f"{name}: {found}" for name, found in in_time.items())
)
figures.load_figure(curves, limit=300)


# %% tags=["nbval-ignore-output"]
def row_of(name, count):
    """One line of the table: answers, waits with their interval, and what got no answer."""
    load = curves[name][count]
    typical = median_estimate(load.parts(95))
    slowest = f"{typical.value:.0f} ({typical.low:.0f} to {typical.high:.0f})"
    lost = load.superseded, load.shed, load.failed + load.lost
    return name, count, len(load.milliseconds), f"{load.within(50):.0f}", slowest, *lost


header = ("version", "typists", "answers", "half in ms", "95 % in ms", "typed over", "shed", "failed or lost")
table(header, [row_of(name, count) for name in curves for count in sizes.typists])

# %% [markdown]
# `inf`: fewer than that were answered at all, so a line in the picture ends; a × at its upper edge says so of at least one of the five parts. The percentile of the answers alone would look *better* under overload, because it leaves out those who waited in vain.
#
# *Typed over* is an edit whose typist was faster than the server: its answer is not missed. *Shed* was refused with a time to come back. *Failed or lost* is what must not happen.
#
# Each version ran once with each number of typists. Near its limit a service tips over, so two that are about as fast may stand far apart there. Where an interval is wide, one or two parts were held up, by the service or by anything else on this machine; where even its lower end is beyond the line, the service cannot bear so many. Why a few slow answers matter so much: [Dean and Barroso 2013](https://research.google/pubs/the-tail-at-scale/).

# %%
everyone = [(count, load) for curve in curves.values() for count, load in curve.items()]
asked = all(load.sent == count * sizes.seconds for count, load in everyone)
check("every edit of every typist is accounted for", asked)
check("none failed and none was lost", sum(load.failed + load.lost for _, load in everyone) == 0)

# %% [markdown]
# ## Threads or processes?
#
# The article deploys with gunicorn, which starts several **processes**. Python threads have a bad name, because only one at a time can run Python. But nearly all of our time is spent in ONNX Runtime, which lets go of that lock.
#
# **Predict:** order these by answers a second: one process with one thread, one with two threads, two processes with one thread each. And by memory?

# %%
my_guess = ...

# %% tags=["nbval-ignore-output"]
arrangements = {"1 process, 1 thread": (1, 1), "1 process, 2 threads": (1, 2), "2 processes, 1 thread each": (2, 1)}
measured = {}
for name, (processes, threads) in arrangements.items():
    measured[name] = trials.throughput(onnx, processes, threads, sizes.clients, sizes.requests, article)
said = "; ".join(f"{name}: {one.per_second:.0f} a second, {one.megabytes:.0f} MB" for name, one in measured.items())
guesses.reveal("threads or processes", my_guess, said)
figures.throughput_figure(measured)

# %% tags=["nbval-ignore-output"]
one, threads, processes = measured.values()
print(f"a second thread: {threads.per_second / one.per_second:.2f} times the answers a second")
print(f"two processes against two threads: {processes.per_second / threads.per_second:.2f} times")
check("a second thread costs less than 10 % more memory", threads.megabytes < 1.1 * one.megabytes)
check("two processes need at least 1.8 times the memory", processes.megabytes > 1.8 * one.megabytes)

# %% [markdown]
# (Answers a second get no verdict: each arrangement ran once, and another run may say something else.)
#
# Every process has a model of its own, and a cache and a queue of its own: a sentence that one of them knows is new to the other. Processes are the answer where Python itself is the bottleneck, where there are many cores, or where one crash must not take all with it. The clients are dealt out evenly here, as a balancer would do it; the clients take their share of the same cores in all three.
#
# Past one machine, the same application runs as a Ray Serve deployment; the README says how.
#
# ## The article's promises
#
# "每 300ms 触发一次增量分析", "实体标签渲染延迟 <120ms", "单机可承载 50+ 并发请求": an analysis every 300 ms, labels painted in less than 120 ms, more than fifty at a time on one machine. With this model on this computer, as far as a server alone can tell. The model is the mini, not one of the article's size, and the painting itself is not measured here: a browser does it, and the course's tests look at that. Ten typists edit every 300 ms, so that there are enough answers to speak of 95 %. (The interval takes the edits for independent. A stall makes many of them late at once, so it is rather too narrow.)

# %% tags=["nbval-ignore-output"]
with trials.served(onnx, article) as address:
    quickly = apart(typists(address, 10, sizes.trial_seconds, article, per_second=1 / 0.3))
    crowd = apart(typists(address, 55, sizes.trial_seconds, article, seed=100))
print("10 typists, an edit every 300 ms:", quickly)
print("55 typists, an edit a second:", crowd)


# %% tags=["nbval-ignore-output"]
def most_within(load, limit):
    """Are 95 % of all edits that were sent answered within so many ms?"""
    answered = sum(ms < limit for ms in load.milliseconds)
    return verdict(binomtest(answered, load.sent).proportion_ci(), 0.95)


check("300 ms: 95 % of the answers are back before the next edit is due", most_within(quickly, 300))
check("<120 ms: 95 % are answered within 120 ms (server only)", most_within(quickly, 120))
check("50+: with 55 typists every edit is answered", len(crowd.milliseconds) == crowd.sent)
check("50+: and 95 % of them in less than 300 ms", most_within(crowd, 300))

# %% [markdown]
# A promise without its conditions says little: which text, how many edits a second, which percentile, and what else the machine was doing. Fifty *open connections* are easy. Fifty full articles in the same second are another matter, and the queue would say so.
#
# ## Your predictions

# %% tags=["nbval-ignore-output"]
guesses.review()

# %% [markdown]
# ## What you know now
#
# - A service is a tagger, a cache, a bounded queue and a few threads. Each step can be tested against the tagger alone.
# - The fastest computation is the one that is not done: most of the speed while typing comes from sentences that are known.
# - A marginal is the probability of the whole entity. Whether it keeps its word is measured, not assumed.
# - A micro-batcher trades a short pause for fewer calls. Its limit, its errors and its order are where it goes wrong.
# - Waits are told by percentiles of everything that was asked, counted from the moment it was due; and what was refused, typed over or lost is told apart.
# - A second process costs a second model. Measure before you pay for it.
#
# **To read:** batches in servers of models, [Crankshaw et al. 2017](https://arxiv.org/abs/1612.03079) and [Yu et al. 2022](https://www.usenix.org/conference/osdi22/presentation/yu); the slowest answers, [Dean and Barroso 2013](https://research.google/pubs/the-tail-at-scale/); how to put load on a server, [Schroeder et al. 2006](https://www.usenix.org/conference/nsdi-06/open-versus-closed-cautionary-tale); confidence of a CRF, [Culotta and McCallum 2004](https://aclanthology.org/N04-4028/), and of networks, [Guo et al. 2017](https://arxiv.org/abs/1706.04599).
#
# **Next:** [10 · Distillation](10_distillation.ipynb) makes the model itself smaller, along another road. To put the page before other people: `make serve`, and the README's section on serving.
