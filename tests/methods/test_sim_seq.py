"""sim-seq: its symmetries; as a start for networks that read region motion."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from merkit.errors import ConfigError
from merkit.methods import make_method
from merkit.methods.bundled import CLASSES, read_recogniser
from merkit.methods.sim_seq import SimSeq
from merkit.methods.sim_seq_network import SimSeqNetwork
from merkit.samples.flow_augment import mirror
from merkit.training.network import Output
from placeholder_recogniser import sim_seq_folder

FLOW = torch.randn(4, 16, 18, 2, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sim_seq_folder(tmp_path_factory.mktemp("recogniser") / "mine")


def said(folder: Path, flow: torch.Tensor) -> Output:
    with torch.no_grad():
        output: Output = read_recogniser(folder).network().eval()({"flow": flow})
    return output


def test_a_mirrored_face_gets_the_mirrored_answer(folder: Path) -> None:
    once, twin = said(folder, FLOW), said(folder, mirror({"flow": FLOW})["flow"])
    torch.testing.assert_close(twin.logits, once.logits)
    torch.testing.assert_close(twin.aux["nothing"], once.aux["nothing"])
    torch.testing.assert_close(twin.aux["units"], once.aux["units"].flip(-1))
    assert (once.aux["units"][..., 0] - once.aux["units"][..., 1]).abs().max() > 1e-3


def test_gain_matters_to_the_answer_of_no_movement_alone(folder: Path) -> None:
    once, more = said(folder, FLOW), said(folder, 7 * FLOW)
    torch.testing.assert_close(more.logits, once.logits, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(more.aux["units"], once.aux["units"], rtol=1e-4, atol=1e-5)
    assert (more.aux["nothing"] - once.aux["nothing"]).abs().min() > 1e-4


def test_what_is_drawn_in_training() -> None:
    """Motion that grows evenly: the first frame stays zero, gains are near 1, and some regions and
    parts of the face are not seen."""
    course = torch.linspace(0, 1, 16)[None, :, None, None]
    flow = course.expand(2000, 16, 18, 2)
    jittered = SimSeqNetwork.jittered(flow, torch.Generator().manual_seed(0))
    assert not jittered[:, 0].any()
    seen = jittered[:, 5:].abs().amax(dim=(1, 3)) > 0
    assert seen[:, 2].float().mean().item() == pytest.approx(0.92 * 0.96, abs=0.02)
    neighbours = (~seen[:, 0] & ~seen[:, 3]).float().mean().item()
    assert neighbours == pytest.approx(0.04 + 0.96 * 0.08**2, abs=0.015)
    last = jittered[:, -1][seen]
    shifted = (1 + 14 / 15 + 14 / 15) / 3  # begun a frame early, in time, a frame late
    assert last.mean().item() == pytest.approx(shifted, abs=0.02)
    assert 0.08 < last.std().item() < 0.25


def test_no_motion_has_an_answer(folder: Path) -> None:
    output = said(folder, torch.zeros(2, 16, 18, 2))
    assert torch.isfinite(output.logits).all()
    assert torch.isfinite(output.aux["nothing"]).all()


def test_the_network_is_small_and_refuses_other_regions() -> None:
    network = SimSeq(start="random").scratch(3)
    assert sum(p.numel() for p in network.parameters()) < 250_000
    with pytest.raises(ConfigError, match="motion of shape"):
        network({"flow": torch.zeros(2, 16, 14, 2)})


def test_other_networks_of_region_motion_start_from_it(folder: Path) -> None:
    """Before the first step they say what it says."""
    for name in ("evodyn", "stag"):
        method = make_method(name, init=str(folder)).for_classes(CLASSES)
        assert method.recipe == SimSeq().scratch_recipe()
        inputs = {"flow": FLOW, "au": torch.zeros(4, 0), "au_known": torch.zeros(4, dtype=bool)}
        found = method.probabilities(method.build(3).eval(), inputs)
        wanted = said(folder, FLOW).logits.softmax(-1)
        torch.testing.assert_close(torch.from_numpy(found), wanted, rtol=1e-4, atol=1e-5)
