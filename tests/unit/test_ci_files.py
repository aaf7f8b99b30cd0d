"""Workflows, Binder and dev container: thin, readable, and built on commands that exist."""

import json
import os
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in ROOT.glob(".github/workflows/*.yml")}


def commands(workflow):
    return [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]


def test_the_tests_run_what_ci_runs_on_three_systems():
    (job,) = WORKFLOWS["test"]["jobs"].values()
    assert {system.split("-")[0] for system in job["strategy"]["matrix"]["os"]} == {"ubuntu", "macos", "windows"}
    assert commands(WORKFLOWS["test"]) == [(ROOT / ".ci" / "run").read_text("utf-8").splitlines()[-1]]


def test_the_newest_versions_are_tried_on_a_schedule():
    triggers = WORKFLOWS["newest"][True]  # YAML reads `on` as a truth value
    assert triggers["schedule"] and "push" not in triggers
    assert commands(WORKFLOWS["newest"]) == ["make newest"]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflows_use_existing_targets_and_our_python(name):
    assert all(re.fullmatch(r"make ([a-z-]+)", line)[1] in TARGETS for line in commands(WORKFLOWS[name]))
    versions = re.findall(r'python-version: "(.+)"', (ROOT / f".github/workflows/{name}.yml").read_text("utf-8"))
    assert versions == ["3.11"]


def test_binder_and_container_install_what_everybody_installs():
    environment = yaml.safe_load((ROOT / ".binder" / "environment.yml").read_text("utf-8"))
    assert "python=3.11" in environment["dependencies"]
    script = ROOT / ".binder" / "postBuild"
    assert "-r requirements.txt" in script.read_text("utf-8") and os.access(script, os.X_OK)
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8"))
    assert container["image"] == "python:3.11" and container["postCreateCommand"] == "make .venv/installed"
