"""The checkers of the notebooks' exercises, one module a notebook. Reading on means reading the answers.

A checker takes an answer and returns None, or a hint that fits the misconception behind a wrong one: it is a
function `(answer) -> hint`, or makes one (`teaching.number`) from what the notebook measured.

In reading order:

- `published`: the published RaNER counted, with which several of them compute
- `nb00`: a fifth of the heads, an INT8 file, mini-RaNER beside RaNER
- `nb01`: tags, a head's parameters, a path through a CRF
- `nb02`: a typical call, a bootstrap, a difference that is not paired
- `nb03`: Michel's score, what chance shares, a correlation of ranks
- `nb04`: which heads go, heads cut out of a layer, where heads stand today
- `nb05`: the scale of a head, a distillation loss, the epoch to keep
- `nb06`: a zero point, scales of channels, what a recipe forgets
- `nb07`: an attention mask, an export with parity
- `nb07b`: threads, padding, sentences packed into rows
- `nb08`: the smallest cut within the noise, a speed from a saving, the most that heads give, the version to deploy
- `nb09`: a micro-batcher, a confidence, offsets in JavaScript, typists
- `nb10`: a softened answer, its gradient, layers to copy; a student and its distance, built by hand
- `nb11`: a warmer confidence, what a cascade gains, the rule of an exit

May import from every room below `course`, and `course.teaching`.
"""
