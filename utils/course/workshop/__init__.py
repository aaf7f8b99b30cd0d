"""A workshop: handouts and slides from the notebooks, a timetable, a bundle for laptops without a network.

In reading order:

- `cli`: the commands, `python -m utils.workshop`
- `bundle`: the last commit, its wheels, checksums over everything
- `handouts`: a notebook for students, for the instructor, and as slides; `reveal/` is what slides need
- `timetable`: how long a workshop takes
- `readiness`: is this laptop ready?

May import from every room below `course`; `cli` and `bundle` begin with nothing but Python, so that a laptop can
check its copy before anything is installed on it.
"""
