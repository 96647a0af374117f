"""Building a DINOv2 backbone: published weights, a local folder, or one from scratch; and low-rank
adapters (LoRA, Hu et al. 2022) in its last blocks, by peft."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from merkit.errors import ConfigError, MissingWeightsError
from merkit.methods.encoder.config import EncoderConfig

if TYPE_CHECKING:  # transformers takes 3 s to import; who only prepares samples builds nothing
    from transformers import Dinov2Config

_PROBE_TIMEOUT_S = 3.0
#: our names -> attribute names of transformers' Dinov2Attention
_PROJECTIONS = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "output": "o_proj"}


def build_backbone(config: EncoderConfig) -> Any:
    """The transformers model of a resolved ``config``, in evaluation mode and float32.

    Raises:
        MissingWeightsError: pretrained weights are neither in ``path`` nor to be had.
        ConfigError: the folder in ``path`` holds another model than ``name`` says.
    """
    if config.name == "tiny":
        return _model_class(config)(_tiny_config(config))
    source = _local_folder(config) if config.path else _hub_source(config)
    # from_pretrained only warns on keys that do not fit and fills them with random values
    with _quiet(), _readable(source):
        model, report = _model_class(config).from_pretrained(
            source, local_files_only=True, output_loading_info=True, dtype="float32"
        )
    missing = sorted(report["missing_keys"]) + sorted(map(str, report["mismatched_keys"]))
    if missing:
        raise MissingWeightsError(
            f"the weights in '{source}' lack {len(missing)} tensors, the first is {missing[0]}",
            f"every tensor of {config.name}",
            "get the folder again: config.json and model.safetensors must be of one model",
        )
    return model.eval()


def add_lora(backbone: Any, config: EncoderConfig) -> None:
    """Put adapters into the last ``lora_blocks`` blocks, in place; nothing else stays trainable.

    W x becomes W x + (alpha / r) B A x with A (r, D) random and B (D, r) zero (HLoRA-MER eqs
    4-5; docs/methods/sfa-dgat.md), so an untrained adapter changes nothing.

    Raises:
        ConfigError: more blocks asked for than the backbone has.
    """
    from peft import LoraConfig, inject_adapter_in_model

    total = len(backbone.encoder.layer)
    if config.lora_blocks > total:
        raise ConfigError(
            f"encoder.lora_blocks is {config.lora_blocks}", f"at most the {total} of {config.name}"
        )
    chosen = "|".join(str(i) for i in range(total - config.lora_blocks, total))
    names = "|".join(_PROJECTIONS[t] for t in config.lora_targets)
    settings = LoraConfig(
        r=config.lora_rank,
        lora_alpha=cast(int, config.lora_alpha),  # peft divides by r, fractions work as well
        lora_dropout=config.lora_dropout,
        target_modules=rf"encoder\.layer\.({chosen})\.attention\.({names})",
    )
    backbone.requires_grad_(False)
    inject_adapter_in_model(settings, backbone)


@contextmanager
def _readable(source: str) -> Iterator[None]:
    """transformers raises whatever damaged files lead it into."""
    try:
        yield
    except Exception as error:
        raise MissingWeightsError(
            f"the encoder in '{source}' cannot be read: {type(error).__name__}: "
            f"{str(error).splitlines()[0][:200] if str(error) else ''}",
            "config.json and model.safetensors as transformers saves them",
            "get the folder again",
        ) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """No loading bar of transformers: every fold of a run loads the same weights."""
    from transformers.utils import logging as transformers_logging

    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _tiny_config(config: EncoderConfig) -> Dinov2Config:
    from transformers import Dinov2Config

    tiny, motion = config.tiny, config.input == "motion"
    side = config.motion.cells if motion else config.resolved_size_px
    return Dinov2Config(
        hidden_size=tiny.width,
        num_hidden_layers=tiny.blocks,
        num_attention_heads=tiny.heads,
        mlp_ratio=tiny.mlp_ratio,
        num_channels=2 if motion else 3,
        patch_size=side // tiny.patches,
        image_size=side,
        use_mask_token=False,
        initializer_range=tiny.width**-0.5,  # DINOv2's 0.02 is for widths of 384 and more
    )


def _model_class(config: EncoderConfig) -> Any:
    from transformers import Dinov2Model, Dinov2WithRegistersModel

    return Dinov2WithRegistersModel if config.name.endswith("-registers") else Dinov2Model


def _local_folder(config: EncoderConfig) -> str:
    """The folder ``path``, checked against the family that ``name`` says."""
    from transformers import AutoConfig

    folder = Path(config.path)
    if not (folder / "config.json").is_file():
        raise MissingWeightsError(
            f"encoder.path is '{config.path}', where there is no config.json",
            "a folder with config.json and model.safetensors, as transformers saves it",
            f"copy the files of {config.hub_id} there, or leave encoder.path out",
        )
    with _readable(str(folder)):
        found = AutoConfig.from_pretrained(folder, local_files_only=True)
    wanted = _model_class(config).config_class.model_type
    if found.model_type != wanted:
        raise ConfigError(
            f"'{config.path}' holds a model of type {found.model_type}",
            f"{wanted}, since encoder.name is {config.name}",
            "choose the encoder.name that belongs to the folder",
        )
    if not any(folder.glob("model*.safetensors")):
        raise MissingWeightsError(
            f"encoder.path is '{config.path}', where there is no model.safetensors",
            "weights in safetensors format (pickled weights are never loaded)",
            f"copy model.safetensors of {config.hub_id} there",
        )
    return str(folder)


def _hub_source(config: EncoderConfig) -> str:
    """Folder of the published weights in the local cache, fetched once when it is not there."""
    from huggingface_hub import HfApi, snapshot_download

    files = ["config.json", "model.safetensors"]
    try:
        return str(snapshot_download(config.hub_id, allow_patterns=files, local_files_only=True))
    except OSError:
        pass  # not in the cache
    try:
        # one short question first: a download without network would go through long retries
        HfApi().model_info(config.hub_id, timeout=_PROBE_TIMEOUT_S)
        return str(snapshot_download(config.hub_id, allow_patterns=files))
    except Exception as error:  # the transport raises errors of several libraries
        raise MissingWeightsError(
            f"no weights of {config.hub_id}: not in the local cache, and the Hub could not be "
            f"reached ({type(error).__name__})",
            "the pretrained weights that encoder.name asks for",
            f"on a machine with network run `hf download {config.hub_id}` and take the folder "
            "here as encoder.path; or choose encoder.name tiny, which needs none",
        ) from error
