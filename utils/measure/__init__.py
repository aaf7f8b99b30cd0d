"""How good, how fast, how big is a version of the model, and does that hold again?

In reading order:

- `scores`: strict precision, recall and F1 of entities; how far two taggers agree
- `bootstrap`: the interval around an F1, and around the difference of two
- `progress`: a bar for what may take long
- `evaluation`: a tagger judged on annotated sentences
- `error_analysis`: which errors remain, one by one, by kind and by type
- `calibration`: what a confidence is worth
- `latency`: milliseconds, in turns, on pinned threads
- `verdict`: yes, no, or cannot tell
- `memory`: peak memory in a process of its own; bytes on disk
- `cold_start`: what the first answer of a fresh process costs
- `cgroups`: what a container leaves its processes
- `machine`: on what was measured; the one list of eight-bit instructions
- `row`: what a row of the ledger holds
- `ledger`: rows made of measurements, and the file that keeps them
- `bands`: how far a second run may stray
- `comparison`: a run beside its reference
- `claim`: one number of the article, how it is read off a run, what the run says about it
- `claim_list`: all of them, section by section
- `claims`: the article's numbers beside a run's
- `artifacts`: files that notebooks leave for each other, each with its identity; what goes when a run is done
- `run`: settings, artifacts and ledger that the notebooks of a run share

May import `model`, `tagger`, `text` and `files`.
"""
