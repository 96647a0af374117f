"""A model folder: ``model.safetensors`` and ``config.json``. No pickle is ever loaded.

Only weights that training may change are stored; the frozen part of a pretrained encoder is
loaded again from where the configuration says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from merkit.errors import ConfigError, MissingDataError, MissingWeightsError, StoreError
from merkit.files import atomic_folder, check_kinds, read_json, write_json, write_text
from merkit.methods import make_method
from merkit.methods.base import Method
from merkit.methods.bundled import (
    BUNDLED,
    CONFIG,
    MODEL,
    README,
    Recogniser,
    is_recogniser,
    read_recogniser,
)
from merkit.methods.simulated import SimulatedMethod
from merkit.methods.started import Started
from merkit.methods.started_network import StartedNetwork
from merkit.training.network import Model
from merkit.training.stored import fill

FORMAT = 2
#: folders within a model folder that stand for those of the machine that it was trained on
RECOGNISER, ENCODER = "recogniser", "encoder"
#: what config.json holds at least, and of which kind
_FIELDS = {
    "format": int,
    "method": str,
    "model": dict,
    "training": dict,
    "recipe": dict,
    "classes": list,
}


@dataclass(frozen=True)
class LoadedModel:
    """A trained model with everything needed to use it. ``data``: the databases that it was
    trained on, as far as its folder says. ``recogniser``: what it is as it was made, if one.
    ``facts``: what else config.json tells of its training. ``folder``: where it was read."""

    method: Method
    model: Model
    classes: tuple[str, ...]
    data: tuple[str, ...] = ()
    recogniser: Recogniser | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = None

    @property
    def telling(self) -> tuple[Recogniser, Model] | None:
        """A recogniser that is as it was made and so knows its action units, and its network: all
        of this model, or that from which its training started and which it left as it was
        (``init_rate`` 0). None where there is none."""
        if self.recogniser is not None:
            return self.recogniser, self.model
        method, model = self.method, self.model
        if not isinstance(model, StartedNetwork) or method.training.init_rate > 0:
            return None
        assert isinstance(method, (SimulatedMethod, Started))  # whose networks these are
        return method.recogniser, model.recogniser


def save_model(
    folder: Path,
    method: Method,
    model: Model,
    classes: tuple[str, ...],
    facts: Mapping[str, Any],
    card: str = "",
) -> None:
    """Write a model folder whole, or not at all.

    Args:
        facts: of its training, plain values.
        card: text of README.md; "": it has none.

    Raises:
        ConfigError: the folder exists already.
    """
    if folder.exists():
        raise ConfigError(f"{folder} exists", "a new folder for the model", "choose another --out")
    with atomic_folder(folder) as temporary:
        write_model(temporary, config_of(method, classes, facts), model)
        if card:
            write_text(temporary / README, card)


def config_of(method: Method, classes: tuple[str, ...], facts: Mapping[str, Any]) -> dict[str, Any]:
    """What config.json holds."""
    own = {"format": FORMAT, "method": method.name, **method.settings()}
    return {**own, "classes": list(classes), **facts}


def write_model(folder: Path, config: Mapping[str, Any], model: Model) -> None:
    """Both files of a model, into a folder that is being made."""
    state = {name: t.detach().cpu().contiguous() for name, t in model.trainable_state().items()}
    save_file(state, folder / MODEL, {"format": "pt"})
    (folder / MODEL).chmod(0o644)  # safetensors lets its owner alone read it
    write_json(folder / CONFIG, config)


def load_model(name: str | Path) -> LoadedModel:
    """Read a model folder, or fetch it from the Hugging Face Hub (``user/name``); or one of the
    recognisers that come with merkit, by its name, or another by its folder.

    Raises:
        MissingDataError: no such folder, or files missing in it.
        MissingWeightsError: the Hub cannot be reached or has no such model.
        StoreError: damaged files, or weights that do not fit the configuration.
    """
    if str(name) in BUNDLED:
        return of_recogniser(read_recogniser(name))
    folder = model_folder(name)
    if is_recogniser(folder):
        return of_recogniser(read_recogniser(folder))
    path = folder / CONFIG
    config = _found_within(folder, _read_config(path))
    try:
        method = make_method(
            config["method"],
            config["model"],
            config["training"],
            config["recipe"],
            config.get("init", ""),
        )
    except ConfigError as error:
        raise StoreError(
            f"{path}: {error.found}", error.wanted, "use the merkit version that wrote it"
        ) from None
    classes = tuple(config["classes"])
    model = method.build(len(classes))
    fill(model, folder / MODEL, "write the model again with 'merkit train'")
    data = tuple(map(str, config.get("data") or ()))
    facts = {name: value for name, value in config.items() if name not in (*_FIELDS, "init")}
    return LoadedModel(method, model.eval(), classes, data, facts=facts, folder=folder)


def of_recogniser(recogniser: Recogniser) -> LoadedModel:
    """A recogniser as it is; no database had a part in what comes with merkit.

    Raises:
        MissingWeightsError, StoreError: its weights are not there, or damaged.
    """
    weights = {} if recogniser.is_bundled else {"weights": str(recogniser.folder)}
    method = make_method(recogniser.name, weights).for_classes(recogniser.classes)
    model = method.build(len(recogniser.classes)).eval()
    data = ("simulation",) if recogniser.is_bundled else ()
    return LoadedModel(
        method, model, recogniser.classes, data, recogniser, folder=recogniser.folder
    )


def model_folder(name: str | Path, fetch: bool = True) -> Path:
    """The folder of a model that is named by it, or of one of the Hub.

    Args:
        fetch: from the Hub; False: only where it was fetched before.

    Raises:
        MissingDataError, MissingWeightsError: as ``load_model``.
    """
    folder = Path(name)
    if folder.is_dir():
        return folder
    parts = str(name).split("/")
    if folder.exists() or len(parts) != 2 or not all(parts) or parts[0] in (".", ".."):
        raise MissingDataError(
            f"there is no model folder {name}",
            "a folder that 'merkit train' wrote, or user/name on the Hugging Face Hub",
        )
    from huggingface_hub import snapshot_download

    try:
        kinds = ["*.json", "*.safetensors", "*.md"]
        return Path(snapshot_download(str(name), allow_patterns=kinds, local_files_only=not fetch))
    except Exception as error:
        raise MissingWeightsError(
            f"model '{name}' is no local folder and cannot be fetched from the Hub "
            f"({type(error).__name__})",
            "a folder that 'merkit train' wrote, or a model on the Hub",
            "check the path, or fetch it where there is a network",
        ) from None


def _found_within(folder: Path, config: dict[str, Any]) -> dict[str, Any]:
    """The configuration with the places of what lies within the model's own folder."""
    model = dict(config["model"])
    if isinstance(model.get("encoder"), dict) and model["encoder"].get("path") == ENCODER:
        model["encoder"] = {**model["encoder"], "path": str(folder / ENCODER)}
    if model.get("weights") == RECOGNISER:
        model["weights"] = str(folder / RECOGNISER)
    found = {**config, "model": model}
    if config.get("init") == RECOGNISER:
        found["init"] = str(folder / RECOGNISER)
    return found


def _read_config(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise MissingDataError(f"{path.parent} has no config.json", "a model folder of merkit")
    config = read_json(path, _FIELDS, "a config.json written by merkit")
    if config["format"] != FORMAT:
        raise StoreError(f"{path} has format {config['format']}", f"format {FORMAT}")
    check_kinds(path, config, _FIELDS)
    if not config["classes"] or not all(isinstance(name, str) for name in config["classes"]):
        raise StoreError(f"{path}: classes is {config['classes']!r}", "the names of classes")
    return config
