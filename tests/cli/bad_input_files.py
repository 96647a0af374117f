"""Bad videos, data, configurations, models and runs, each made where a case asks for it."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import openpyxl

import tiny_pipeline as tiny
from face_models import write_face
from merkit.methods.bundled import BUNDLED


@dataclass(frozen=True)
class Kit:
    """Where things are: ``root`` is a fresh folder, the others are shared and good."""

    root: Path
    database: Path
    store: Path
    run: Path
    model: Path

    # good words of the command line

    @property
    def out(self) -> str:
        """A place that does not exist, and must not after a failure."""
        return str(self.root / "out")

    def data(self, root: Path | None = None, name: str = "synthetic") -> list[str]:
        machine = ["--workers", "1", "--device", "cpu", "--store", str(self.root / "store")]
        return ["--data", name, "--root", str(root or self.database), *machine]

    def evaluate(self, *words: str, root: Path | None = None, name: str = "synthetic") -> list[str]:
        """An evaluation that would work with the good root; ``words`` spoil it."""
        return ["evaluate", *self.data(root, name), "--out", self.out, *words]

    def small(self) -> list[str]:
        """Settings of the shared run, so that nothing is prepared or trained anew."""
        return ["evaluate", "--resamples", "100", *tiny.command_words(self.database, self.store)]

    def predict(self, *words: str, model: Path | None = None) -> list[str]:
        options = ["--model", str(model or self.model), "--device", "cpu"]
        return ["predict", *words, *options, "--out", f"{self.out}.csv"]

    def simulate(self, *words: str, face: Path | None = None) -> list[str]:
        """Maps that would be simulated in a moment; ``words`` spoil it."""
        model = ["--face-model", str(face or self.face()), "--workers", "1"]
        counted = ["--kind", "geometric", "--count", "4"]
        return ["simulate", "--out", self.out, *model, *counted, *words]

    def teach(self, *words: str, face: Path | None = None) -> list[str]:
        """A recogniser that would be made in seconds; ``words`` spoil it."""
        model = ["--face-model", str(face or self.face()), "--workers", "1"]
        counts = ["--count", "0", "--geometric", "8", "--held-out", "4", "--teachers", "1"]
        return ["teach", "--out", self.out, *model, *counts, *words, "--set", "fit.batch_size=8"]

    # files

    def face(self) -> Path:
        return write_face(self.root / "face.npz")

    def arrays(self, name: str, **arrays: np.ndarray) -> Path:
        path = self.root / name
        np.savez(path, **arrays)
        return path

    def file(self, name: str, content: bytes | str = "") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def folder(self, name: str) -> Path:
        path = self.root / name
        path.mkdir(parents=True)
        return path

    # videos

    @property
    def video(self) -> Path:
        return next((self.database / "long").glob("*.mp4"))

    def truncated(self) -> Path:
        content = self.video.read_bytes()
        return self.file("cut.mp4", content[: len(content) * 6 // 10])

    def audio_only(self) -> Path:
        path = self.root / "sound.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("aac", rate=16000)
            samples = np.zeros((1, 1024), np.float32)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate = 16000
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    def images(self, name: str, sizes: list[int], names: list[str] | None = None) -> Path:
        folder = self.folder(name)
        for i, size in enumerate(sizes):
            image = np.full((size, size, 3), 100 + i, np.uint8)
            cv2.imwrite(str(folder / (names[i] if names else f"img{i}.png")), image)
        return folder

    def bomb(self) -> Path:
        """Folder with a picture of a gigapixel in some kilobytes."""
        folder = self.images("bomb", [64, 64])
        rows = zlib.compress(bytes(4001) * 200, 9)
        data = b"\x89PNG\r\n\x1a\n" + _chunk(
            b"IHDR", struct.pack(">IIBBBBB", 32_000, 32_000, 1, 0, 0, 0, 0)
        )
        (folder / "img1.png").write_bytes(data + _chunk(b"IDAT", rows) + _chunk(b"IEND", b""))
        return folder

    def pipe(self, name: str) -> Path:
        path = self.root / name
        os.mkfifo(path)
        return path

    def unreadable_image(self) -> Path:
        folder = self.images("torn", [64, 64, 64])
        (folder / "img1.png").write_bytes(b"\x89PNG\r\n\x1a\n torn")
        return folder

    # data

    def copied(self, name: str = "db") -> Path:
        return Path(shutil.copytree(self.database, self.root / name))

    def annotation(self, change: Callable[[str], str]) -> Path:
        """A copy of the database whose annotation table was changed."""
        root = self.copied()
        path = root / "annotation.csv"
        text = path.read_text()
        changed = change(text)
        assert changed != text
        path.write_text(changed)
        return root

    def torn_clip(self) -> Path:
        root = self.copied()
        image = sorted((root / "sub02" / "EP01").glob("*.jpg"))[0]
        image.write_bytes(b"\xff\xd8\xff torn")
        return root

    def sheet(self, name: str, header: list[str]) -> Path:
        root = self.folder("sheet")
        book = openpyxl.Workbook()
        book.active.append(header)
        book.active.append(["1"] * len(header))
        book.save(root / name)
        return root

    def few_subjects(self) -> Path:
        def keep_two(text: str) -> str:
            lines = text.splitlines(keepends=True)
            return "".join(line for line in lines if "sub03" not in line and "sub04" not in line)

        return self.annotation(keep_two)

    # models and runs

    def model_with(self, change: Callable[[Path], object]) -> Path:
        folder = Path(shutil.copytree(self.model, self.root / "model"))
        change(folder)
        return folder

    def pickled_model(self) -> Path:
        return self.model_with(
            lambda f: (f / "model.safetensors").write_bytes(pickle.dumps({"a": [1]}))
        )

    def cut_model(self) -> Path:
        def cut(folder: Path) -> None:
            path = folder / "model.safetensors"
            path.write_bytes(path.read_bytes()[:200])

        return self.model_with(cut)

    def model_set(self, **values: object) -> Path:
        def change(folder: Path) -> None:
            path = folder / "config.json"
            path.write_text(json.dumps(json.loads(path.read_text()) | values))

        return self.model_with(change)

    def other_weights(self) -> Path:
        """A copy of a recogniser that comes with merkit, with the weights of another."""
        folder = Path(shutil.copytree(BUNDLED["sim-flow"], self.root / "recogniser"))
        shutil.copy(BUNDLED["sim-seq"] / "model.safetensors", folder)
        return folder

    def run_with(self, change: Callable[[Path], object], name: str = "run") -> Path:
        folder = Path(shutil.copytree(self.run, self.root / name))
        change(folder)
        return folder

    def edited_manifest(self) -> Path:
        text = (self.run / "folds.json").read_text()
        return self.file("folds.json", text.replace("sub01_EP01", "sub01_EP02", 1))


def tree(*folders: Path) -> dict[str, tuple[int, int]]:
    """Every file and folder below, with size and time of change; sample stores left out."""
    found = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if "store" not in path.relative_to(folder).parts[:1]:
                stat = path.lstat()
                size = stat.st_size if path.is_file() else -1
                found[str(path)] = (size, stat.st_mtime_ns)
    return found


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum
