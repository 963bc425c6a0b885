"""What a manifest says of its making: seconds add up over attempts, versions and device are named."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from accelsim.errors import OutputError
from accelsim.train import provenance
from accelsim.train.provenance import hours, made_by, timed
from accelsim.train.stages import Result, Stages


def test_seconds_of_a_stopped_attempt_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 10.0, 100.0, 105.0, 200.0, 3200.0])
    monkeypatch.setattr(provenance.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(provenance, "made_on", lambda trained_on: {"device": trained_on})
    stopped = [True]

    def compute(checkpoint: Path | None) -> Result:
        if stopped.pop() if stopped else False:
            raise KeyboardInterrupt
        return Result({}, {"accuracy": 0.5})

    with pytest.raises(KeyboardInterrupt):
        Stages(tmp_path, {}).run("one", timed(compute))
    stages = Stages(tmp_path, {})
    assert stages.run("one", timed(compute)).figures == {
        "accuracy": 0.5,
        "seconds": 15.0,
        "made_on": {"device": "cpu"},
    }
    stages.run("two", timed(compute))
    assert hours(stages) == round(3015 / 3600, 3)
    assert not list(tmp_path.glob("*.seconds"))
    again = Stages(tmp_path, {})
    again.run("one", timed(compute))
    assert hours(again) == round(15 / 3600, 3)


def test_seconds_of_a_killed_attempt_count_up_to_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed 900 s after its start, 100 s after it last wrote a checkpoint; then 50 s more."""
    monkeypatch.setattr(provenance, "made_on", lambda trained_on: {"device": trained_on})
    checkpoint = tmp_path / "student-1.pt"

    class Killed(BaseException):
        """Nothing of the attempt runs after it."""

    def killed(path: Path | None) -> Result:
        checkpoint.touch()
        os.utime(checkpoint, (10_800.0, 10_800.0))
        left = (tmp_path / "student-1.seconds").read_text()
        kept.append(left)
        raise Killed

    kept: list[str] = []
    monkeypatch.setattr(provenance.time, "time", lambda: 10_000.0)
    with pytest.raises(Killed):
        timed(killed)(checkpoint)
    (tmp_path / "student-1.seconds").write_text(kept[0])  # as a kill leaves it
    clock = iter([0.0, 50.0])
    monkeypatch.setattr(provenance.time, "monotonic", lambda: next(clock))
    assert timed(lambda _: Result())(checkpoint).figures["seconds"] == 850.0


def test_seconds_count_of_a_stage_whose_result_could_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 100.0, 500.0, 501.0])
    monkeypatch.setattr(provenance.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(provenance, "made_on", lambda trained_on: {"device": trained_on})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr("accelsim.train.stages.save_file", full)
        with pytest.raises(OutputError, match="No space left"):
            Stages(tmp_path, {}).run("one", timed(lambda _: Result()))
    assert Stages(tmp_path, {}).run("one", timed(lambda _: Result())).figures["seconds"] == 101.0


@pytest.mark.torch
def test_versions_and_device() -> None:
    stages = Stages(None, {})
    stages.run("one", timed(lambda _: Result({}, {})))
    said = made_by(stages)
    assert said == made_by(Stages(None, {}))
    assert "torch " in said["versions"]
    assert "CPU cores" in said["device"]
    assert all(isinstance(value, str) for value in said.values())


def _made_on(device: str, checkpoint: Path | None) -> Result:
    return Result({}, {"made_on": {"versions": "torch 2", "device": device}})


def test_every_device_that_a_stage_was_made_on_is_named() -> None:
    stages = Stages(None, {})
    for name, device in (("teacher", "a GPU"), ("answers", "a GPU"), ("student", "2 CPU cores")):
        stages.run(name, partial(_made_on, device))
    said = made_by(stages)
    assert (said["versions"], said["device"]) == ("torch 2", "a GPU; 2 CPU cores")
    older = Stages(None, {})
    older.run("images", lambda _: Result())
    said = made_by(older, stages)
    assert said["device"] == "a GPU; 2 CPU cores; some stages: not recorded"
