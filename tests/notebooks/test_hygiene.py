"""The rules of `hygiene`, on a clean notebook and on copies of it, each broken in one way."""

import copy

import hygiene
import jupytext
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from utils.course.numbering import number_of

OPEN, RIGHT = "… not attempted yet\n", "✓ right\n"
PROSE = (
    "RaNER reads 500 characters in 12 layers; 12 × 12 heads, 20 % of them go, 95 % intervals, at least 4 GB. "
    'The article says "320 ± 15" ms, "420MB → 110MB" and F1 94.3. '
    "`sleep(3 s)` is code and $2.5 \\times 10^{-3}$ s a formula. "
    "[Next](01_raner_and_its_data.ipynb), [below](#Exercise-1:-three), [the corpus](../data/corpus/train.txt), "
    '[elsewhere](https://example.org/a.html), <a href="00_start_here.ipynb">first</a>.'
)
PLOT = 'draw(title=f"陈默 → {x:.1f} ± 2")'
OUTSIDE_THE_FONTS = "\U00020bb7"
IMAGE = new_output("display_data", data={"image/png": "iVBORw0KGgo="})
HIDDEN = {"tags": ["solution"], "jupyter": {"source_hidden": True}}


def printing(source, text="", metadata=None):
    outputs = [new_output("stream", name="stdout", text=text)] if text else []
    return new_code_cell(source, outputs=outputs, metadata=metadata or {})


def clean():
    defaults = "\n".join(f"{name} = {value!r}" for name, value in hygiene.PARAMETERS.items()).replace("'", '"')
    cells = [
        new_markdown_cell("# Title\n\n| you will | you need |\n|---|---|\n| learn | time |"),
        printing(defaults, metadata={"tags": ["parameters"]}),
        new_markdown_cell(f"### Exercise 1: three\n\n{PROSE}"),
        printing("\n".join(["x = 1"] * 15)),
        printing("answer = ..."),
        printing("exercise(answer, checker)", OPEN),
        new_code_cell(PLOT, outputs=[IMAGE]),
    ]
    for count, cell in enumerate((cell for cell in cells if cell.cell_type == "code"), 1):
        cell.execution_count = count
    return new_notebook(cells=cells)


def solved():
    """The clean notebook's source, executed: its solution is the cell after the exercise."""
    notebook = clean()
    notebook.cells[2].source += '\n\nStuck? `solution("04", 1)` shows one way.'
    notebook.cells.insert(6, printing("answer = 3\nexercise(answer, checker)", RIGHT, HIDDEN))
    return notebook


def set_source(index, source):
    return lambda notebook: notebook.cells[index].update(source=source)


def add_prose(text):
    return lambda notebook: notebook.cells[2].update(source=f"{notebook.cells[2].source} {text}")


def set_output(index, **fields):
    return lambda notebook: notebook.cells[index].outputs.append(new_output(**fields))


