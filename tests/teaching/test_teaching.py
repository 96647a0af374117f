"""A recogniser is learned from simulated faces, calibrated, and written whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from merkit.cli import main
from merkit.errors import ConfigError, MissingDataError, StoreError
from merkit.files import file_hash
from merkit.methods.bundled import CLASSES, read_recogniser
from merkit.methods.sim_flow import SimFlow
from merkit.methods.sim_seq import SimSeq
from merkit.simulate.make import SIMULATION_VERSION
from merkit.simulate.tables import NOTHING
from merkit.teaching.calibrate import answers, calibrate, calibration_error, unit_thresholds
from merkit.teaching.config import FitConfig, TeachConfig
from merkit.teaching.fit import fit, label_loss, teacher_loss
from merkit.teaching.lessons import Lessons
from merkit.teaching.make import learned, simulated, teach
from merkit.training.network import Network, Output

QUICK = FitConfig(steps=3, class_steps=2, pupil_steps=2, batch_size=32)


def quick(file: Path, out: Path, **changes: object) -> TeachConfig:
    base = TeachConfig(
        face_model=file,
        out=out,
        count=0,
        geometric=48,
        held_out=48,
        teachers=1,
        unit_teachers=0,
        fit=QUICK,
        workers=1,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def lessons(tiny_file: Path) -> Lessons:
    return simulated(quick(tiny_file, Path("unused"), geometric=240), "learn")


def fresh(seed: int = 0) -> Network:
    torch.manual_seed(seed)
    return SimFlow(start="random").scratch(len(CLASSES))


def output(logits: torch.Tensor, units: torch.Tensor) -> Output:
    return Output(logits, logits, {"units": units, "nothing": logits[:, 0]})


def test_a_recogniser_is_written_whole_and_the_same_seed_makes_it_again(
    tiny_file: Path, tmp_path: Path
) -> None:
    config = quick(tiny_file, tmp_path / "one", teachers=2, unit_teachers=1)
    marks = teach(config)
    teach(replace(config, out=tmp_path / "two"))
    teach(replace(config, out=tmp_path / "other", seed=1))
    one, two, other = (read_recogniser(tmp_path / name) for name in ("one", "two", "other"))
    assert one.sha256 == two.sha256 != other.sha256
    assert one.limits.unit_min == marks.unit_thresholds
    assert one.facts["face_model_sha256"] == file_hash(tiny_file)
    assert f"UF1 {marks.uf1:.3f}" in (tmp_path / "one" / "CARD.md").read_text()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one", "other", "two"]
    with pytest.raises(ConfigError, match="exists"):
        teach(config)


def test_sim_seq_is_taught_by_the_command(tiny_file: Path, tmp_path: Path) -> None:
    words = ["teach", "--recogniser", "sim-seq", "--face-model", str(tiny_file)]
    words += ["--out", str(tmp_path / "seq"), "--count", "24", "--held-out", "24"]
    words += [
        "--teachers",
        "1",
        "--unit-teachers",
        "0",
        "--set",
        "fit.steps=2",
        "--set",
        "fit.batch_size=16",
    ]
    assert main(words) == 0
    assert isinstance(read_recogniser(tmp_path / "seq").method, SimSeq)


def test_interrupted_it_goes_on_with_what_this_version_simulated(
    tiny_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts that are damaged stop whoever reads them: another version does not, this one does."""
    config = quick(tiny_file, tmp_path / "out")

    def interrupt(stage: str, done: float, total: float) -> None:
        if stage == "training networks":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        teach(config, interrupt)
    (part,) = tmp_path.glob("out.parts-*/learn/*.npz")
    part.write_bytes(b"of another version")
    with pytest.raises(StoreError, match=r"geometric-0\.npz"):
        teach(config)
    monkeypatch.setattr("merkit.teaching.make.SIMULATION_VERSION", SIMULATION_VERSION + 1)
    teach(config)
    assert read_recogniser(config.out).facts["simulation"] == SIMULATION_VERSION + 1


def test_held_out_people_are_others(tiny_file: Path, lessons: Lessons) -> None:
    held_out = simulated(quick(tiny_file, Path("unused")), "held out")
    known = {one.tobytes() for one in lessons.inputs["flow_map"].numpy()}
    assert len(held_out) == 48
    assert not any(one.tobytes() in known for one in held_out.inputs["flow_map"].numpy())


def test_a_network_learns_from_labels(lessons: Lessons) -> None:
    config = replace(QUICK, steps=30, batch_size=64)
    loss = label_loss(lessons, config)

    def distance(network: Network) -> float:
        return float(loss(lessons, torch.empty(0), answers(network, lessons)))

    before, after = distance(fresh().eval()), distance(fit(fresh(), lessons, config, seed=0))
    assert after < 0.8 * before


@pytest.mark.parametrize("steps", [1, 9, 10, 11])
def test_a_training_may_be_as_short_as_it_likes(lessons: Lessons, steps: int) -> None:
    told: list[float] = []
    fit(
        fresh(),
        lessons,
        replace(QUICK, steps=steps, batch_size=2),
        seed=0,
        progress=lambda _, done, total: told.append(done / total),
    )
    assert told == [n / steps for n in range(1, steps + 1)]


