"""Attention maps and region graphs: the numbers behind the pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from explain_models import OpenCase

from merkit.explain.attention import (
    EDGES,
    frame_maps,
    graph_figure,
    strongest_edges,
    time_mean,
)
from merkit.explain.case import Drawn


@pytest.mark.parametrize(
    ("method", "count", "side"), [("sfa-dgat", 5, 4), ("lora", 1, 4), ("stag", 3, 7)]
)
def test_rows_of_attention_sum_to_one(
    open_named: OpenCase, method: str, count: int, side: int
) -> None:
    maps = frame_maps(open_named(method))
    assert maps is not None
    assert maps.weights.shape == (count, side, side)
    np.testing.assert_allclose(maps.weights.sum(axis=-1), 1, atol=1e-5)
    assert maps.hidden == pytest.approx(0, abs=1e-6)
    assert maps.even == pytest.approx(1 / side)


def test_attention_to_padding_is_told(open_named: OpenCase) -> None:
    case = open_named("evodyn")
    maps = frame_maps(case)
    assert maps is not None
    assert maps.weights.shape == (2, case.n_frames + 1, case.n_frames + 1)
    assert list(maps.places) == [-1, *range(case.n_frames)]
    shown = maps.weights.sum(axis=-1).mean()
    assert 0 < maps.hidden < 1
    assert shown + maps.hidden == pytest.approx(1, abs=1e-5)


def test_a_model_without_attention_has_no_map(open_named: OpenCase) -> None:
    assert frame_maps(open_named("hoof")) is None


def test_strongest_edges_of_a_small_graph() -> None:
    matrix = np.array([[[0.2, 0.6, 0.2], [0.1, 0.1, 0.8], [0.5, 0.4, 0.1]]])
    edges, weights = strongest_edges(matrix, 2)
    # means of both directions: 01 0.35, 02 0.35, 12 0.6; weakest first
    assert edges[0, -1].tolist() == [1, 2]
    np.testing.assert_allclose(weights, [[0.35, 0.6]], atol=1e-6)


def test_what_regions_receive_is_without_what_they_keep(open_named: OpenCase) -> None:
    case = open_named("stag")
    drawn = graph_figure(case)
    assert isinstance(drawn, Drawn)
    mean = time_mean(case.output.aux["adjacency"], case)
    first = drawn.values["layer 1"]
    assert first["kept_for_itself"] == pytest.approx(np.trace(mean[0]) / len(mean[0]))
    others = mean[0] * (1 - np.eye(len(mean[0])))
    assert list(first["received"].values()) == pytest.approx(others.sum(axis=0).tolist())


def test_the_graph_is_averaged_over_real_frames(open_named: OpenCase) -> None:
    case = open_named("stag")
    adjacency = case.output.aux["adjacency"]
    padded = torch.cat([adjacency, torch.full_like(adjacency, 9.0)], dim=2)
    mean = time_mean(padded, case)
    np.testing.assert_allclose(mean, adjacency[0].mean(1).detach().numpy(), atol=1e-6)
    np.testing.assert_allclose(mean.sum(axis=-1), 1, atol=1e-5)
    assert strongest_edges(mean, EDGES)[0].shape == (2, EDGES, 2)
