"""A model for others: whole, with a card, and with nothing of this machine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from huggingface_hub.errors import RepositoryNotFoundError

from merkit.cli import main
from merkit.config import flat
from merkit.errors import ConfigError, HubError
from merkit.inference.modelfolder import LoadedModel, load_model, save_model
from merkit.inference.recognizer import Recognizer
from merkit.inference.sharing.hub import push_model
from merkit.inference.sharing.whole import save_whole
from merkit.methods import make_method
from merkit.methods.base import Method
from merkit.samples.batch import Inputs
from merkit.viewing.model_cards import model_cards
from placeholder_recogniser import sim_flow_folder

CLASSES = ("negative", "positive", "surprise")
FACTS = {"data": ["casme2"], "clips": 12, "subjects": 4, "seed": 3, "versions": {"merkit": "0"}}


def saved(folder: Path, method: Method, **facts: Any) -> Path:
    """A model folder with random weights, as 'merkit train' writes it."""
    torch.manual_seed(0)
    model = method.for_classes(CLASSES).build(3)
    save_model(folder, method.for_classes(CLASSES), model, CLASSES, {**FACTS, **facts})
    return folder


def flow_maps(n: int = 3) -> Inputs:
    random = np.random.default_rng(0)
    return {"flow_map": torch.from_numpy(random.integers(0, 256, (n, 3, 28, 28), np.uint8))}


def texts(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.suffix in (".json", ".md"):
            yield path.read_text(encoding="utf-8")


@pytest.fixture
def private_place(tmp_path: Path) -> Path:
    """A folder whose name must not get out."""
    place = tmp_path / "home-of-anna"
    place.mkdir()
    return place


def test_a_whole_folder_is_read_after_what_it_came_from_is_gone(
    private_place: Path, tmp_path: Path
) -> None:
    """A network that starts from a recogniser in a folder of this machine."""
    recogniser = sim_flow_folder(private_place / "recogniser-of-lab")
    method = make_method("ststnet", init=str(recogniser))
    loaded = load_model(saved(private_place / "model", method))
    expected = loaded.method.probabilities(loaded.model, flow_maps())
    whole = save_whole(loaded, tmp_path / "whole")
    shutil.rmtree(private_place)
    again = load_model(whole)
    np.testing.assert_array_equal(again.method.probabilities(again.model, flow_maps()), expected)
    assert not [text for text in texts(whole) if "anna" in text or str(tmp_path) in text]


def test_an_encoder_of_a_folder_goes_along(private_place: Path, tmp_path: Path) -> None:
    from transformers import Dinov2Config, Dinov2Model

    geometry = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    weights = private_place / "dinov2"
    Dinov2Model(Dinov2Config(**geometry, image_size=28, patch_size=14)).save_pretrained(weights)
    config = json.loads((weights / "config.json").read_text())
    (weights / "config.json").write_text(json.dumps({**config, "_name_or_path": str(weights)}))
    encoder = {"path": str(weights), "image_size_px": 28}
    method = make_method("linear-probe", {"encoder": encoder, "frames": 2})
    loaded = load_model(saved(private_place / "model", method))
    clips = {"rgb": torch.randint(0, 256, (2, 2, 3, 28, 28), dtype=torch.uint8)}
    expected = loaded.method.probabilities(loaded.model, clips)
    whole = save_whole(loaded, tmp_path / "whole")
    shutil.rmtree(private_place)
    again = load_model(whole)
    np.testing.assert_array_equal(again.method.probabilities(again.model, clips), expected)
    assert not [text for text in texts(whole) if "anna" in text]


def test_only_the_model_and_its_card_are_taken(private_place: Path, tmp_path: Path) -> None:
    """What else lies in the folder, or was written into its config.json, stays behind."""
    folder = saved(private_place / "model", make_method("ststnet"), note="clip sub01/EP02_01f")
    (folder / "predictions.csv").write_text("sub01/EP02_01f,negative\n")
    whole = save_whole(load_model(folder), tmp_path / "whole")
    names = sorted(path.name for path in whole.iterdir())
    assert names == ["README.md", "config.json", "model.safetensors"]
    assert not [text for text in texts(whole) if "EP02" in text]


def test_files_that_settings_name_are_left_out(private_place: Path, tmp_path: Path) -> None:
    task = private_place / "face.task"
    task.write_bytes(b"x")
    method = make_method("ststnet", {}, {}, {"track": {"model_path": str(task)}})
    whole = save_whole(load_model(saved(private_place / "model", method)), tmp_path / "whole")
    config = json.loads((whole / "config.json").read_text())
    assert config["recipe"]["track"]["model_path"] == ""
    assert not [value for value in flat(config).values() if str(value).startswith("/")]


def test_a_place_that_cannot_go_along_is_refused(private_place: Path, tmp_path: Path) -> None:
    folder = saved(private_place / "model", make_method("ststnet"), label_map=str(private_place))
    with pytest.raises(ConfigError, match="label_map names a place of this machine"):
        save_whole(load_model(folder), tmp_path / "whole")
    assert not (tmp_path / "whole").exists()


def test_the_card_says_what_must_be_known(tmp_path: Path) -> None:
    loaded = load_model(saved(tmp_path / "model", make_method("ststnet", {"dropout": 0.25})))
    whole = save_whole(loaded, tmp_path / "whole", name="anna/shallow")
    card = ModelCard.load(whole / "README.md")
    metadata = card.data.to_dict()
    assert metadata["license"] == "other"
    assert metadata["library_name"] == "merkit"
    assert "ststnet" in metadata["tags"]
    text = " ".join(card.text.split())
    for words in (
        "12 clips of 4 subjects of casme2",
        "casme2: research only, signed agreement",
        "No score comes with it",
        "Seed 3.",
        "model.dropout = 0.25",
        "no lie detector, and not for hiring, policing",
        "Liong et al. 2019, FG",
        "--model anna/shallow",
    ):
        assert words in text, words


def test_a_licence_is_given_or_follows_from_the_data(tmp_path: Path) -> None:
    folder = saved(tmp_path / "model", make_method("ststnet"), data=["synthetic"])
    loaded = load_model(folder)
    for licence, expected in (("", "apache-2.0"), ("cc-by-nc-4.0", "cc-by-nc-4.0")):
        whole = save_whole(loaded, tmp_path / expected, licence=licence)
        assert ModelCard.load(whole / "README.md").data.license == expected


def test_scores_of_a_run_of_the_same_settings_stand_on_the_card(
    tiny_model: Path, tiny_run: Path, tmp_path: Path
) -> None:
    """Found where it lies beside the model, and refused where it is of other settings."""
    from merkit.report.result import read_result

    folder = shutil.copytree(tiny_model, tmp_path / "model")
    without = save_whole(load_model(folder), tmp_path / "a") / "README.md"
    assert "No score comes with it" in without.read_text()
    shutil.copytree(tiny_run, tmp_path / "run")
    whole = save_whole(load_model(folder), tmp_path / "b")
    score = read_result(tiny_run).scores.main
    card = ModelCard.load(whole / "README.md")
    assert f"UF1  {score.value:.3f}  (95 % interval {score.bounds()}" in card.text
    told = {one.metric_name.partition(",")[0]: one.metric_value for one in card.data.eval_results}
    assert told["UF1"] == round(score.value, 4)
    assert "sub0" not in card.content

    other = load_model(saved(tmp_path / "other", make_method("ststnet"), data=["synthetic"]))
    with pytest.raises(ConfigError, match="not a run of this model's settings"):
        save_whole(other, tmp_path / "c", run=tiny_run)


def test_the_page_shows_the_card_without_its_metadata(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a folder, and of a model of the Hub as it was fetched before."""
    whole = save_whole(load_model(saved(tmp_path / "m", make_method("ststnet"))), tmp_path / "w")
    assert model_cards(str(whole))["w"].startswith("# ststnet by merkit")

    def fetched(name: str, local_files_only: bool, **_: Any) -> str:
        assert (name, local_files_only) == ("anna/shallow", True)
        return str(whole)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetched)
    assert model_cards("anna/shallow")["shallow"].startswith("# ststnet by merkit")


