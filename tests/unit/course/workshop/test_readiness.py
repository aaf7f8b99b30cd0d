"""Advice follows from what was found; what the course cannot do without is marked."""

import hashlib
import sys

from utils.course.workshop import readiness
from utils.course.workshop.readiness import (
    check_environment,
    core_finding,
    disk_finding,
    font_finding,
    installed_versions,
    int8_finding,
    library_finding,
    memory_finding,
    model_finding,
    pinned_versions,
    python_finding,
)


def test_this_environment_can_run_the_course():
    findings = check_environment()
    assert [finding.what for finding in findings if finding.required and finding.advice] == []
    assert findings[0].found == ".".join(map(str, sys.version_info[:3]))


def test_python_must_be_new_enough():
    assert python_finding((3, 11, 0)).advice == "" == python_finding((3, 13, 1)).advice
    assert "3.11" in python_finding((3, 10, 9)).advice and python_finding((3, 10, 9)).required


def test_versions_are_read_from_pins_and_installation(tmp_path):
    file = tmp_path / "requirements.txt"
    file.write_text("# a==1\nnumpy==0.0.1\nno-such-package-anywhere==3\n", "utf-8")
    assert pinned_versions(file) == {"numpy": "0.0.1", "no-such-package-anywhere": "3"}
    installed = installed_versions(file)
    assert installed["no-such-package-anywhere"] == "absent" and installed["numpy"][0].isdigit()


def test_a_local_suffix_is_no_other_version(monkeypatch):
    monkeypatch.setattr(readiness, "version", lambda name: "2.13.0+cpu")
    assert readiness._installed("torch") == "2.13.0"


def test_a_missing_library_stops_and_another_version_warns():
    pins = {"torch": "2", "numpy": "1"}
    assert library_finding(pins, pins).advice == ""
    missing = library_finding(pins, pins | {"torch": "absent"})
    other = library_finding(pins, pins | {"torch": "3"})
    assert missing.required and "pip install" in missing.advice
    assert not other.required and other.advice and "torch 3 (pinned 2)" in other.found


def test_the_font_comes_with_the_repository(tmp_path):
    assert font_finding(tmp_path / "none.otf").advice and font_finding(tmp_path / "none.otf").required


def test_slow_hardware_is_advised_not_refused():
    for finding in (core_finding(1, 1), int8_finding("old", ["avx2"]), memory_finding(2000)):
        assert finding.advice and not finding.required


def test_good_hardware_needs_no_advice():
    findings = [core_finding(2, 2), memory_finding(8000)]
    findings += [int8_finding("cpu", [flag]) for flag in ("avx512_vnni", "avx_vnni", "amx_int8", "asimddp")]
    assert not any(finding.advice for finding in findings)


def test_a_damaged_model_is_not_ready_and_a_full_disk_is_advised(tmp_path):
    digest = hashlib.sha256(b"weights").hexdigest()
    (tmp_path / "sum").write_text(f"{digest}  model.bin\n", "utf-8")
    assert model_finding(tmp_path, tmp_path / "sum").found == "absent"
    (tmp_path / "model.bin").write_bytes(b"weights")
    assert model_finding(tmp_path, tmp_path / "sum").advice == ""
    (tmp_path / "model.bin").write_bytes(b"Weights")
    damaged = model_finding(tmp_path, tmp_path / "sum")
    assert damaged.required and "damaged" in damaged.advice
    assert disk_finding(1.0).advice and not disk_finding(1.0).required and not disk_finding(50).advice
