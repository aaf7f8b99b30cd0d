"""The top room: the commands, what a notebook says and shows, the exercises, the workshop.

In reading order:

- `cli`: the command line, `python -m utils.course`; `__main__` starts it, `options` says what it takes
- `runs`: a run's folder, from its first notebook to its report
- `listing`: the runs that are kept, and what they take
- `tagging`: what the command `tag` reads and prints
- `corpus_report`: what the command `corpus` finds in a corpus
- `start_check`: whether model and corpus fit each other and the notebooks
- `prepare`: what makes them fit: a corpus with other types, a head for its own
- `compress_command`: the command `compress`; `compress_request` says what it is asked for, `compress_report` what came,
  `compress_check` whether it still is what its card says
- `numbering`: what a notebook's number is, and their order
- `notebooks`: executing a run's notebooks, and building the committed ones from their sources
- `kernels`: how a notebook's kernel is started, and how Ctrl-C stops it
- `cell_bars`: a running cell's own progress bars, told to the terminal
- `reference`: the run that others are compared with, and that the READMEs show
- `edition`: the run that is committed: its notebooks, its reference, its tables
- `report`: a run as a table, inside a README too
- `lac_table`: what stands beside Baidu's LAC, as the READMEs show it
- `report_page`: a run as `report.html`, verdicts first
- `tables`: every table of text
- `sizes`: how much each notebook reads and repeats, in full and in a quick run
- `solutions`: an exercise's solution, from the notebook's source
- `teaching`: predictions, checks and exercises, as a notebook prints them
- `leaderboard`: what was chosen to meet notebook 08's budget, built and measured
- `widgets`: entities in colour, a box to type into, a browser of errors
- `exercises`: the checkers, one module a notebook
- `figures`: the pictures, one module a notebook and a few for all
- `workshop`: handouts, timetable, bundle; `utils.workshop` is its door

May import from every room; no room imports from this one.
"""
