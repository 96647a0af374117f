"""Recognisers that merkit brings, trained on simulated faces alone: their folders, whole or not.

A folder holds ``model.safetensors``; ``config.json``: format, method with its settings, classes,
action units, limits below which it abstains, the SHA-256 of the weights, facts of its making; and
``CARD.md``: how it was made, on what, measured where, and what it is not for. No pickle is ever
loaded. The same command writes a recogniser of one's own, which serves wherever a bundled one does,
by its folder.

torch is imported when a network is asked for, so that a list of them is fast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from merkit.config import from_mapping
from merkit.errors import ConfigError, MissingWeightsError, StoreError
from merkit.files import atomic_folder, check_kinds, file_hash, read_json, write_json, write_text
from merkit.methods.limits import Limits

if TYPE_CHECKING:
    from merkit.methods.base import Method
    from merkit.samples.recipes import Recipe
    from merkit.training.network import Network

_WEIGHTS = Path(__file__).parents[1] / "weights"
#: name -> folder; the name is that of its method
BUNDLED: Mapping[str, Path] = {
    "sim-flow": _WEIGHTS / "sim_flow",
    "sim-seq": _WEIGHTS / "sim_seq",
}
#: what they tell apart, and the action units that they see on the left and right of the person
CLASSES = ("negative", "positive", "surprise")
UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17)
FORMAT = 1
MODEL, CONFIG, CARD = "model.safetensors", "config.json", "CARD.md"
#: a card as the Hugging Face Hub shows it, with its metadata first
README = "README.md"
#: what config.json holds at least, and of which kind
_FIELDS = {
    "format": int,
    "method": str,
    "model": dict,
    "training": dict,
    "recipe": dict,
    "classes": list,
    "units": list,
    "sha256": str,
    "facts": dict,
}
_MAKE = "make it with the command of docs/methods/sim-flow.md, or name a folder that it wrote"


@dataclass(frozen=True)
class Recogniser:
    """A recogniser as its folder describes it; ``sha256`` is that of its weights. ``limits`` has a
    number for each of ``units``."""

    folder: Path
    name: str
    classes: tuple[str, ...]
    units: tuple[int, ...]
    limits: Limits
    sha256: str
    facts: Mapping[str, Any] = field(repr=False)
    settings: Mapping[str, Mapping[str, Any]] = field(repr=False)

    @property
    def is_bundled(self) -> bool:
        """Whether it came with merkit, and is no file of the user's."""
        return self.folder in BUNDLED.values()

    @cached_property
    def method(self) -> Method:
        """The method that it was trained as, whose networks have random weights.

        Raises:
            StoreError: this merkit has no such method or setting.
        """
        from merkit.methods import make_method

        try:
            return make_method(self.name, **self.settings, init="random")
        except ConfigError as error:
            where = f"{self.folder / CONFIG}: {error.found}"
            raise StoreError(where, error.wanted, _MAKE) from None

    @property
    def recipe(self) -> Recipe:
        """How clips became what it was trained on."""
        recipe = self.method.recipe
        assert recipe is not None  # as save_bundled asks for
        return recipe

    def check(self) -> None:
        """Refuse weights that are not as they were written.

        Raises:
            MissingWeightsError, StoreError: they are not there, or damaged.
        """
        path = self.folder / MODEL
        if not path.is_file():
            raise MissingWeightsError(f"{self.folder} has no {MODEL}", "a whole folder", _MAKE)
        if file_hash(path) != self.sha256:
            raise StoreError(f"{path} is not as it was written", "the file of its config", _MAKE)

    def network(self) -> Network:
        """The trained network, ready to be asked.

        Raises:
            MissingWeightsError, StoreError: as ``check``, or weights of another network.
        """
        from merkit.training.stored import fill

        self.check()
        network = cast("Network", self.method.build(len(self.classes)))
        fill(network, self.folder / MODEL, _MAKE)
        return network.eval()


def read_recogniser(name: str | Path) -> Recogniser:
    """A bundled recogniser by its name, or one by its folder.

    Raises:
        ConfigError: neither a name nor a folder.
        MissingWeightsError: its files are not there.
        StoreError: its config.json is damaged or of another version.
    """
    folder = BUNDLED.get(str(name), Path(name))
    if str(name) not in BUNDLED and not folder.is_dir():
        wanted = f"one of: {', '.join(BUNDLED)}, or the folder of one"
        raise ConfigError(f"there is no recogniser '{name}'", wanted)
    path = folder / CONFIG
    if not path.is_file():
        raise MissingWeightsError(
            f"recogniser '{name}' is not made: there is no {path}",
            "a folder with its weights",
            _MAKE,
        )
    config = read_json(path, _FIELDS, "a config.json of a recogniser of merkit", _MAKE)
    if config["format"] != FORMAT:
        raise StoreError(f"{path} has format {config['format']}", f"format {FORMAT}", _MAKE)
    check_kinds(path, config, _FIELDS, _MAKE)
    return Recogniser(
        folder,
        config["method"],
        tuple(map(str, config["classes"])),
        tuple(map(int, config["units"])),
        _limits(path, config),
        config["sha256"],
        config["facts"],
        {group: config[group] for group in ("model", "training", "recipe")},
    )


def is_recogniser(folder: Path) -> bool:
    """Whether a folder is one of a recogniser, and not of a model that ``merkit train`` wrote."""
    path = folder / CONFIG
    try:
        return "sha256" in read_json(path, (), "a config.json")
    except StoreError:
        return False


def _limits(path: Path, config: Mapping[str, Any]) -> Limits:
    """Those of a config.json; the defaults of what it does not name."""
    try:
        limits = from_mapping(Limits, config.get("limits") or {}, "limits")
        return limits.of_units(len(config["units"]))
    except (ConfigError, ValueError) as error:
        raise StoreError(f"{path}: {error}", "limits that fit", _MAKE) from None


def save_bundled(
    folder: Path,
    method: Method,
    network: Network,
    facts: Mapping[str, Any],
    card: str,
    classes: Sequence[str] = CLASSES,
    units: Sequence[int] = UNITS,
    limits: Limits | None = None,
) -> None:
    """Write a recogniser's folder whole, or not at all.

    Args:
        method: with the settings of this network, and whose recipe makes what it reads.
        facts: of its making, such as seed, minutes, versions, temperature fitted; plain values.
        card: text of CARD.md: how it was made, on what, measured where, what it is not for.
        classes: in the order of the network's logits.
        units: in the order of the network's ``aux["units"]``; () where it has none.
        limits: below which it abstains, chosen on held-out data of its making.

    Raises:
        ConfigError: the folder exists, or the method reads nothing of a clip.
    """
    from safetensors.torch import save_file

    if folder.exists():
        raise ConfigError(f"{folder} exists", "a new folder for the recogniser", "remove it first")
    if method.recipe is None:
        raise ConfigError(f"'{method.name}' reads nothing of a clip", "a method with a recipe")
    state = {name: t.detach().cpu().contiguous() for name, t in network.state_dict().items()}
    with atomic_folder(folder) as temporary:
        save_file(state, temporary / MODEL, {"format": "pt"})
        (temporary / MODEL).chmod(0o644)  # it is to be installed for everybody
        config = {
            "format": FORMAT,
            "method": method.name,
            **method.settings(),
            "classes": list(classes),
            "units": list(units),
            "limits": asdict((limits or Limits()).of_units(len(units))),
            "sha256": file_hash(temporary / MODEL),
            "facts": dict(facts),
        }
        write_json(temporary / CONFIG, config)
        write_text(temporary / CARD, card)