BREAKS = [
    ("title", set_source(0, "Title without a mark\n\n| a |")),
    ("title", set_source(0, "# Title without a table")),
    ("parameters", lambda nb: nb.cells[1].metadata.tags.clear()),
    ("parameters", lambda nb: nb.cells[3].metadata.update(tags=["parameters"])),
    ("parameters", lambda nb: nb.cells[1].update(source=nb.cells[1].source + "\nmore = 2")),
    ("parameters", lambda nb: nb.cells[1].update(source=nb.cells[1].source.replace("seed = 1", "seed = 2"))),
    ("parameters", lambda nb: nb.cells[1].update(source="import os")),
    ("execution_counts", lambda nb: nb.cells[3].update(execution_count=None)),
    ("execution_counts", lambda nb: nb.cells[3].update(execution_count=9)),
    ("short_cells", set_source(3, "\n".join(["x = 1"] * 16))),
    ("outputs", set_output(3, output_type="error", ename="ValueError", evalue="", traceback=[])),
    ("outputs", set_output(3, output_type="stream", name="stderr", text="warning")),
    ("machine_paths", set_output(3, output_type="stream", name="stdout", text="saved in /home/someone/course\n")),
    ("machine_paths", set_output(3, output_type="display_data", data={"text/html": "<i>C:\\Users\\someone</i>"})),
    ("machine_paths", set_source(3, 'open("/tmp/x")')),
    ("shell_commands", set_source(3, "x = 1\n!pip install torch")),
    ("shell_commands", set_source(3, "%%bash\nls")),
    ("shell_commands", set_source(3, "files = !ls")),
    ("shell_commands", set_source(3, "get_ipython().system('ls')")),
    ("shell_commands", set_source(3, "os.system('ls')")),
    ("measured_numbers", add_prose("It took 12.5 ms.")),
    ("measured_numbers", add_prose("Faster by 3.2x, then.")),
    ("measured_numbers", add_prose("A speed-up of 3×.")),
    ("measured_numbers", add_prose("It is 2 times as fast.")),
    ("measured_numbers", add_prose("The file has 13 MB.")),
    ("measured_numbers", add_prose("This runs for 3 minutes.")),
    ("measured_numbers", add_prose("It lost 0.4 points.")),
    ("measured_numbers", add_prose("It keeps 98.7 % of the tags.")),
    ("measured_numbers", add_prose("F1 of 86.3")),
    ("exercises", lambda nb: nb.cells[3].metadata.update(HIDDEN)),
    ("exercises", lambda nb: nb.cells.append(new_markdown_cell("### Exercise 2: nobody checks this"))),
    ("exercises", lambda nb: nb.cells.insert(2, new_markdown_cell("### Exercise 0: nobody checks this"))),
    ("exercises", lambda nb: nb.cells.append(new_markdown_cell("### Build it: nobody checks this"))),
    ("exercises", set_source(5, "print(answer)")),
    ("exercises", lambda nb: nb.cells[5].outputs[0].update(text=RIGHT)),
    ("glyphs", set_source(6, f'draw(title="{OUTSIDE_THE_FONTS}")')),
    ("glyphs", set_source(6, f'draw(title=f"{{x}}{OUTSIDE_THE_FONTS}")')),
    ("glyphs", set_output(3, output_type="stream", name="stdout", text="Glyph 134071 missing from font(s) Some Sans.")),
    ("links", add_prose("[gone](77_gone.ipynb)")),
    ("links", add_prose("[outside](../../elsewhere.txt)")),
    ("links", add_prose("[nowhere](#No-such-heading)")),
    ("links", add_prose('<img src="pictures/gone.png">')),
]


@pytest.mark.parametrize("rule", hygiene.RULES, ids=lambda rule: rule.__name__)
def test_a_clean_notebook_passes(rule):
    assert rule(clean()) == []


@pytest.mark.parametrize(("name", "damage"), BREAKS)
def test_a_broken_copy_is_caught_by_its_rule_alone(name, damage):
    notebook = copy.deepcopy(clean())
    damage(notebook)
    assert {rule.__name__ for rule in hygiene.RULES if rule(notebook)} == {name}


@pytest.mark.parametrize(
    "damage",
    [
        set_source(3, "x = 2"),
        set_source(2, "other words"),
        lambda nb: nb.cells[1].metadata.tags.clear(),
        lambda nb: nb.cells.insert(6, solved().cells[6]),
        lambda nb: nb.cells.pop(),
    ],
)
def test_a_source_that_went_its_own_way_is_caught(damage):
    source, notebook = jupytext.writes(solved(), "py:percent"), clean()
    notebook.cells[2].source = solved().cells[2].source
    assert hygiene.source_agrees(notebook, source) == []
    damage(notebook)
    assert len(hygiene.source_agrees(notebook, source)) == 1


UNSOLVED = [
    lambda nb: nb.cells.pop(6),
    lambda nb: nb.cells.insert(6, printing("exercise(answer, checker)")),
    lambda nb: nb.cells[6].metadata.pop("jupyter"),
    lambda nb: nb.cells.append(nb.cells[6]),
    set_source(6, "answer = 3"),
    set_source(5, "print(answer)"),
]


@pytest.mark.parametrize("damage", UNSOLVED)
def test_an_exercise_of_a_source_without_a_proper_solution_is_caught(damage):
    notebook = solved()
    assert hygiene.solutions(notebook) == []
    damage(notebook)
    assert hygiene.solutions(notebook) != []


@pytest.mark.parametrize("text", ["", "✗ too small\n", "✓ right\n✗ too small\n", OPEN])
def test_a_solution_that_is_not_right_is_caught(text):
    notebook = solved()
    assert hygiene.wrong_solutions(notebook) == []
    notebook.cells[6].outputs = printing("", text).outputs
    assert len(hygiene.wrong_solutions(notebook)) == 1


