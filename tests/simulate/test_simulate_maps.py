"""Many maps: settings, labels, the same bytes whatever the workers; their file; the command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from merkit.cli import main
from merkit.config import to_mapping
from merkit.errors import ConfigError, MerkitError, MissingDataError, StoreError
from merkit.flow.estimate import map_of_flow
from merkit.simulate import Dials, FlowMaps, Source, make_flow_maps
from merkit.simulate.config import SimulateConfig
from merkit.simulate.dials import OFF
from merkit.simulate.flow_maps import Kind, geometric_maps
from merkit.simulate.make import MAPS_PER_VIEW, actions_of, write_simulated
from merkit.simulate.movement import draw_movement
from merkit.simulate.picture_dials import Estimators
from merkit.simulate.view import draw_view

#: quick to estimate
QUICK = replace(Dials(), estimators=Estimators(tvl1_share=0, dis_share=0, farneback_sides_px=(28,)))
MIXED = replace(Dials(), estimators=Estimators(tvl1_share=0, dis_sides_px=(56,)))


@pytest.fixture(scope="module")
def geometric(tiny_file: Path) -> FlowMaps:
    return make_flow_maps(tiny_file, 1200, "geometric", workers=1)


def same(first: FlowMaps, second: FlowMaps) -> bool:
    names = ("maps", "classes", "units", "estimators", "sides_px", "views")
    return all(np.array_equal(getattr(first, n), getattr(second, n)) for n in names)


def test_arrays(geometric: FlowMaps) -> None:
    assert geometric.maps.shape == (1200, 3, 28, 28)
    assert geometric.maps.dtype == np.uint8
    assert (geometric.maps.min((2, 3)) == 0).all()
    assert (geometric.maps.max((2, 3)) == 255).all()
    assert geometric.units.shape == (1200, 12, 2)
    assert set(geometric.classes) == {0, 1, 2, 3}
    assert set(geometric.settings) == {"geometric-56"}
    per_view = MAPS_PER_VIEW["geometric"]
    assert np.array_equal(geometric.views, np.arange(1200) // per_view)


def test_settings_of_estimated_maps(tiny_file: Path) -> None:
    maps = make_flow_maps(tiny_file, 40, dials=MIXED, workers=1)
    allowed = {f"farneback-{side}" for side in (28, 42, 56, 84, 112)} | {"dis-56"}
    assert set(maps.settings) <= allowed
    assert "dis-56" in maps.settings
    assert maps.views.tolist() == [0] * 24 + [1] * 16
    held_out = maps[maps.settings == "dis-56"]
    assert len(held_out) < 40
    assert set(held_out.estimators) == {"dis"}


@pytest.mark.parametrize("kind", ["geometric", "estimated"])
def test_same_seed_same_bytes_for_any_number_of_workers(
    kind: Kind, tiny_file: Path, tmp_path: Path
) -> None:
    count = 2 * MAPS_PER_VIEW[kind] + 10  # three jobs
    told: list[tuple[float, float]] = []
    made = [
        make_flow_maps(
            tiny_file, count, kind, seed=3, dials=QUICK, workers=workers,
            progress=lambda stage, done, total: told.append((done, total)),
        )
        for workers in (1, 2)
    ]  # fmt: skip
    for number, maps in enumerate(made):
        maps.save(tmp_path / f"{number}.npz")
    assert (tmp_path / "0.npz").read_bytes() == (tmp_path / "1.npz").read_bytes()
    assert told[-1] == (count, count)
    fewer = make_flow_maps(tiny_file, 30, kind, seed=3, dials=QUICK, workers=1)
    assert same(fewer, made[0][:30])
    other = make_flow_maps(tiny_file, 30, kind, seed=4, dials=QUICK, workers=1)
    assert not same(fewer, other)


def test_geometric_maps_without_noise_are_maps_of_the_exact_flow(tiny_file: Path) -> None:
    actions, dials = actions_of(Source(tiny_file)), Dials().without(*OFF)
    rng = np.random.default_rng(0)
    view = draw_view(actions.model, dials, rng)
    movement = draw_movement(view, actions.draw(5, dials, rng), dials, rng)
    for (made, name, side), flow in zip(
        geometric_maps(view, movement, dials, rng), movement.flow, strict=True
    ):
        assert (name, side) == ("geometric", 56)
        exact = map_of_flow(flow * np.float32(56), 28).astype(int)
        assert np.abs(made - exact).max() <= 1


def test_maps_show_what_their_labels_say(geometric: FlowMaps) -> None:
    """Smiles go up at the corners of the mouth, lowered brows down: v against the map's middle."""
    v = geometric.maps[:, 1].astype(float)
    v -= np.median(v, axis=(1, 2), keepdims=True)
    smile = geometric.units[:, 8].all(1) & (geometric.classes == 1)
    brow = geometric.units[:, 2].all(1) & ~geometric.units[:, 6].any(1)
    corners = v[:, 17:21, [5, 6, 7, 20, 21, 22]].mean((1, 2))
    brows = v[:, 1:4, [5, 6, 7, 20, 21, 22]].mean((1, 2))
    assert corners[smile].mean() < corners[~smile].mean() - 20
    assert brows[brow].mean() > brows[~brow].mean() + 20


