"""``sfa-dgat``: LoRA-tuned DINOv2, frequency adaptation and graph attention over frames.

Wang et al., "Micro-Expression Recognition via LoRA-Enhanced DinoV2 and Interactive
Spatio-Temporal Modeling", Sensors 2026, 26, 625; reconstructed as docs/methods/sfa-dgat.md says.

Shapes: B clips, T frames, S image side, D frame vector, d branch width,
K kernels of the fusion, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from merkit.config import check_settings
from merkit.errors import ConfigError
from merkit.methods.base import RgbMethod
from merkit.methods.dgat import Dgat, DgatConfig
from merkit.methods.encoder.config import EncoderConfig
from merkit.methods.encoder.network import EncoderNetwork
from merkit.methods.encoder.parts import frame_vector
from merkit.methods.losses import ConsistencyKind, consistency, koleo
from merkit.methods.masking import clip_lengths, masked_mean, zero_padding
from merkit.methods.sfa import Sfa, SfaConfig
from merkit.samples.batch import Inputs
from merkit.samples.recipes import RgbRecipe
from merkit.training.config import TrainConfig
from merkit.training.network import Output


@dataclass(frozen=True)
class FusionConfig:
    """Settings of the dynamic-convolution fusion of the two branches (docs/methods/sfa-dgat.md;
    Chen et al. 2020).

    Args:
        kernels: K [D].
        tau: temperature of the softmax over kernels; 1 leaves it out [R].
        gate: one ``linear`` layer, the printed W_d, or the ``fc-relu-fc`` of Chen et al., whose
            hidden layer is narrower than its input by ``reduction``.
        anneal_from: temperature of the first epoch, lowered by ``anneal_step`` an epoch down to
            ``tau`` (34 and 3 in the code of Chen et al.); 0: ``tau`` throughout.
        form: ``vector`` 1x1 convolutions of [f_s || f_t]; ``conv1d`` f_t repeated beside every
            frame of F_s, convolutions over time, then the mean over frames [R].
        kernel_size: over time, for ``conv1d`` [D].
        aggregate: mix the K results, or the K kernels first; the same for linear kernels.
        width: of the fused vector [D].
    """

    kernels: int = 4
    tau: float = 1.0
    gate: Literal["linear", "fc-relu-fc"] = "linear"
    reduction: int = 4
    anneal_from: float = 0.0
    anneal_step: float = 3.0
    form: Literal["vector", "conv1d"] = "vector"
    kernel_size: int = 3
    aggregate: Literal["outputs", "kernels"] = "outputs"
    width: int = 256

    def __post_init__(self) -> None:
        wanted = {
            "tau": (self.tau > 0, "above 0"),
            "reduction": (self.reduction >= 1, "1 or more"),
            "anneal_from": (
                self.anneal_from == 0 or self.anneal_from >= self.tau,
                "0 (tau throughout), or tau or more",
            ),
            "anneal_step": (self.anneal_step > 0, "above 0"),
            "kernels": (self.kernels >= 1, "1 or more"),
            "kernel_size": (self.kernel_size % 2 == 1, "an odd number"),
        }
        check_settings(self, "fusion", wanted)


@dataclass(frozen=True, kw_only=True)
class SfaDgat(RgbMethod):
    """Settings of the method.

    Args:
        encoder: frame encoder. ``tune="frozen"`` there is the paper's row without LoRA.
        sfa, dgat, fusion: the modules.
        use_sfa, use_dgat: ablation; with neither, the mean frame vector and a linear layer.
        frames: T (docs/methods/sfa-dgat.md, default 8 where the paper's value is lost).
        sampling: reach the last frame, or the printed floor(k N / T).
        align: ``per_frame`` as the paper, ``onset`` one transform a clip. None: as the paper,
            but ``onset`` where the encoder compares frames (``EncoderConfig.alignment``).
        lambda_koleo, lambda_consistency: weights of the two extra losses; the paper's 0.5 and
            0.1 survive without names, and the swap is almost as likely [R].
        consistency: distance of f_s and f_t [R].
        dropout: before the classifier [D].
    """

    name: ClassVar[str] = "sfa-dgat"
    title: ClassVar[str] = (
        "LoRA-tuned DINOv2 with frequency adaptation and graph attention over frames"
    )
    citation: ClassVar[str] = "Wang et al. 2026, Sensors 26, 625"

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    sfa: SfaConfig = field(default_factory=SfaConfig)
    dgat: DgatConfig = field(default_factory=DgatConfig)
    fusion: FusionConfig = field(default_factory=FusionConfig)
    use_sfa: bool = True
    use_dgat: bool = True
    frames: int = 8
    sampling: Literal["linspace", "floor"] = "linspace"
    align: Literal["per_frame", "onset"] | None = None
    lambda_koleo: float = 0.5
    lambda_consistency: float = 0.1
    consistency: ConsistencyKind = "mse"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.use_sfa and self.use_dgat and self.sfa.width != self.dgat.width:
            raise ConfigError(
                f"sfa.width is {self.sfa.width} and dgat.width {self.dgat.width}",
                "equal widths, since the consistency loss compares f_s and f_t",
            )
        wanted = {
            "frames": (self.frames >= 1, "1 or more"),
            "dropout": (0 <= self.dropout < 1, "0 to below 1"),
        }
        check_settings(self, "", wanted)
        super().__post_init__()

    def build(self, n_classes: int) -> SfaDgatNetwork:
        return SfaDgatNetwork(self, n_classes)

    def default_recipe(self) -> RgbRecipe:
        """Aligned frames of the size the encoder reads."""
        align = self.encoder.alignment()
        if self.align is not None:
            align = replace(align, policy=self.align)
        return RgbRecipe(frames=self.frames, sampling=self.sampling, align=align)

    def default_training(self) -> TrainConfig:
        """Adam, batch 16, at most 50 epochs, patience 10 (docs/methods/sfa-dgat.md); learning rate
        1e-4 [D].

        A network trained from scratch needs larger steps and decay. Its validation set is one or
        two subjects, whose loss says more than the score of a dozen clips.
        """
        if self.encoder.name == "tiny":
            return TrainConfig(
                optimiser="adamw",
                learning_rate=2e-3,
                weight_decay=0.05,
                warmup_epochs=2,
                schedule="cosine",
                epochs=30,
                gradient_clip=1.0,
                monitor="loss",
            )
        return TrainConfig()


class DynamicFusion(nn.Module):
    """F_fused = sum_k pi_k Conv_k(F_cat), pi = softmax(W_d F_cat / tau), or with two layers of
    weights and a ReLU between them in place of W_d.

    Args:
        width: of F_cat, the two branches side by side.
    """

    tau: Tensor

    def __init__(self, width: int, config: FusionConfig) -> None:
        super().__init__()
        self.config = config
        size = config.kernel_size if config.form == "conv1d" else 1
        self.gate: nn.Module = nn.Linear(width, config.kernels, bias=False)
        if config.gate == "fc-relu-fc":
            hidden = max(1, width // config.reduction)
            first, second = nn.Linear(width, hidden, bias=False), nn.Linear(hidden, config.kernels)
            self.gate = nn.Sequential(first, nn.ReLU(), second)
        # the temperature of the chosen epoch belongs to its weights
        start, annealed = config.anneal_from or config.tau, bool(config.anneal_from)
        self.register_buffer("tau", torch.tensor(float(start)), persistent=annealed)
        # K convolutions in one: output channel = k * d + channel
        self.convolutions = nn.Conv1d(width, config.kernels * config.width, size, padding=size // 2)

    def start_epoch(self, epoch: int) -> None:
        """Temperature of this epoch."""
        lowered = self.config.anneal_from - self.config.anneal_step * (epoch - 1)
        self.tau.fill_(max(lowered, self.config.tau))

    def forward(
        self, frames: Tensor, spatial: Tensor, temporal: Tensor, mask: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Fused vector (B,d) and kernel weights (B,K), which sum to one.

        Args:
            frames: F_s (B,T,d), read by ``conv1d``. spatial: f_s (B,d). temporal: f_t (B,d).
        """
        both = torch.cat((spatial, temporal), dim=-1)
        pi = torch.softmax(self.gate(both) / self.tau, dim=-1)
        if self.config.form == "conv1d":
            repeated = temporal[:, None].expand(*frames.shape[:2], -1)
            x = zero_padding(torch.cat((frames, repeated), dim=-1), mask).transpose(1, 2)
            return masked_mean(self._mix(x, pi).transpose(1, 2), mask), pi
        return self._mix(both[..., None], pi)[..., 0], pi

    def _mix(self, x: Tensor, pi: Tensor) -> Tensor:
        """(B, width, T) -> (B, d, T)."""
        k = self.config.kernels
        if self.config.aggregate == "outputs":
            y = self.convolutions(x)
            return torch.einsum("bk,bkdt->bdt", pi, y.reshape(len(y), k, -1, y.shape[-1]))
        weight, bias = self.convolutions.weight, self.convolutions.bias
        assert bias is not None  # Conv1d has one unless told otherwise
        kernels = torch.einsum("bk,kdws->bdws", pi, weight.reshape(k, -1, *weight.shape[1:]))
        biases = pi @ bias.reshape(k, -1)
        # clips as groups: each is convolved with its own kernel
        y = F.conv1d(
            x.reshape(1, -1, x.shape[-1]),
            kernels.flatten(0, 1),
            biases.flatten(),
            padding=self.convolutions.padding,
            groups=len(x),
        )
        return y.reshape(len(x), -1, x.shape[-1])


class SfaDgatNetwork(EncoderNetwork):
    """The network. ``Output.aux`` holds what losses and figures read: ``f_s``, ``f_t`` (B,d),
    ``frequency_weight`` (B,T), ``attention`` (B,H,T,T), ``gate`` (B,K) of the fusion and
    ``expert_gate`` (B,2,N), each where its module is in use."""

    config: SfaDgat

    def __init__(self, config: SfaDgat, n_classes: int) -> None:
        if config.encoder.output == "tokens":
            raise ConfigError(
                "encoder.output is 'tokens'", "one vector a frame: cls, patch_mean or cls_mean"
            )
        by_patch = config.use_sfa and config.sfa.fft_axes == "patch-grid"
        encoder = replace(config.encoder, output="tokens") if by_patch else config.encoder
        super().__init__(config, n_classes, encoder)
        self.by_patch = by_patch
        #: how tokens become frame vectors where the encoder has to return them all
        self.pooling = config.encoder.output
        double = 2 if self.by_patch and self.pooling == "cls_mean" else 1
        width = self.encoder.width * double
        features = width
        if config.use_sfa:
            self.sfa = Sfa(self.encoder.width, config.sfa, self.encoder.grid)
            features = config.sfa.width
        if config.use_dgat:
            self.dgat = Dgat(width, config.dgat)
            features = config.dgat.width
        if config.use_sfa and config.use_dgat:
            self.fusion = DynamicFusion(2 * features, config.fusion)
            features = config.fusion.width
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(features, n_classes)

    def forward(self, inputs: Inputs) -> Output:
        """``rgb`` u8 (B,T,3,S,S) or ``tokens`` (B,T,N,D), and optionally ``mask`` (B,T) with
        padding at the end; padded frames do not change the result.

        Raises:
            ConfigError: a mask with padding elsewhere, or a clip without frames.
        """
        encoded, mask = self.encode(inputs), inputs.get("mask")
        clip_lengths(mask)  # checks it
        patches = encoded[:, :, 1:] if self.by_patch else encoded
        x = frame_vector(encoded, self.pooling) if self.by_patch else encoded
        aux: dict[str, Tensor] = {}
        weight = None
        if self.config.use_sfa:
            frames, features, weight, gates = self.sfa(patches, mask)
            aux |= {"f_s": features, "frequency_weight": weight, "expert_gate": gates}
        if self.config.use_dgat:
            aux["f_t"], aux["attention"] = self.dgat(x, weight, mask)
            features = aux["f_t"]
        if self.config.use_sfa and self.config.use_dgat:
            features, aux["gate"] = self.fusion(frames, aux["f_s"], aux["f_t"], mask)
        if not aux:
            features = masked_mean(x, mask)
        return Output(self.classifier(self.dropout(features)), features, aux)

    def start_epoch(self, epoch: int) -> None:
        """See ``Network.start_epoch``: the fusion's temperature."""
        if self.config.use_sfa and self.config.use_dgat:
            self.fusion.start_epoch(epoch)

    def loss(self, output: Output, targets: Tensor, class_weights: Tensor | None = None) -> Tensor:
        """L = L_cls + lambda_koleo L_K(F_fused) + lambda_consistency L_c(f_s, f_t).

        The base of the ablation (neither SFA nor DGAT) has cross-entropy alone.
        """
        return sum(self.extra_losses(output), super().loss(output, targets, class_weights))

    def extra_losses(self, output: Output) -> tuple[Tensor, ...]:
        """The second and third terms of ``loss``."""
        distance = self.unlabelled_loss(output)
        if not output.aux:
            return (distance,)
        return self.config.lambda_koleo * koleo(output.features), distance

    def unlabelled_loss(self, output: Output) -> Tensor:
        """lambda_consistency L_c(f_s, f_t), the part of the loss that needs no label.

        On target clips it is the second term of L_DA (docs/methods/sfa-dgat.md): transductive, to
        be reported as such. Zero where one of the branches is left out.
        """
        if "f_s" not in output.aux or "f_t" not in output.aux:
            return output.logits.sum() * 0
        distance = consistency(output.aux["f_s"], output.aux["f_t"], self.config.consistency)
        return self.config.lambda_consistency * distance