class Hub:
    """Stands for the Hub behind ``HfApi``; ``public``: names of repositories that all see."""

    calls: list[tuple[str, dict[str, Any]]]
    files: dict[str, int]
    public: tuple[str, ...] = ()
    offline = False

    def __init__(self) -> None:
        self.calls, self.files = [], {}

    def __call__(self, **_: Any) -> Hub:
        return self

    def model_info(self, repo_id: str) -> Any:
        if self.offline:
            raise ConnectionError("Name or service not known")
        if repo_id in self.public:
            return SimpleNamespace(private=False)
        response = SimpleNamespace(headers={}, status_code=404, request=None)
        raise RepositoryNotFoundError("404", response=response)  # type: ignore[arg-type]

    def create_repo(self, repo_id: str, **settings: Any) -> None:
        self.calls.append((repo_id, settings))

    def upload_folder(self, repo_id: str, folder_path: str, **settings: Any) -> Any:
        if self.offline:
            raise ConnectionError("Name or service not known")
        place = Path(folder_path)
        sizes = {p.relative_to(place).as_posix(): p.stat().st_size for p in place.rglob("*.*")}
        self.files = sizes
        return SimpleNamespace(repo_url=f"https://huggingface.co/{repo_id}")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    stub = Hub()
    monkeypatch.setattr(huggingface_hub, "HfApi", stub)
    return stub


