"""Prepared clips in a training loop that is not ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Subset

import merkit
import tiny_pipeline as tiny
from merkit.errors import ConfigError, MissingDataError
from merkit.methods import Evodyn, Majority, make_method
from merkit.metrics import uf1
from merkit.protocols import splitter
from merkit.runs.data import load_clips, prepare_clips


@pytest.fixture(scope="module")
def data(tiny_database: Path, tiny_store: Path) -> merkit.ClipDataset:
    method = make_method("sfa-dgat", tiny.MODEL)
    return merkit.ClipDataset(method, "synthetic", tiny_database, store=tiny_store, workers=1)


def test_items_are_the_stored_samples_with_their_class_and_person(
    data: merkit.ClipDataset, tiny_database: Path, tiny_store: Path, tmp_path: Path
) -> None:
    config = tiny.evaluation(tiny_database, tiny_store, tmp_path)
    clips, samples = prepare_clips(load_clips(config), config.make().recipe, config)
    assert samples.made == 0
    assert len(data) == len(clips.rows) == 12
    assert data.classes == ("negative", "positive", "surprise")
    for (inputs, label), row in zip(data, clips.rows, strict=True):
        np.testing.assert_array_equal(inputs["rgb"], samples.read(row.clip_id).arrays["rgb"])
        assert label == row.label
    assert data.people.tolist() == [row.subject_key for row in clips.rows]


def test_a_whole_program_of_somebody_else(data: merkit.ClipDataset) -> None:
    method = make_method("sfa-dgat", tiny.MODEL)
    train, test = next(splitter("loso").split(data, data.labels, data.people))
    loader = DataLoader(Subset(data, train), 3, shuffle=True, collate_fn=data.collate)
    torch.manual_seed(0)
    model = method.build(len(data.classes))
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    means = []
    for _ in range(6):
        losses = []
        for inputs, labels in loader:
            loss = model.loss(model(inputs), labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        means.append(np.mean(losses))
    assert means[-1] < means[0]
    inputs, labels = data.collate([data[i] for i in test])
    with torch.no_grad():
        predicted = model.eval()(inputs).logits.argmax(1)
    assert 0 <= uf1(labels, predicted, labels=[0, 1, 2]) <= 1
    assert set(data.people[test]).isdisjoint(data.people[train])


def test_clips_of_different_length_are_filled_up_with_a_mask() -> None:
    items = [({"flow": torch.full((n, 18, 2), 1.0)}, n) for n in (3, 5)]
    inputs, labels = merkit.ClipDataset.collate(items)
    assert inputs["flow"].shape == (2, 5, 18, 2)
    assert inputs["mask"].sum(1).tolist() == labels.tolist() == [3, 5]
    Evodyn(sequence_length=6, width=16, depth=1).build(3)(inputs)


def test_a_method_that_reads_nothing_has_batches_too(tiny_database: Path, tmp_path: Path) -> None:
    data = merkit.ClipDataset(Majority(), ["synthetic"], [str(tiny_database)], store=tmp_path)
    inputs, labels = next(iter(DataLoader(data, 4, collate_fn=data.collate)))
    assert inputs["nothing"].shape == (4, 0)
    assert labels.shape == (4,)


def test_what_cannot_be_is_told(tiny_database: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'synthetic'"):
        merkit.ClipDataset(Majority(), "sinthetic", tiny_database)
    with pytest.raises(MissingDataError, match="not a folder"):
        merkit.ClipDataset(Majority(), "synthetic", tmp_path / "nowhere")
    for method in ("majority", Majority):
        with pytest.raises(ConfigError, match=r"such as merkit.methods.Ststnet\(\)"):
            merkit.ClipDataset(method, "synthetic", tiny_database)
    with pytest.raises(ConfigError, match="storr"):
        merkit.ClipDataset(Majority(), "synthetic", tiny_database, storr=tmp_path)
