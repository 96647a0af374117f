"""bfloat16 where the machine has it, float32 with one line where it has not."""

from __future__ import annotations

import ctypes
import multiprocessing
import platform
import resource
import warnings
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import Dinov2Config, Dinov2Model

from memory_samples import memory_reader
from merkit.errors import MerkitWarning
from merkit.methods.base import Method
from merkit.methods.encoder.config import EncoderConfig
from merkit.methods.encoder.network import Encoder
from merkit.methods.ststnet import Ststnet
from merkit.training import device
from merkit.training.config import TrainConfig
from merkit.training.device import half_works, token_memory_bytes, trains_in_half
from merkit.training.loop import FitContext
from merkit.types import Fold

IDS = tuple("abcdef")
METHOD: Method = Ststnet(training=TrainConfig(epochs=2, batch_size=3, augment=False))


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    half_works.cache_clear()
    yield
    half_works.cache_clear()


@pytest.fixture
def without_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CPU with AVX2 alone: oneDNN has no LSTM of this type."""

    def refuse(*_: object) -> None:
        raise RuntimeError("could not create a primitive descriptor for the LSTM\nmore words")

    monkeypatch.setattr(torch.nn.LSTM, "forward", refuse)


def refuse_half(monkeypatch: pytest.MonkeyPatch, layer: Any, reason: str) -> None:
    """A CPU that has no kernel of this layer for a 16-bit type."""
    forward = layer.forward

    def refuse(self: torch.nn.Module, x: torch.Tensor) -> Any:
        if torch.is_autocast_enabled("cpu"):
            raise RuntimeError(reason)
        return forward(self, x)

    monkeypatch.setattr(layer, "forward", refuse)


def weights(bf16: bool) -> dict[str, torch.Tensor]:
    random = np.random.default_rng(0)
    arrays = {c: {"flow_map": random.integers(0, 255, (3, 28, 28), np.uint8)} for c in IDS}
    fold = Fold("f", IDS, (), ())
    clips = memory_reader(fold, {c: i % 2 for i, c in enumerate(IDS)}, "flow_map", arrays)
    fitted = replace(METHOD).fit(clips, replace(FitContext(), bf16=bf16))
    return fitted.model.state_dict()


def test_a_machine_without_it_trains_in_float32_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refuse_half(monkeypatch, torch.nn.Conv2d, "could not create a primitive\nmore words")
    with pytest.warns(MerkitWarning, match="no bfloat16 on 'cpu', float32 it is: could") as told:
        first = weights(bf16=True)
    assert "more words" not in str(told[0].message)
    second, exact = weights(bf16=True), weights(bf16=False)  # a second warning would be an error
    for name, tensor in exact.items():
        assert torch.equal(first[name], tensor)
        assert torch.equal(second[name], tensor)


def test_asking_leaves_the_random_numbers_alone() -> None:
    torch.manual_seed(3)
    wanted = torch.rand(4)
    torch.manual_seed(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MerkitWarning)
        half_works("cpu", torch.bfloat16, backward=True, lstm=True)
    assert torch.equal(torch.rand(4), wanted)


def test_float32_asks_nothing() -> None:
    weights(bf16=False)
    assert half_works.cache_info().misses == 0


@pytest.mark.usefixtures("without_bfloat16")
def test_what_has_no_lstm_does_not_need_one() -> None:
    assert half_works("cpu", torch.bfloat16, backward=True, lstm=False)
    plain, recurrent = torch.nn.Linear(2, 2), torch.nn.Sequential(torch.nn.LSTM(2, 2))
    assert trains_in_half(plain, "cpu", torch.bfloat16)
    with pytest.warns(MerkitWarning, match="no bfloat16"):
        assert not trains_in_half(recurrent, "cpu", torch.bfloat16)


@pytest.mark.parametrize("layer", [torch.nn.Linear, torch.nn.Conv1d, torch.nn.Conv2d])
def test_every_kind_of_layer_is_tried(layer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(layer, "forward", refuse)
    with pytest.warns(MerkitWarning, match="no such kernel"):
        assert not half_works("cpu", torch.bfloat16, backward=False, lstm=False)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_the_frozen_part_falls_back_and_its_tokens_are_those_of_float32(
    precision: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    geometry = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    Dinov2Model(Dinov2Config(**geometry, image_size=28, patch_size=14)).save_pretrained(tmp_path)
    config = EncoderConfig(path=str(tmp_path), image_size_px=28, tune="frozen")
    rgb = torch.arange(2 * 3 * 28 * 28).reshape(1, 2, 3, 28, 28).to(torch.uint8)
    plain = Encoder(config)
    exact, plain_key = plain.frozen(rgb), plain.frozen_key()
    encoder = Encoder(replace(config, precision=precision))
    refuse_half(monkeypatch, torch.nn.Linear, "no such kernel")
    with pytest.warns(MerkitWarning, match=f"no {precision} on 'cpu', float32 it is: no such"):
        assert torch.equal(encoder.frozen(rgb), exact)
    assert encoder.frozen_key() == plain_key


def _pages_of_steps() -> int:
    """Pages that the system hands out while 64 MiB come and go, four times."""
    _ = b"x" * 2**26
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        _ = b"x" * 2**26
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def _before_and_after(told: Connection) -> None:
    libc = ctypes.CDLL(None)  # as a process begins, whatever ran in this one before
    libc.mallopt(device._M_MMAP_MAX, 65536)
    libc.mallopt(device._M_TRIM_THRESHOLD, 128 * 1024)
    before = _pages_of_steps()
    device.keep_freed_memory()
    told.send((before, _pages_of_steps()))


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left alone")
def test_memory_of_gone_tensors_is_used_again() -> None:
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=_before_and_after, args=(there,))
    process.start()
    assert here.poll(60)
    before, after = here.recv()
    process.join()
    assert before > 0.9 * 4 * 2**26 / resource.getpagesize()
    assert after < before / 20


@pytest.mark.parametrize(("wanted", "held"), [(None, 10**8), (0.0, 0), (2.5, 2_500_000_000)])
def test_tokens_held_on_a_cpu(wanted: float | None, held: int) -> None:
    assert token_memory_bytes("cpu", wanted) == held
