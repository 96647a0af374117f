"""Attributions against closed forms, hand-made occlusion, and their own axioms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from explain_models import OpenCase
from torch import Tensor, nn

from merkit.explain import Baseline, ExplainConfig
from merkit.explain.case import Case, Scorer
from merkit.explain.effects import (
    gradient_by_frame,
    integrated_gradients,
    occlusion,
    pooled,
    token_relevance,
)
from merkit.explain.view import RegionMotion
from merkit.samples.batch import Inputs
from merkit.samples.recipes import RegionFlowRecipe
from merkit.training.network import Network, Output


class Linear(Network):
    """Logits that are linear in flow, so that every attribution has a closed form."""

    def __init__(self) -> None:
        super().__init__(None, 2)
        torch.manual_seed(0)
        self.head = nn.Linear(5 * 3 * 2, 2)

    def forward(self, inputs: Inputs) -> Output:
        logits = self.head(inputs["flow"].flatten(1))
        return Output(logits, logits)

    def loss(self, output: Output, targets: Tensor, class_weights: Tensor | None) -> Tensor:
        return output.logits.sum()


@pytest.fixture
def linear() -> Scorer:
    flow = np.random.default_rng(0).normal(size=(1, 5, 3, 2)).astype(np.float32)
    reading = RegionMotion(RegionFlowRecipe())
    return Scorer(Linear().eval(), reading, {"flow": torch.from_numpy(flow)}, 1)


def against(scorer: Scorer, baseline: Baseline) -> Case:
    """The case of a score by itself: attributions look at no clip."""
    config = ExplainConfig(baseline=baseline, steps=3, chunk=2)
    nothing = scorer.nothing(baseline)
    return Case(None, None, config, scorer, None, *nothing)  # type: ignore[arg-type]


def weights(scorer: Scorer) -> np.ndarray:
    """With two classes the log-odds are the difference of the logits."""
    w = scorer.model.head.weight.detach().numpy()  # type: ignore[union-attr,operator]
    return np.asarray(w[1] - w[0]).reshape(5, 3, 2)


def test_the_score_is_the_log_odds(linear: Scorer) -> None:
    logits = linear.output(linear.values).logits
    p = logits.softmax(-1)[0, 1]
    assert linear(linear.values).item() == pytest.approx((p / (1 - p)).log().item(), abs=1e-5)


def test_integrated_gradients_of_a_linear_score(linear: Scorer) -> None:
    case = against(linear, "mean")
    effect, _, residual = integrated_gradients(case)
    expected = weights(linear) * (linear.values - case.baseline)[0].numpy()
    np.testing.assert_allclose(effect, expected, atol=1e-5)
    assert residual == pytest.approx(0, abs=1e-5)


def test_occlusion_of_a_linear_score_is_the_sum_of_its_parts(
    linear: Scorer, open_named: OpenCase
) -> None:
    case = against(linear, "zero")
    parts = weights(linear) * linear.values[0].numpy()
    by_frame = occlusion(case, linear.frames, 5)
    np.testing.assert_allclose(by_frame, parts.sum(axis=(1, 2)), atol=1e-5)
    regions = linear.reading.regions(linear.values, open_named("stag").view)
    by_region = occlusion(case, regions, 4)
    np.testing.assert_allclose(by_region[:3], parts.sum(axis=(0, 2)), atol=1e-5)
    assert by_region[3] == 0  # a group without members
    np.testing.assert_allclose(gradient_by_frame(case), by_frame, atol=1e-5)


@pytest.mark.parametrize("method", ["sfa-dgat", "lora", "stag", "evodyn", "ststnet"])
def test_integrated_gradients_are_complete(open_named: OpenCase, method: str) -> None:
    case = open_named(method)
    effect, change, residual = integrated_gradients(replace(case, config=ExplainConfig()))
    size = float(np.abs(effect).sum())
    assert effect.shape == tuple(case.scorer.values.shape[1:])
    assert change != 0
    assert abs(residual) < 0.05 * max(abs(change), 0.02 * size)
    effects = pooled(case, effect)
    total = float(effect.sum(dtype=np.float64))
    shown = float(effects.table.sum(dtype=np.float64))
    if case.n_frames == len(case.view.time_ms):  # nothing cut off
        assert shown == pytest.approx(total, abs=1e-4 * max(1, size))


@pytest.mark.parametrize("method", ["sfa-dgat", "lora", "stag", "ststnet", "hoof"])
def test_occluding_nothing_changes_nothing(open_named: OpenCase, method: str) -> None:
    case = open_named(method)
    same = replace(case, baseline=case.scorer.values)
    groups = torch.zeros_like(case.scorer.values, dtype=torch.int64)
    assert abs(occlusion(same, groups, 2)[0]) < 1e-5


def test_occlusion_equals_replacing_by_hand(open_named: OpenCase) -> None:
    case = open_named("sfa-dgat")
    scorer, baseline = case.scorer, case.baseline
    regions, groups = case.view.region_map(), scorer.reading.regions(scorer.values, case.view)
    found = occlusion(case, groups, 15)
    mouth = case.view.regions.index("upper lip (p51)")
    changed = torch.where(torch.from_numpy(regions == mouth), baseline, scorer.values)
    with torch.no_grad():
        expected = float(scorer(scorer.values) - scorer(changed))
    assert found[mouth] == pytest.approx(expected, abs=1e-5)
    first = occlusion(case, scorer.frames, 4)[0]
    assert first == pytest.approx(0, abs=1e-5)  # the first frame is its own baseline


@pytest.mark.parametrize("method", ["sfa-dgat", "lora"])
def test_token_relevance_is_token_times_gradient(open_named: OpenCase, method: str) -> None:
    case = open_named(method)
    encoder = case.encoder
    assert encoder is not None
    kept: list[Tensor] = []
    norm = encoder.backbone.encoder.layer[-1].norm1
    handle = norm.register_forward_hook(lambda m, i, out: kept.append(out))
    score = case.scorer(case.scorer.values.clone().requires_grad_(True)).sum()
    handle.remove()
    (slope,) = torch.autograd.grad(score, kept[0])
    expected = (slope * kept[0]).sum(-1)[:, 1:].reshape(-1, *encoder.grid).detach().numpy()
    np.testing.assert_allclose(token_relevance(case.scorer, encoder), expected, atol=1e-6)
    assert np.abs(expected).max() > 0


def test_baselines(open_named: OpenCase) -> None:
    rgb = open_named("sfa-dgat").scorer
    assert torch.equal(rgb.nothing("still")[1][:, 2], rgb.values[:, 0])
    assert rgb.nothing("mean")[1].std(dim=(1, 3, 4)).max() < 1e-3
    assert not rgb.nothing("zero")[1].any()
    flow = open_named("stag").scorer
    assert not flow.nothing("still")[1].any()
    assert torch.allclose(flow.nothing("mean")[1][0, 3], flow.values[0].mean(0))
    flow_map = open_named("ststnet").scorer
    middle = flow_map.nothing("still")[1]
    assert torch.equal(middle[0, :, 0, 0], flow_map.values[0].flatten(1).median(dim=1).values)
