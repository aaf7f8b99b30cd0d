"""A tagger made smaller to a target: the pipeline of notebook 08 for any model, corpus and machine, in one call.

In reading order:

- `plan`: what is asked for, how much work it may take, and about how long
- `forms`: a model as a directory for each engine, and the engines by name
- `work`: the pieces of a compression, each made whole or not at all
- `search`: which cut, in which engine, reaches the target
- `learning`: the fair baseline, and a cut model that learns again
- `trial`: original, baseline and result measured together, and what they say of the target
- `stages`: all of it in order (`compress`)
- `card`: what the result says about itself
"""
