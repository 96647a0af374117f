"""ststnet: shapes, names and forward pass of the authors' code."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from merkit.errors import ConfigError
from merkit.methods.ststnet import Ststnet, StstnetNetwork
from merkit.samples.recipes import FlowMapRecipe


def make() -> StstnetNetwork:
    torch.manual_seed(0)
    return StstnetNetwork(Ststnet(), 3)


def test_names_and_shapes_of_the_state_dict() -> None:
    shapes = {name: tuple(t.shape) for name, t in make().state_dict().items()}
    for i, filters in enumerate((3, 5, 8), start=1):
        assert shapes.pop(f"conv{i}.weight") == (filters, 3, 3, 3)
        assert shapes.pop(f"conv{i}.bias") == (filters,)
        for part in ("weight", "bias", "running_mean", "running_var"):
            assert shapes.pop(f"bn{i}.{part}") == (filters,)
        assert shapes.pop(f"bn{i}.num_batches_tracked") == ()
    assert shapes.pop("fc.weight") == (3, 400)
    assert shapes.pop("fc.bias") == (3,)
    assert not shapes


def test_forward_is_the_described_one() -> None:
    model = make().train()
    model({"flow_map": torch.rand(8, 3, 28, 28) * 255})  # moves the running statistics
    state = model.eval().state_dict()
    image = torch.rand(4, 3, 28, 28) * 255
    streams = []
    for i in (1, 2, 3):
        x = F.conv2d(image, state[f"conv{i}.weight"], state[f"conv{i}.bias"], padding=2).relu()
        assert x.shape[2:] == (30, 30)
        mean, var = state[f"bn{i}.running_mean"], state[f"bn{i}.running_var"]
        x = (x - mean.view(1, -1, 1, 1)) / (var.view(1, -1, 1, 1) + 1e-5).sqrt()
        x = x * state[f"bn{i}.weight"].view(1, -1, 1, 1) + state[f"bn{i}.bias"].view(1, -1, 1, 1)
        streams.append(F.max_pool2d(x, 3, 3, 1))
    joined = F.avg_pool2d(torch.cat(streams, 1), 2)
    assert joined.shape == (4, 16, 5, 5)
    expected = joined.flatten(1) @ state["fc.weight"].T + state["fc.bias"]
    torch.testing.assert_close(model({"flow_map": image}).logits, expected, rtol=1e-4, atol=1e-4)


def test_eight_bit_input_bf16_and_batch_of_one() -> None:
    model = make().eval()
    image = torch.randint(0, 256, (1, 3, 28, 28), dtype=torch.uint8)
    output = model({"flow_map": image})
    assert torch.equal(output.logits, model({"flow_map": image.float()}).logits)
    assert output.features.shape == (1, 400)
    low = model.to(torch.bfloat16)({"flow_map": image}).logits
    assert low.isfinite().all()


def test_safetensors_round_trip(tmp_path: Path) -> None:
    model, image = make().eval(), torch.rand(2, 3, 28, 28) * 255
    save_file(model.state_dict(), tmp_path / "m.safetensors")
    other = StstnetNetwork(Ststnet(), 3).eval()
    other.load_state_dict(load_file(tmp_path / "m.safetensors"))
    assert torch.equal(model({"flow_map": image}).logits, other({"flow_map": image}).logits)


def test_loss_is_cross_entropy_and_reaches_every_parameter() -> None:
    model, labels = make(), torch.tensor([0, 1, 2, 1])
    output = model({"flow_map": torch.rand(4, 3, 28, 28) * 255})
    loss = model.loss(output, torch.eye(3)[labels], None)
    torch.testing.assert_close(loss, F.cross_entropy(output.logits, labels))
    loss.backward()
    assert all(p.grad is not None for p in model.parameters())


def test_mirror_flips_and_inverts_u_only() -> None:
    image = torch.randint(0, 256, (2, 3, 28, 28), dtype=torch.uint8)
    method = Ststnet()
    out = method.mirrored({"flow_map": image})["flow_map"]
    assert out.dtype == torch.uint8
    assert torch.equal(out[:, :2], image[:, :2].flip(-1))
    assert torch.equal(out[:, 2], 255 - image[:, 2].flip(-1))
    assert torch.equal(method.mirrored({"flow_map": out})["flow_map"], image)


def test_wrong_map_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"\(1, 3, 32, 32\)"):
        make()({"flow_map": torch.zeros(1, 3, 32, 32)})


def test_published_training() -> None:
    settings = Ststnet().training
    assert (settings.optimiser, settings.learning_rate) == ("adam", 5e-5)
    assert (settings.batch_size, settings.epochs, settings.selection) == (256, 800, "last")
    assert isinstance(Ststnet().recipe, FlowMapRecipe)
    assert Ststnet().recipe.makes == "flow_map"