def test_maps_are_alike_when_mirrored(geometric: FlowMaps) -> None:
    """Left and right have one distribution: mirrored maps with u negated have the same mean."""
    maps = geometric.maps.astype(float)
    strain, v, u = maps.mean(0)
    np.testing.assert_allclose(strain, strain[:, ::-1], atol=8)
    np.testing.assert_allclose(v, v[:, ::-1], atol=8)
    np.testing.assert_allclose(u, 255 - u[:, ::-1], atol=12)


def test_files(geometric: FlowMaps, tmp_path: Path) -> None:
    path = tmp_path / "maps.npz"
    geometric[:10].save(path, about="ten")
    assert same(FlowMaps.load(path), geometric[:10])
    assert np.load(path)["about"] == "ten"
    with pytest.raises(MissingDataError, match="no simulated maps"):
        FlowMaps.load(tmp_path / "none.npz")
    for content in (b"", b"text", path.read_bytes()[:2000]):
        (tmp_path / "bad.npz").write_bytes(content)
        with pytest.raises(StoreError, match="cannot be read"):
            FlowMaps.load(tmp_path / "bad.npz")
    arrays = dict(np.load(path))
    for bad in ({"maps": arrays["maps"]}, {**arrays, "views": arrays["views"][1:]}):
        np.savez(tmp_path / "bad.npz", **bad)
        with pytest.raises(StoreError, match="cannot be read"):
            FlowMaps.load(tmp_path / "bad.npz")


def test_bad_calls_are_refused(tiny_file: Path, tmp_path: Path) -> None:
    for bad in ({"count": 0}, {"count": 1, "seed": -1}):
        with pytest.raises(ConfigError, match="count"):
            make_flow_maps(tiny_file, **bad)
    with pytest.raises(ConfigError, match="kind 'exact'"):
        make_flow_maps(tiny_file, 1, "exact")  # type: ignore[arg-type]
    with pytest.raises(MerkitError, match="no face model"):
        make_flow_maps(tmp_path / "none.npz", 1)
    with pytest.raises(MissingDataError, match="no table"):
        make_flow_maps(Source(tiny_file, emotions=tmp_path / "none.csv"), 1)


def test_the_command(tiny_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "maps.npz"
    words = ["simulate", "--face-model", str(tiny_file), "--out", str(out), "--kind", "geometric"]
    words += ["--count", "50", "--seed", "2", "--workers", "1", "--without", "blink", "gaze"]
    assert main([*words, "--set", "dials.nothing.share=1"]) == 0
    assert "50 maps (0 negative, 0 positive, 0 surprise, 50 nothing)" in capsys.readouterr().out
    about = json.loads(str(np.load(out)["about"]))
    assert about["seed"] == 2
    assert about["dials"]["blink"]["chance"] == 0
    assert about["dials"]["nothing"]["share"] == 1
    before = out.read_bytes()
    assert main(words) == 2
    assert "maps.npz exists" in capsys.readouterr().err
    assert out.read_bytes() == before
    assert main([*words, "--overwrite"]) == 0
    assert out.read_bytes() != before
    assert [p.name for p in tmp_path.iterdir()] == ["maps.npz"]


def test_an_interrupted_command_goes_on(tiny_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "maps.npz"
    count = 2 * MAPS_PER_VIEW["estimated"]
    config = SimulateConfig(
        face_model=tiny_file, out=out, count=count, workers=1, dials=to_mapping(QUICK)
    )
    told: list[float] = []

    def interrupted(stage: str, done: float, total: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_simulated(config, interrupted)
    (parts,) = tmp_path.iterdir()
    (part,) = parts.iterdir()
    marked = FlowMaps.load(part)
    marked.classes[:] = 3  # so that it is seen again
    marked.save(part)
    whole = write_simulated(config, lambda stage, done, total: told.append(done))
    assert (whole.classes[: count // 2] == 3).all()
    assert not (whole.classes[count // 2 :] == 3).all()
    assert told == [count // 2, count]
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "no face model was named"),
        (["--face-model", "none.npz"], 3, "there is no face model none.npz"),
        (["--face-model", "F", "--count", "0"], 2, "count is 0"),
        (["--face-model", "F", "--without", "blinks"], 2, "blinks"),
        (["--face-model", "F", "--set", "dials.blnk.chance=0"], 2, "unknown setting 'dials.blnk'"),
        (["--face-model", "F", "--set", "dials.blink.chance=2"], 2, "blink.chance is 2"),
        (["--face-model", "F", "--emotions", "none.csv"], 3, "no table none.csv"),
    ],
)
def test_bad_input_of_the_command(
    words: list[str], code: int, said: str, tiny_file: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["simulate", *[str(tiny_file) if w == "F" else w for w in words]]) == code
    said_all = capsys.readouterr().err
    assert said in said_all
    assert "Traceback" not in said_all
    assert not list(tmp_path.iterdir())
