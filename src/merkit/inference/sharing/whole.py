"""A model folder that is whole wherever it is read: what it needs goes along, and nothing of the
machine that made it. It is written anew from the model, so that what else lies in the folder that
it came from, such as tables or notes, stays behind."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from merkit.errors import ConfigError
from merkit.files import atomic_folder, write_json, write_text
from merkit.inference.modelfolder import (
    ENCODER,
    RECOGNISER,
    LoadedModel,
    config_of,
    write_model,
)
from merkit.inference.sharing.card import card_of
from merkit.inference.sharing.places import refuse_places, without_files
from merkit.methods.bundled import CARD, CONFIG, MODEL, README

#: what is told of a training; anything else that stands in a config.json stays behind
_FACTS = (
    "label_map",
    "label_map_citation",
    "clips",
    "subjects",
    "clips_per_class",
    "published_per_class",
    "left_out",
    "data",
    "chosen_epoch",
    "averaging",
    "seed",
    "versions",
    "git_commit",
)


def save_whole(
    loaded: LoadedModel,
    folder: Path,
    run: Path | None = None,
    licence: str = "",
    name: str = "",
) -> Path:
    """Write the model with its card into a new folder, whole or not at all: ``config.json``,
    ``model.safetensors``, ``README.md``; and where the model reads a recogniser or an encoder from
    a folder of this machine, that as well.

    Args:
        run, licence, name: as ``card_of`` takes them.

    Raises:
        ConfigError: the folder exists, or a setting names a file of this machine that cannot go
            along.
        MissingDataError, StoreError: a run that does not serve.
    """
    if folder.exists():
        raise ConfigError(f"{folder} exists", "a new folder", "choose another --out")
    card = card_of(loaded, run, licence, name)
    with atomic_folder(folder) as temporary:
        if loaded.recogniser is not None:
            _copy(loaded.recogniser.folder, temporary, (MODEL, CONFIG, CARD))
            refuse_places(json.loads((temporary / CONFIG).read_text(encoding="utf-8")))
        else:
            _write(loaded, temporary)
        write_text(temporary / README, card)
    return folder


def _write(loaded: LoadedModel, folder: Path) -> None:
    facts = {name: loaded.facts[name] for name in _FACTS if name in loaded.facts}
    config = config_of(loaded.method, loaded.classes, facts)
    _take_along(config, folder)
    config["recipe"] = without_files(config["recipe"], "recipe")
    refuse_places(config)
    write_model(folder, config, loaded.model)


def _take_along(config: dict[str, Any], folder: Path) -> None:
    """Copy the folders that the settings name, and name the copies in their place."""
    model = config["model"]
    named = [(config, "init", RECOGNISER), (model, "weights", RECOGNISER)]
    if isinstance(model.get("encoder"), dict):
        named.append((model["encoder"], "path", ENCODER))
    for settings, key, copy in named:
        source = Path(str(settings.get(key) or ""))
        if not settings.get(key) or not source.is_dir():
            continue
        if copy == RECOGNISER:
            _copy(source, folder / copy, (MODEL, CONFIG, CARD))
        else:
            _copy_encoder(source, folder / copy)
        settings[key] = copy


def _copy(source: Path, target: Path, names: tuple[str, ...]) -> None:
    target.mkdir(exist_ok=True)
    for name in names:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)


def _copy_encoder(source: Path, target: Path) -> None:
    """Its weights and its configuration, which may tell where it was once loaded from."""
    weights = [p.name for p in source.glob("model*.safetensors*")]
    _copy(source, target, tuple(weights))
    config = json.loads((source / CONFIG).read_text(encoding="utf-8"))
    write_json(target / CONFIG, {k: v for k, v in config.items() if k != "_name_or_path"})
