"""Pictures: numbers in, a figure out. They compute nothing but places on paper.

In reading order:

- `style`: how every picture looks: its font, its colours, its axes
- `base`: pictures that several notebooks show
- `results`: what a run measured, version by version
- `compress`: the way from a model to the one that was made of it
- `nb00`: the map of the course
- `nb01`: the corpus, and the CRF's moves from tag to tag
- `nb02`: single calls, and memory
- `nb03`: scores of heads, where heads look, and what is missed when parts go
- `nb04`: what a cut saves, where it is made, what it costs and leaves
- `nb05`: what a cut broke, and learning by heart
- `nb06`: roundings, few bits, loud channels, sensitive parts, speed by length
- `nb07`: the choice of an engine
- `nb07b`: engines by length, and the rows of a batch
- `nb08`: the Pareto front, and a search
- `nb09`: edits, confidence, load, threads and processes
- `nb10`: soft targets, temperatures, depth
- `nb11`: reliability of versions, F1 against time and work

May import from every room below `course`, for the types of what is drawn.
"""
