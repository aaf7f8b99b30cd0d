"""A course of two tiny notebooks and a tiny random model, for tests of the command line."""

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from utils.course import notebooks
from utils.measure.row import Row

TINY = Path(__file__).parents[1] / "data" / "raner_tiny_published"
PARAMETERS = 'run_dir = ""\nmodel = ""\ncorpus = ""\nseed = 1\nquick = False'
WRITE = "from pathlib import Path\nPath(run_dir, 'artifacts', 'a.txt').write_text(f'{seed} {quick} {corpus}')"
COUNT = (
    "from pathlib import Path\nwith Path(run_dir, 'artifacts', 'starts.txt').open('a') as file:\n    file.write('x')"
)


def row(stage, backend, scale="mini", **values):
    names = {"stage": stage, "notebook": "08", "scale": scale, "backend": backend}
    return dict.fromkeys(Row.model_fields) | names | values


def write_notebook(path, *sources):
    cells = [new_markdown_cell("# Title"), new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})]
    metadata = {"kernelspec": notebooks.KERNEL}
    nbformat.write(new_notebook(cells=[*cells, *map(new_code_cell, sources)], metadata=metadata), path)


def write_course(folder):
    """`notebooks/` with 00 and 01."""
    folder.mkdir()
    write_notebook(folder / "00_write.ipynb", COUNT, WRITE)
    write_notebook(folder / "01_read.ipynb", "print(open(run_dir + '/artifacts/a.txt').read())")
    return folder


def only_run(home):
    (folder,) = (path for path in (home / "runs").iterdir() if not path.is_symlink())
    return folder
