"""The package as merkit sees it once it is installed, and what each part does."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import torch
from merkit_example.exporter import clock
from PIL import Image
from sklearn.metrics import cohen_kappa_score

from merkit.datasets import DATASETS, load_dataset
from merkit.errors import DatasetError
from merkit.export import EXPORTERS
from merkit.face.tracker import TRACKERS, TrackConfig
from merkit.methods import METHODS, make_method
from merkit.metrics import kappa
from merkit.protocols import PROTOCOLS, splitter
from merkit.samples.recipes import RegionFlowRecipe
from merkit.scoring.metrics import METRICS

HERE = f"merkit-example {version('merkit-example')}"
HEADER = "subject,clip,onset,apex,offset,fps_hz,action_units,emotion\n"


@pytest.mark.parametrize(
    ("registry", "name"),
    [
        (METHODS, "motion-tcn"),
        (DATASETS, "lab-folder"),
        (PROTOCOLS, "halves"),
        (METRICS, "kappa"),
        (TRACKERS, "cropped"),
        (EXPORTERS, "subtitles"),
    ],
)
def test_merkit_finds_it(registry, name: str) -> None:
    assert registry.origin(name) == HERE
    assert registry[name].name == name


def test_the_method_learns_and_padding_changes_nothing() -> None:
    method = make_method("motion-tcn", {"frames": 9, "width": 8})
    torch.manual_seed(0)
    model, labels = method.build(3), torch.arange(12) % 3
    flow = torch.randn(12, 9, 18, 2) + labels[:, None, None, None]
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(30):
        loss = model.loss(model({"flow": flow}), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    mask = torch.arange(9)[None] < torch.full((12, 1), 5)
    cut = model.eval()({"flow": flow[:, :5]}).logits
    torch.testing.assert_close(model({"flow": flow, "mask": mask}).logits, cut)


def test_the_database_reads_its_folder(tmp_path: Path) -> None:
    sheet = tmp_path / "clips.csv"
    sheet.write_text(f"{HEADER}p2,a,1,2,3,90,4,Anger\np1,b,1,,3,200,L12+6?,happy\n")
    for folder in ("p2/a", "p1/b"):
        (tmp_path / "frames" / folder).mkdir(parents=True)
        for number in (1, 2, 3):
            picture = Image.fromarray(np.full((8, 8, 3), 40 * number, np.uint8))
            picture.save(tmp_path / "frames" / folder / f"img{number}.png")
    first, second = load_dataset("lab-folder", tmp_path)
    assert (first.clip_id, first.fps_hz, first.emotion) == ("lab-folder/p1/b", 200.0, "happiness")
    assert first.apex_frame is None
    assert [unit.number for unit in first.action_units or ()] == [12, 6]
    assert second.media == tmp_path / "frames" / "p2" / "a"
    sheet.write_text(f"{HEADER}../..,a,1,2,3,90,4,anger\n")
    with pytest.raises(DatasetError, match=r"\.\./\.\."):
        load_dataset("lab-folder", tmp_path)


def test_nobody_is_in_both_halves_and_everybody_is_tested() -> None:
    people = np.repeat(["p1", "p2", "p3", "p4", "p5"], 2)
    tested = []
    for train, test in splitter("halves").split(people, None, people):
        assert not set(people[train]) & set(people[test])
        tested += test.tolist()
    assert sorted(tested) == list(range(10))


def test_kappa_is_scikit_learns() -> None:
    random = np.random.default_rng(0)
    for classes in (2, 3, 5):
        true, predicted = random.integers(classes, size=(2, 60))
        assert kappa(true, predicted) == pytest.approx(cohen_kappa_score(true, predicted))
    assert np.isnan(kappa(["a", "a"], ["a", "a"]))


def test_a_cropped_face_fills_the_picture() -> None:
    recipe = RegionFlowRecipe(frames=2, track=TrackConfig(tracker="cropped"))
    picture = np.random.default_rng(0).integers(0, 256, (2, 120, 100, 3)).astype(np.uint8)
    assert recipe.of_frames(picture, fps_hz=100)["flow"].shape == (2, 18, 2)


def test_the_clock_of_subtitles() -> None:
    assert clock(3.5) == "00:00:03,500"
    assert clock(3723.0004) == "01:02:03,000"
    assert clock(59.9996) == "00:01:00,000"
