"""A workshop: handouts and slides from the notebooks, a timetable, a bundle for laptops without a network.

In reading order: `cli` (`python -m utils.workshop`), `bundle` (the last commit, wheels, checksums), `handouts`
(for students, for the instructor, as slides), `timetable` (how long all of it takes), `readiness` (is this laptop
ready?). `reveal/` holds what the slides need without a network.

May import from every room below `course`; `cli` and `bundle` need nothing but Python, so that a laptop can check its
copy before anything is installed on it.
"""