def test_where_nothing_moved_the_shares_of_the_classes_are_right(lessons: Lessons) -> None:
    """Their logits are where the loss of such clips is least: its gradient is zero there."""
    moved = lessons.classes[lessons.moved]
    shares = torch.bincount(moved, minlength=3).float() / len(moved)
    still = lessons[lessons.classes == NOTHING]
    logits = shares.log().repeat(len(still), 1).requires_grad_()
    units = torch.zeros(len(still), 12, 2)
    aux = {"units": units, "nothing": torch.zeros(len(still))}
    loss = label_loss(lessons, QUICK)(still, torch.empty(0), Output(logits, logits, aux))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient.abs().max() < 1e-6


@pytest.mark.thorough
def test_a_pupil_comes_to_answer_as_its_teachers(lessons: Lessons) -> None:
    config = replace(QUICK, steps=30, batch_size=64)
    teachers = [fit(fresh(seed), lessons, config, seed) for seed in (1, 2)]
    said = [answers(teacher, lessons).logits.softmax(-1) for teacher in teachers]
    wanted = torch.stack(said).mean(0)

    def distance(network: Network) -> float:
        told = answers(network, lessons).logits.log_softmax(-1)
        return float(F.kl_div(told, wanted, reduction="batchmean"))

    pupil = fit(fresh(3), lessons, config, 3, teacher_loss(teachers, teachers, config))
    assert distance(pupil) < 0.5 * distance(fresh(3).eval())


def test_calibration_takes_back_a_temperature(lessons: Lessons) -> None:
    network = fresh().eval()
    calibrate(network, lessons)  # likeliest as it stands
    before = answers(network, lessons).logits
    with torch.no_grad():
        for parameter in network.get_submodule("class_head").parameters():
            parameter.mul_(3)
    assert calibrate(network, lessons).classes == pytest.approx(3, rel=0.02)
    np.testing.assert_allclose(answers(network, lessons).logits, before, rtol=0.02, atol=1e-4)


def test_calibration_error_worked_by_hand() -> None:
    """Two clips at 0.9, one right: a gap of 0.4; two at 0.6, both right: 0.4; half of each."""
    shares = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.4, 0.6]])
    assert calibration_error(shares, np.array([0, 1, 0, 1])) == pytest.approx(0.4)
    assert calibration_error(np.array([[1.0, 0.0]]), np.array([0])) == 0


def test_thresholds_are_where_f1_is_highest(lessons: Lessons) -> None:
    """A unit whose clips all have 0.3 and the others 0.1 is called from 0.15 on."""
    four = lessons[torch.arange(4)]
    truth = torch.zeros(4, 12, 2)
    truth[:2, 0, 1] = 1
    units = torch.full((4, 12, 2), 0.1)
    units[:2, 0, 1] = 0.3
    said = output(torch.zeros(4, 3), units.logit())
    assert unit_thresholds(said, Lessons(four.inputs, four.classes, truth))[0] == 0.15


def test_answers_do_not_depend_on_offset_and_gain_of_a_map(lessons: Lessons) -> None:
    network, maps = fresh().eval(), lessons.inputs["flow_map"][:8].float()
    straight = network({"flow_map": maps}).logits
    changed = network({"flow_map": maps * 3 + 40}).logits
    np.testing.assert_allclose(changed.detach(), straight.detach(), atol=1e-4)


def test_answers_to_a_mirror_image_exchange_the_sides(lessons: Lessons) -> None:
    network, maps = fresh().eval(), lessons.inputs["flow_map"][:8].float()
    twin = torch.cat([maps.flip(-1)[:, :2], 255 - maps.flip(-1)[:, 2:]], dim=1)
    one, other = network({"flow_map": maps}), network({"flow_map": twin})
    # the median of an even number of pixels is the lower of two, which a mirror exchanges
    torch.testing.assert_close(one.logits, other.logits, atol=0.05, rtol=0)
    torch.testing.assert_close(one.aux["units"], other.aux["units"].flip(-1), atol=0.05, rtol=0)


def test_one_network_is_its_own_teacher(tiny_file: Path, lessons: Lessons) -> None:
    """With one teacher nothing is distilled: the network is what the labels alone make."""
    config = quick(tiny_file, Path("unused"))
    network = learned(SimFlow(start="random"), lessons, config)
    again = learned(SimFlow(start="random"), lessons, config)
    for mine, theirs in zip(network.parameters(), again.parameters(), strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize(
    ("changes", "error", "told"),
    [
        ({"recogniser": "sim"}, ConfigError, "one of: sim-flow, sim-seq"),
        ({"without": ("blnk",)}, ConfigError, "blink"),
        ({"face_model": Path("not-there.npz")}, MissingDataError, "not-there.npz"),
        ({"face_model": None}, ConfigError, "--face-model FILE"),
    ],
)
def test_what_cannot_be_taught_is_told_before_the_work(
    tiny_file: Path, tmp_path: Path, changes: dict[str, object], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        teach(quick(tiny_file, tmp_path / "out", **changes))
    assert not (tmp_path / "out").exists()