@pytest.mark.parametrize(
    ("text", "tags", "faults"),
    [("✓ as the library\n", [], 0), (OPEN, [], 1), ("✗ as the library\n", [], 1), ("✗ fast\n", [hygiene.NOISY], 0)],
)
def test_a_cell_that_waits_for_the_solution_must_get_what_it_needs(text, tags, faults):
    notebook = solved()
    notebook.cells.append(printing("if attempted(answer):\n    check('x', answer == 3)", text, {"tags": tags}))
    assert len(hygiene.wrong_solutions(notebook)) == faults


WAITING = "if attempted(answer):\n    twice = 2 * answer"
NEEDY = (
    "print(answer)",
    "def f():\n    return answer",
    "[f(answer) for x in y]",
    "answer = answer + 1",
    f"{WAITING}\nprint(answer)",
    f"{WAITING}\nprint(twice)",
    f"{WAITING}\nelse:\n    print(answer)",
)
FREE = (
    "answer = 4\nprint(answer)",
    "[answer for answer in x]",
    "def f(answer):\n    return answer",
    "other = 1",
    WAITING,
    f"{WAITING}\n    print(twice)",
    f"{WAITING}\ntwice = 2\nprint(twice)",
)


@pytest.mark.parametrize("source", NEEDY)
def test_a_cell_that_needs_the_answer_of_an_exercise_is_caught(source):
    notebook = solved()
    notebook.cells.append(new_code_cell(source))
    notebook.cells.append(new_code_cell("answer = twice = 1"))
    assert len(hygiene.answers_needed(notebook)) == 1


@pytest.mark.parametrize("source", FREE)
def test_a_cell_that_does_not_passes(source):
    notebook = solved()
    notebook.cells += [new_code_cell(source), new_code_cell("other + 1")]
    assert hygiene.answers_needed(notebook) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda nb: nb.cells[2].update(source=nb.cells[2].source.replace("1)` shows", "2)` shows")),
        lambda nb: nb.cells[2].update(source=nb.cells[2].source.replace("04", "05")),
        add_prose("And more."),
    ],
)
def test_who_is_stuck_is_told_the_right_number(damage):
    notebook = solved()
    assert hygiene.stuck(notebook, "04") == []
    damage(notebook)
    assert len(hygiene.stuck(notebook, "04")) == 1


POINTS = (
    "check('x', a.f1 > b.f1)",
    "check('x', after.scores.f1 - before.scores.f1 < 1)",
    "check(f'{name}', times['a'].p50 > 2 * times['b'].p50)",
    "check('x', row['latency_ms']['p50'] < 100)",
    "check('x', d.low > 0)",
    "check('x', holds=0 <= d.high)",
    "check('x', found.p_value < 0.05 and other)",
    "for d in both:\n    check('x', not d.high < 0)",
)
VERDICTS = (
    "check('x', verdict(f1_difference(test, a, b), -0.5))",
    "check('x', bar.verdict)",
    "check('x', width_paired < width_unpaired)",
    "check('low', a == b)",
    "print(a.f1 > b.f1)",
    "check('x', all(near.values()))",
)


@pytest.mark.parametrize("source", POINTS)
def test_a_tick_on_a_point_is_caught(source):
    assert len(hygiene.point_estimates(new_notebook(cells=[new_code_cell(source)]))) == 1


@pytest.mark.parametrize("source", VERDICTS)
def test_a_tick_on_a_verdict_or_on_what_has_no_interval_passes(source):
    assert hygiene.point_estimates(new_notebook(cells=[new_code_cell(source)])) == []


each_source = pytest.mark.parametrize(
    "source", sorted((hygiene.FOLDER / "source").glob("*.py")), ids=lambda path: path.stem
)


@each_source
def test_no_tick_of_the_course_hangs_on_a_point(source):
    assert hygiene.point_estimates(jupytext.read(source, fmt="py:percent")) == []


@each_source
def test_every_exercise_of_the_course_has_a_solution(source):
    assert hygiene.solutions(jupytext.read(source, fmt="py:percent")) == []


@each_source
def test_the_course_runs_while_its_exercises_are_open(source):
    assert hygiene.answers_needed(jupytext.read(source, fmt="py:percent")) == []


@each_source
def test_every_exercise_of_the_course_says_how_to_see_its_solution(source):
    assert hygiene.stuck(jupytext.read(source, fmt="py:percent"), number_of(source.name)) == []
