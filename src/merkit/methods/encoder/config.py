"""Settings of the frame encoder."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from merkit.config import check_settings
from merkit.errors import ConfigError
from merkit.face.align import AlignConfig

EncoderName = Literal[
    "tiny",
    "dinov2-small",
    "dinov2-base",
    "dinov2-large",
    "dinov2-giant",
    "dinov2-small-registers",
    "dinov2-base-registers",
    "dinov2-large-registers",
    "dinov2-giant-registers",
]

_PATCH_PX = 14
_TARGETS = ("query", "key", "value", "output")


@dataclass(frozen=True)
class TinyConfig:
    """Geometry of the ``tiny`` encoder, a small DINOv2 trained from scratch.

    ``patches``: patches a side, whatever the input.
    """

    width: int = 64
    blocks: int = 1
    heads: int = 4
    patches: int = 7
    mlp_ratio: int = 2


@dataclass(frozen=True)
class MotionConfig:
    """Motion between two frames by least squares in cells (Lucas and Kanade 1981).

    Args:
        cells: cells a side; the motion map is 2 x cells x cells.
        blur_px: side of the mean filter on the grey frames before derivatives; odd.
        window_cells: side of the window of one estimate, in cells; odd.
        regulariser: added to the squared gradients of the standardised frame, so that skin
            without texture is said to be still.
        gain: factor on the displacement in pixels of the aligned face.
    """

    cells: int = 28
    blur_px: int = 3
    window_cells: int = 3
    regulariser: float = 0.01
    gain: float = 10.0

    def __post_init__(self) -> None:
        wanted = {
            "blur_px": (self.blur_px % 2 == 1, "an odd number"),
            "window_cells": (self.window_cells % 2 == 1, "an odd number"),
            "regulariser": (self.regulariser > 0, "above 0"),
        }
        check_settings(self, "encoder.motion", wanted)


@dataclass(frozen=True)
class EncoderConfig:
    """Frame encoder: DINOv2 with low-rank adapters, or a small one trained from scratch.

    A field that is None takes the value that suits ``name``; ``resolved()`` fills them in.

    Args:
        name: model size; ``-registers`` has four register tokens (Darcet et al. 2024).
        path: folder in transformers format (config.json, model.safetensors); empty: the
            Hugging Face cache or Hub under the published name. Not for ``tiny``.
        tune: ``lora`` adapters in the last blocks, ``full`` every weight, ``frozen`` none.
            None: ``lora``, and ``full`` for ``tiny``, which has nothing worth keeping frozen.
        lora_rank: r (docs/methods/sfa-dgat.md, default 16 where the paper's value is lost).
        lora_alpha: the update is scaled by alpha / r; None: alpha = r.
        lora_blocks: number of last blocks with adapters; 0 leaves none.
        lora_targets: projections with adapters, of query, key, value, output.
        lora_dropout: dropout before the adapters.
        output: frame vector: class token, mean of the patch tokens, both side by side, or
            ``tokens``: class and patch tokens unpooled.
        image_size_px: S; None: 224, and 112 for ``tiny``.
        mean, std: per channel, of pixel values scaled to 0..1 (ImageNet).
        input: ``frame``: the normalised frame. ``difference``: each frame standardised by its
            own mean and deviation, minus the frame sampled before it, times
            ``difference_gain``. ``motion`` (``tiny`` only): displacement since the frame
            sampled before. The first frame is zero in both. A model trained from scratch on a
            hundred faces learns identity from ``frame``; the other two show it no face.
            Reading the previous frame and no other keeps every frame of a sliding window
            encoded once. None: ``frame``, and ``motion`` for ``tiny``.
        motion: how ``motion`` is measured.
        precision: arithmetic of the frozen part, float32 where the machine has no other; its
            result is stored in 16 bit in any case.
        chunk_frames: frames encoded at a time in the frozen part, which bounds memory.
        tiny: geometry of the ``tiny`` encoder.

    Raises:
        ConfigError: for values that cannot be, or that contradict each other.
    """

    name: EncoderName = "dinov2-small"
    path: str = ""
    tune: Literal["lora", "full", "frozen"] | None = None
    lora_rank: int = 16
    lora_alpha: float | None = None
    lora_blocks: int = 2
    lora_targets: tuple[str, ...] = ("query", "value")
    lora_dropout: float = 0.0
    output: Literal["cls", "patch_mean", "cls_mean", "tokens"] = "cls"
    image_size_px: int | None = None
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    input: Literal["frame", "difference", "motion"] | None = None
    difference_gain: float = 4.0
    motion: MotionConfig = field(default_factory=MotionConfig)
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    chunk_frames: int = 32
    tiny: TinyConfig = field(default_factory=TinyConfig)

    def __post_init__(self) -> None:
        known = get_args(EncoderName)
        if self.name not in known:
            raise ConfigError(f"encoder.name is '{self.name}'", f"one of: {', '.join(known)}")
        self._check_lora()
        if self.name == "tiny" and self.path:
            raise ConfigError(
                f"encoder.path is '{self.path}' with encoder.name tiny",
                "no path: tiny is trained from scratch",
                "name the size of the model in that folder, such as dinov2-small",
            )
        if self.input == "motion" and self.name != "tiny":
            raise ConfigError(
                f"encoder.input is 'motion' with encoder.name {self.name}",
                "frame or difference: published weights read three colours",
            )
        self._check_sizes()

    def _check_sizes(self) -> None:
        size, cells, patches = self.resolved_size_px, self.motion.cells, self.tiny.patches
        if self.name != "tiny":
            steps = {"14 px, the side of a patch": size % _PATCH_PX}
        elif self.resolved_input == "motion":
            steps = {"encoder.motion.cells": size % cells, "encoder.tiny.patches": cells % patches}
        else:
            steps = {"encoder.tiny.patches": size % patches}
        for step, rest in steps.items():
            if rest:
                raise ConfigError(
                    f"encoder.image_size_px is {size}, motion.cells {cells}, tiny.patches "
                    f"{patches}",
                    f"a multiple of {step}",
                )

    def _check_lora(self) -> None:
        if self.name == "tiny" and self.tune not in (None, "full"):
            raise ConfigError(
                f"encoder.tune is '{self.tune}' with encoder.name tiny",
                "full: tiny has no pretrained weights to adapt or to keep",
                "leave encoder.tune out, or choose a dinov2 encoder",
            )
        targets = bool(self.lora_targets) and set(self.lora_targets) <= set(_TARGETS)
        wanted = {
            "lora_targets": (targets, f"some of {', '.join(_TARGETS)}"),
            "lora_rank": (self.lora_rank >= 1, "1 or more"),
            "lora_blocks": (self.lora_blocks >= 0, "0 (no adapters) or more"),
        }
        check_settings(self, "encoder", wanted)

    @property
    def resolved_size_px(self) -> int:
        """S, the side of a frame."""
        return self.image_size_px or (112 if self.name == "tiny" else 224)

    @property
    def resolved_input(self) -> Literal["frame", "difference", "motion"]:
        """What the encoder sees of a frame."""
        return self.input or ("motion" if self.name == "tiny" else "frame")

    def alignment(self) -> AlignConfig:
        """Frames of the encoder's size, aligned as suits the input: each by itself, as the papers
        say, or one transform a clip where frames are compared. Landmarks jitter by more than a
        micro-expression moves, and that jitter would be read as motion."""
        return AlignConfig(
            policy="per_frame" if self.resolved_input == "frame" else "onset",
            size_px=self.resolved_size_px,
        )

    @property
    def hub_id(self) -> str:
        """Name of the published weights on the Hugging Face Hub; empty for ``tiny``."""
        if self.name == "tiny":
            return ""
        family = "dinov2-with-registers" if self.name.endswith("-registers") else "dinov2"
        return f"facebook/{family}-{self.name.split('-')[1]}"

    def resolved(self) -> EncoderConfig:
        """The same settings with every None replaced by the value that suits ``name``."""
        tiny = self.name == "tiny"
        tune = self.tune or ("full" if tiny else "lora")
        if tune == "lora" and self.lora_blocks == 0:
            tune = "frozen"
        return replace(
            self,
            tune=tune,
            lora_alpha=self.lora_rank if self.lora_alpha is None else self.lora_alpha,
            image_size_px=self.resolved_size_px,
            input=self.resolved_input,
        )