@pytest.fixture
def model(tmp_path: Path) -> LoadedModel:
    return load_model(saved(tmp_path / "model", make_method("ststnet")))


def test_a_dry_push_lists_what_a_push_sends(hub: Hub, model: LoadedModel) -> None:
    listed = push_model(model, "anna/shallow", dry_run=True)
    assert not hub.calls
    assert listed.url == ""
    sent = push_model(model, "anna/shallow")
    assert hub.calls == [
        ("anna/shallow", {"private": True, "exist_ok": True, "repo_type": "model"})
    ]
    assert hub.files == dict(listed.files) == dict(sent.files)
    assert sorted(hub.files) == ["README.md", "config.json", "model.safetensors"]
    assert sent.url == "https://huggingface.co/anna/shallow"
    assert sent.bound == "casme2: research only, signed agreement"


def test_a_public_repository_is_written_only_where_that_was_said(
    hub: Hub, model: LoadedModel
) -> None:
    hub.public = ("anna/shallow",)
    with pytest.raises(ConfigError, match="everybody sees it"):
        push_model(model, "anna/shallow")
    assert not hub.files
    push_model(model, "anna/shallow", private=False)
    assert hub.files


def test_no_network_is_told_in_one_clear_error(hub: Hub, model: LoadedModel) -> None:
    hub.offline = True
    with pytest.raises(HubError, match=r"cannot be written to the Hub.*\n.*\n.*hf auth login"):
        push_model(model, "anna/shallow")


@pytest.mark.parametrize("name", ["shallow", "anna/sha llow", "a/b/c", "anna/-x", ""])
def test_names_that_cannot_be_are_refused(hub: Hub, model: LoadedModel, name: str) -> None:
    with pytest.raises(ConfigError, match="user/name"):
        push_model(model, name, dry_run=True)


def test_recognizers_save_and_push(hub: Hub, model: LoadedModel, tmp_path: Path) -> None:
    recognizer = Recognizer(model, device="cpu")
    folder = recognizer.save_pretrained(tmp_path / "shared")
    assert Recognizer.from_pretrained(folder, "cpu").classes == CLASSES
    assert recognizer.push_to_hub("anna/shallow", dry_run=True).private
    bundled = Recognizer.from_pretrained("sim-flow", "cpu").save_pretrained(tmp_path / "sim")
    assert load_model(bundled).recogniser is not None
    assert ModelCard.load(bundled / "README.md").data.license == "apache-2.0"


def test_the_commands(
    hub: Hub, model: LoadedModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(model.folder)
    assert main(["push", folder, "anna/shallow", "--dry"]) == 0
    shown = capsys.readouterr()
    assert "anna/shallow (private):" in shown.out
    assert "nothing was sent" in shown.out
    assert "research only, signed agreement" in shown.err
    hub.offline = True
    assert main(["push", folder, "anna/shallow"]) == 3
    assert main(["push", folder]) == 2
    capsys.readouterr()
    assert main(["export", folder, "--out", str(tmp_path / "shared")]) == 0
    assert f"written: {tmp_path / 'shared' / 'README.md'}" in capsys.readouterr().out
    assert main(["export", folder, "--out", str(tmp_path / "shared")]) == 2
    assert main(["export", folder, "--out", str(tmp_path / "model.xyz")]) == 2
    assert main(["export", str(tmp_path / "none"), "--out", str(tmp_path / "m.onnx")]) == 3
