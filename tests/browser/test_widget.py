"""The same box in a real JupyterLab, its messages answered by the kernel."""

import json
import os
import secrets
import subprocess
import sys
import time
from contextlib import contextmanager
from urllib.error import URLError
from urllib.request import urlopen

import nbformat
import pytest
from box import Box
from known_tagger import ROOT, free_port

CELL = """
from known_tagger import KnownTagger
from utils.serving.widget import TaggerBox
TaggerBox(KnownTagger(), "known", text="陈默在北京。")
"""

RUN_ALL = """async () => {
    const { shell, commands } = window.jupyterapp;
    await shell.currentWidget.sessionContext.ready;
    await shell.currentWidget.sessionContext.session.kernel.info;
    await commands.execute('notebook:run-all-cells');
}"""
"""By Lab's own command: a key pressed before the kernel is connected is lost."""


@contextmanager
def lab(folder):
    """JupyterLab on a free port; yields the address of the notebook in `folder`."""
    port, token = free_port(), secrets.token_hex(8)
    options = {"ip": "127.0.0.1", "port": port, "IdentityProvider.token": token, "ServerApp.root_dir": folder}
    options["LabApp.expose_app_in_browser"] = True
    words = [f"--{name}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--log-level=ERROR", *words]
    private = {name: str(folder / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    helpers = {"PYTHONPATH": str(ROOT / "tests" / "helpers")}
    with subprocess.Popen(command, env=os.environ | private | helpers) as process:
        try:
            while not answers(f"http://127.0.0.1:{port}/api/status?token={token}"):
                assert process.poll() is None
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}/lab/tree/box.ipynb?token={token}"
        finally:
            process.terminate()


def answers(url):
    try:
        with urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except (URLError, OSError):
        return False


@pytest.mark.timeout(120)
def test_the_widget_in_a_real_jupyterlab(chromium, tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    (tmp_path / "box.ipynb").write_text(json.dumps(notebook), "utf-8")
    with lab(tmp_path) as address:
        page = chromium.new_context().new_page()
        box = Box(page)
        page.goto(address)
        page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for(timeout=60_000)
        page.evaluate(RUN_ALL)
        box.area = page.locator(".tagger textarea")
        box.area.wait_for(timeout=60_000)
        box.shows("陈默在北京。", timeout=20_000)
        assert box.marks() == [("陈默", "PER"), ("北京", "LOC")]
        box.area.press("End")
        box.area.press_sequentially("😀国家图书馆")
        box.shows("陈默在北京。😀国家图书馆", timeout=20_000)
        assert box.marks()[2:] == [("😀", "LOC"), ("国家图书馆", "ORG")]
        assert "1 of 2 sentences computed" in box.status.inner_text()
        page.context.close()
