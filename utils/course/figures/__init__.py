"""Pictures: numbers in, a figure out. They compute nothing but places on paper.

In reading order: `style` (font, colours, axes: how every picture looks), `base` (pictures that several notebooks
show), `results` (a run's results), then one module a notebook, `nb00` to `nb10`.

May import from every room below `course`, for the types of what is drawn.
"""
