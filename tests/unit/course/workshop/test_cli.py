"""The commands of the workshop: a failed build leaves the old one, a laptop is judged in one screen."""

from utils.course.workshop import cli, timetable


def test_a_failed_build_leaves_the_old_workshop(tmp_path, monkeypatch, capsys):
    (tmp_path / "workshop").mkdir()
    (tmp_path / "workshop" / "old").write_text("whole")

    def broken(file):
        raise timetable.TimingError("no minutes")

    monkeypatch.setattr(timetable, "measured_minutes", broken)
    assert cli.main(["build", "--out", str(tmp_path)]) == 2
    assert "no minutes" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "workshop").iterdir()] == ["old"]


def test_the_preflight_is_one_screen_and_names_everything(capsys):
    assert cli.main(["preflight"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24 and lines[-1] == "Ready"
    for what in ("Python", "memory", "disk", "cores", "INT8", "font", "model"):
        assert any(what in line for line in lines)
