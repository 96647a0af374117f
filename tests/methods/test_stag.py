"""stag: each equation with an invariant, the AU modes, and what padding must not change."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from merkit.errors import ConfigError
from merkit.flow.config import FlowConfig
from merkit.methods.losses import focal_loss
from merkit.methods.stag import Stag, StagNetwork
from merkit.methods.stag_fusion import (
    CrossFusion,
    CrossFusionConfig,
    MultiHead,
    TemporalConfig,
)
from merkit.methods.stag_graph import (
    GraphAttention,
    GraphConfig,
    initial_adjacency,
    smooth_adjacency,
)
from merkit.methods.stag_units import UNION_ACTION_UNITS, AuConfig, au_vector, unit_loss
from merkit.samples import flow_augment
from merkit.samples.recipes import RegionFlowRecipe
from merkit.training.network import Output
from merkit.types import ActionUnit

M = len(UNION_ACTION_UNITS)


def make(au: AuConfig | None = None, **settings: object) -> StagNetwork:
    torch.manual_seed(0)
    return StagNetwork(Stag(au=au or AuConfig(), **settings), 3).eval()  # type: ignore[arg-type]


def batch(n: int = 3, frames: int = 16, regions: int = 14) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(5)
    return {
        "flow": torch.randn(n, frames, regions, 2, generator=generator),
        "mask": torch.ones(n, frames, dtype=torch.bool),
        "au": (torch.rand(n, M, generator=generator) < 0.2).float(),
        "au_known": torch.ones(n, dtype=torch.bool),
    }


def rows_sum_to_one(x: Tensor) -> bool:
    return torch.allclose(x.sum(-1), torch.ones(x.shape[:-1]), atol=1e-5) and bool((x >= 0).all())


# equations


@pytest.mark.parametrize("kind", ["softmax", "clamp"])
def test_initial_adjacency_is_row_stochastic_and_reads_early_real_frames(kind: str) -> None:
    config = GraphConfig(initial_adjacency=kind)  # type: ignore[arg-type]
    nodes, mask = torch.randn(2, 8, 5, 64), torch.ones(2, 8, dtype=torch.bool)
    start = initial_adjacency(nodes, mask, config)
    assert start.shape == (2, 5, 5)
    assert rows_sum_to_one(start)
    later = nodes.clone()
    later[:, 3:] += 1
    assert torch.equal(initial_adjacency(later, mask, config), start)
    short = mask.clone()
    short[:, 1:] = False
    torch.testing.assert_close(
        initial_adjacency(nodes, short, config),
        initial_adjacency(nodes[:, :1], mask[:, :1], config),
    )


def test_initial_adjacency_by_hand() -> None:
    nodes = torch.tensor([[1.0, 0.0], [0.0, 2.0]]).view(1, 1, 2, 2)
    start = initial_adjacency(
        nodes, torch.ones(1, 1, dtype=torch.bool), GraphConfig(temperature=0.5)
    )
    other = 1 / (1 + math.exp(2.0))  # cosines 1 and 0, over 0.5
    expected = torch.tensor([[[1 - other, other], [other, 1 - other]]])
    torch.testing.assert_close(start, expected)


def test_edge_scores_are_equation_14_written_out() -> None:
    config = GraphConfig(width=6, heads=2, head_width=3)
    torch.manual_seed(1)
    layer = GraphAttention(config, regions=4, dropout=0.0)
    nn.init.normal_(layer.bias)
    nn.init.constant_(layer.self_loop, 0.7)
    layer.requires_grad_(False)
    nodes = torch.randn(1, 2, 4, 6)
    got = layer.scores(nodes)
    q, k, w = (f(nodes).view(1, 2, 4, 2, 3) for f in (layer.query, layer.key, layer.additive))
    for t in range(2):
        for i in range(4):
            for j in range(4):
                total = 0.0
                for h in range(2):
                    dot = float((q[0, t, i, h] * k[0, t, j, h]).sum()) / math.sqrt(3)
                    pair = float(layer.left[h] @ w[0, t, i, h] + layer.right[h] @ w[0, t, j, h])
                    total += dot + (pair if pair > 0 else 0.2 * pair)
                expected = total / 2 + float(layer.bias[i, j]) + (0.7 if i == j else 0.0)
                assert float(got[0, t, i, j]) == pytest.approx(expected, abs=1e-5)


def test_shared_projections_have_no_third_one() -> None:
    plain, shared = (
        GraphAttention(GraphConfig(share_projections=s), 14, 0.0) for s in (False, True)
    )
    missing = {n for n, _ in plain.named_parameters()} - {n for n, _ in shared.named_parameters()}
    assert missing == {"additive.weight"}
    assert shared.scores(torch.randn(1, 2, 14, 64)).shape == (1, 2, 14, 14)


def test_smoothing_recursion_in_closed_form() -> None:
    scores = torch.rand(2, 6, 3, 3).softmax(-1)
    start, keep = torch.eye(3).expand(2, 3, 3), torch.tensor(0.8)
    got = smooth_adjacency(scores, start, torch.ones(2, 6, dtype=torch.bool), keep)
    for t in range(6):
        expected = 0.8 ** (t + 1) * start
        for s in range(t + 1):
            expected = expected + 0.2 * 0.8 ** (t - s) * scores[:, s]
        torch.testing.assert_close(got[:, t], expected)
    assert rows_sum_to_one(got)


@pytest.mark.parametrize("normalise", ["softmax", "sum"])
def test_adjacency_and_attention_are_row_stochastic(normalise: str) -> None:
    model = make(graph=GraphConfig(row_normalise=normalise))  # type: ignore[arg-type]
    aux = model(batch()).aux
    assert aux["adjacency"].shape == (3, 3, 16, 14, 14)
    assert aux["temporal_attention"].shape == (3, 16)
    assert aux["transformer_attention"].shape == (3, 3, 4, 17, 17)
    assert aux["cross_to_frames"].shape == (3, 4, 14, 16)
    assert aux["cross_to_regions"].shape == (3, 4, 16, 14)
    assert all(rows_sum_to_one(tensor) for tensor in aux.values())


def test_multi_head_equals_that_of_torch() -> None:
    ours = MultiHead(12, 3, 0.0).eval()
    theirs = nn.MultiheadAttention(12, 3, batch_first=True).eval()
    with torch.no_grad():
        parts = (ours.query, ours.key, ours.value)
        theirs.in_proj_weight.copy_(torch.cat([p.weight for p in parts]))
        theirs.in_proj_bias.copy_(torch.cat([p.bias for p in parts]))
        theirs.out_proj.weight.copy_(ours.out.weight)
        theirs.out_proj.bias.copy_(ours.out.bias)
    q, kv = torch.randn(2, 5, 12), torch.randn(2, 7, 12)
    hidden = torch.arange(7)[None] >= torch.tensor([[7], [4]])
    got, weights = ours(q, kv, kv, hidden)
    expected, expected_weights = theirs(
        q, kv, kv, key_padding_mask=hidden, average_attn_weights=False
    )
    torch.testing.assert_close(got, expected)
    torch.testing.assert_close(weights, expected_weights)


def test_cross_fusion_residual_switch() -> None:
    """With dead projections the residual form returns g and z, the literal form zeros."""
    nodes, frames = torch.randn(2, 14, 8), torch.randn(2, 16, 12)
    g, z = torch.randn(2, 10), torch.randn(2, 12)
    mask = torch.ones(2, 16, dtype=torch.bool)
    for residual in (True, False):
        config = CrossFusionConfig(width=16, residual=residual)
        graph, temporal = GraphConfig(width=8, output=10), TemporalConfig(width=12)
        fusion = CrossFusion(config, graph, temporal, 0.0)
        for projection in (fusion.to_graph, fusion.to_temporal):
            nn.init.zeros_(projection.weight)
            nn.init.zeros_(projection.bias)
        fused_g, fused_z, *_ = fusion(nodes, frames, g, z, mask)
        assert torch.equal(fused_g, g if residual else torch.zeros_like(g))
        assert torch.equal(fused_z, z if residual else torch.zeros_like(z))


# the whole model


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"use_graph": False},
        {"use_transformer": False},
        {"use_cross": False},
        {"graph": GraphConfig(layers=1, share_projections=True)},
        {"fusion": CrossFusionConfig(residual=False)},
        {"flow": FlowConfig(regions=18)},
    ],
)
def test_padding_changes_nothing(settings: dict[str, object]) -> None:
    model = make(**settings)
    regions = model.config.flow.regions
    inputs = batch(n=2, regions=regions)
    inputs["mask"][0, 9:] = False
    both = model(inputs)
    alone = model({"flow": inputs["flow"][:1, :9]})
    torch.testing.assert_close(both.logits[:1], alone.logits, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(both.features[:1], alone.features, rtol=1e-4, atol=1e-5)


def test_top_frames_keep_order_and_skip_padding() -> None:
    model = make(frame_select="topk", frame_top_k=4)
    inputs = batch(n=2)
    inputs["mask"][0, 3:] = False
    aux = model(inputs).aux
    chosen = aux["selected_frames"]
    assert chosen.shape == (2, 4)
    assert (chosen.diff(dim=1) > 0).all()
    assert {0, 1, 2} <= set(chosen[0].tolist())
    strength = inputs["flow"][1].norm(dim=-1).mean(-1)
    assert set(chosen[1].tolist()) == set(strength.topk(4).indices.tolist())
    assert aux["temporal_attention"][0, 3:].abs().max() == 0


def test_ablation_switches_change_the_width() -> None:
    flow = batch()
    widths = {
        name: make(**{name: False})(flow).features.shape[1]
        for name in ("use_graph", "use_transformer", "use_cross")
    }
    assert widths == {"use_graph": 128, "use_transformer": 128, "use_cross": 256}
    assert not any("fusion" in n for n, _ in make(use_cross=False).named_parameters())


def test_batch_of_one_bf16_and_backward() -> None:
    for au in (AuConfig(), AuConfig(source="predicted")):
        inputs = batch(n=1)
        model = make(au)
        assert model(inputs).logits.shape == (1, 3)
        low = model.to(torch.bfloat16)(inputs).logits
        assert low.dtype == torch.bfloat16
        assert low.isfinite().all()
        model = make(au).train()
        model.loss(model(inputs), torch.eye(3)[:1], None).backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("source", ["none", "oracle", "predicted"])
@pytest.mark.parametrize(("start", "rows"), [("softmax", "sum"), ("clamp", "softmax")])
def test_trains_under_bf16_autocast(source: str, start: str, rows: str) -> None:
    graph = GraphConfig(initial_adjacency=start, row_normalise=rows)  # type: ignore[arg-type]
    model = make(AuConfig(source=source), graph=graph).train()  # type: ignore[arg-type]
    inputs = batch()
    inputs["mask"][0, 9:] = False
    with torch.autocast("cpu", torch.bfloat16):
        loss = model.loss(model(inputs), torch.eye(3), torch.ones(3))
    loss.backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert gradients
    assert all(g.isfinite().all() for g in gradients)


def test_safetensors_round_trip(tmp_path: Path) -> None:
    model, inputs = make(AuConfig(source="predicted")), batch()
    save_file(model.state_dict(), tmp_path / "m.safetensors")
    torch.manual_seed(9)
    other = StagNetwork(model.config, 3).eval()
    other.load_state_dict(load_file(tmp_path / "m.safetensors"))
    assert torch.equal(model(inputs).logits, other(inputs).logits)


def test_folds_can_be_stacked() -> None:
    """The fold-stacked trainer maps the forward pass over stacked parameters."""
    models = [StagNetwork(Stag(), 3).eval() for _ in range(2)]
    parameters, buffers = torch.func.stack_module_state(models)  # type: ignore[arg-type]
    flow = torch.randn(2, 4, 16, 14, 2)

    def call(p: dict[str, Tensor], b: dict[str, Tensor], x: Tensor) -> Tensor:
        output: Output = torch.func.functional_call(models[0], (p, b), ({"flow": x},))
        return output.logits

    stacked = torch.vmap(call)(parameters, buffers, flow)
    one_by_one = torch.stack([m({"flow": x}).logits for m, x in zip(models, flow, strict=True)])
    torch.testing.assert_close(stacked, one_by_one, rtol=1e-4, atol=1e-5)


# action units


def test_oracle_reads_the_codes_and_none_does_not() -> None:
    inputs = batch()
    changed = inputs | {"au": 1 - inputs["au"]}
    oracle, none = make(AuConfig(source="oracle")), make()
    assert not torch.allclose(oracle(inputs).logits, oracle(changed).logits)
    assert torch.equal(none(inputs).logits, none(changed).logits)


@pytest.mark.parametrize("train_input", ["predicted", "coded"])
def test_predicted_never_reads_the_codes_at_test(train_input: str) -> None:
    model = make(AuConfig(source="predicted", train_input=train_input))  # type: ignore[arg-type]
    inputs = batch()
    changed = inputs | {"au": 1 - inputs["au"], "au_known": ~inputs["au_known"]}
    output = model(inputs)
    assert torch.equal(output.logits, model(changed).logits)
    assert torch.equal(output.logits, model({"flow": inputs["flow"]}).logits)
    assert "au_target" not in output.aux
    assert output.aux["au_probabilities"].shape == (3, M)


def test_predicted_trains_the_head_by_binary_cross_entropy_of_known_clips() -> None:
    config = AuConfig(source="predicted", weight=0.5)
    model = make(config).train()
    inputs = batch()
    inputs["au_known"][1] = False
    targets = torch.eye(3)
    torch.manual_seed(3)
    output = model(inputs)
    aux = output.aux
    expected = nn.functional.binary_cross_entropy(
        aux["au_probabilities"][[0, 2]], inputs["au"][[0, 2]]
    )
    torch.testing.assert_close(unit_loss(output), expected)
    total = model.loss(output, targets, None)
    torch.testing.assert_close(total, focal_loss(output.logits, targets) + 0.5 * expected)


def test_detached_head_learns_from_codes_alone() -> None:
    for detach in (True, False):
        model = make(AuConfig(source="predicted", detach=detach)).train()
        output = model(batch())
        focal_loss(output.logits, torch.eye(3)).backward()
        reached = [p.grad is not None for p in model.units.predict.parameters()]
        assert all(reached) != detach
        assert any(reached) != detach


def test_the_au_head_learns() -> None:
    model = make(AuConfig(source="predicted", vocabulary=(1, 12)), dropout=0.0).train()
    flow = torch.randn(16, 16, 14, 2)
    flow[:8, :, 6] += 3
    codes = torch.tensor([[0.0, 1.0]] * 8 + [[1.0, 0.0]] * 8)
    inputs = {"flow": flow, "au": codes, "au_known": torch.ones(16, dtype=torch.bool)}
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-3)
    targets = torch.eye(3)[torch.arange(16) % 3]
    for _ in range(25):
        optimiser.zero_grad()
        model.loss(model(inputs), targets, None).backward()
        optimiser.step()
    guess = model.eval()({"flow": flow}).aux["au_probabilities"]
    assert ((guess > 0.5).float() == codes).float().mean() > 0.9


@pytest.mark.parametrize("missing", ["short_head", "flag"])
def test_clips_without_codes_are_told_apart(missing: str) -> None:
    model = make(AuConfig(source="oracle", missing=missing))  # type: ignore[arg-type]
    inputs = batch()
    inputs["au_known"][1] = False
    garbage = inputs | {"au": inputs["au"].clone()}
    garbage["au"][1] = 1
    assert torch.equal(model(inputs).logits, model(garbage).logits)
    coded_as_none = inputs | {"au": inputs["au"].clone(), "au_known": torch.ones(3).bool()}
    coded_as_none["au"][1] = 0
    difference = (model(inputs).logits - model(coded_as_none).logits).abs().amax(1) > 1e-6
    assert difference.tolist() == [False, True, False]


def test_short_head_is_the_shorter_vector_of_equation_33() -> None:
    model = make(AuConfig(source="oracle"))
    inputs = batch()
    inputs["au_known"][:] = False
    output = model(inputs)
    expected = model.short_head(output.features[:, :256])
    torch.testing.assert_close(output.logits, expected)
    assert (output.features[:, 256:] == 0).all()


def test_edge_bias_starts_silent_and_then_moves_the_graph() -> None:
    model = make(AuConfig(source="oracle", edge_bias=True))
    inputs = batch()
    changed = inputs | {"au": 1 - inputs["au"]}
    same = model(inputs).aux["adjacency"]
    assert torch.equal(same, model(changed).aux["adjacency"])
    nn.init.normal_(model.units.to_edges.weight)
    assert not torch.allclose(model(inputs).aux["adjacency"], model(changed).aux["adjacency"])


def test_reports_are_told_where_action_units_come_from() -> None:
    told = {s: Stag(au=AuConfig(source=s)).marks() for s in ("oracle", "predicted", "none")}
    assert told == {"oracle": ("oracle-au",), "predicted": ("predicted-au",), "none": ()}


def test_au_vector() -> None:
    vector, known = au_vector((ActionUnit(12, "L"), ActionUnit(4), ActionUnit(99)), (1, 4, 12))
    assert vector.tolist() == [0.0, 1.0, 1.0]
    assert known
    nothing, unknown = au_vector(None, (1, 4))
    assert nothing.tolist() == [0.0, 0.0]
    assert not unknown
    assert au_vector((), (1, 4))[1]


# bad input and settings


def test_bad_inputs_are_named() -> None:
    inputs = batch()
    for source in ("oracle", "predicted"):
        model = make(AuConfig(source=source)).train()  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match=source):
            model({"flow": inputs["flow"]})
    with pytest.raises(ConfigError, match=r"\(3, 5\)"):
        make(AuConfig(source="oracle"))(inputs | {"au": torch.zeros(3, 5)})
    with pytest.raises(ConfigError, match=r"\(1, 16, 18, 2\)"):
        make()({"flow": torch.zeros(1, 16, 18, 2)})
    with pytest.raises(ConfigError, match="at most 16"):
        make()({"flow": torch.zeros(1, 17, 14, 2)})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"use_graph": False, "use_transformer": False}, "both off"),
        ({"au": AuConfig(source="predicted", edge_bias=True)}, "edge_bias"),
        ({"fusion": CrossFusionConfig(width=30)}, "fusion.width=30"),
        ({"graph": GraphConfig(smoothing=1.0)}, "smoothing=1.0"),
    ],
)
def test_impossible_settings(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        StagNetwork(replace(Stag(), **settings), 3)  # type: ignore[arg-type]


def test_recipe_and_training_defaults() -> None:
    made = Stag().recipe
    assert isinstance(made, RegionFlowRecipe)
    assert (made.frames, made.flow.regions) == (16, 14)
    assert made.flow.reference == "previous"
    settings = Stag().training
    assert (settings.epochs, settings.patience, settings.warmup_epochs) == (200, 40, 10)
    assert (settings.swa_start, settings.swa_learning_rate) == (0.75, 1e-4)
    assert (settings.oversample, settings.mirror_at_test) == (3, True)
    mirrored, inputs = Stag().mirrored(batch()), batch()
    assert torch.equal(mirrored["flow"], flow_augment.mirror(inputs)["flow"])
    assert not torch.equal(mirrored["flow"], inputs["flow"])
    assert Stag().augment.mixup_alpha == 0.2
