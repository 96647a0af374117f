"""Whatever is in a file or an option, a command ends with exit code 0, 2 or 3 and a clear message,
in seconds, in little memory, and leaves no half-written file.

``make test`` runs a short part with fixed examples. The long one, which prints what it saw:

    MERKIT_FUZZ=5000 python -m pytest tests/fuzz -q -s
"""

from __future__ import annotations

import io
import json
import math
import os
import resource
import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import cv2
import numpy as np
import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from merkit.cli import main
from merkit.face.align import MEAN_FACE
from merkit.video import iter_frames, write_video

SECONDS, MEGABYTES = 20.0, 1024
LONG = int(os.environ.get("MERKIT_FUZZ", "0"))
#: kind of input -> examples in the short part; the long one keeps the proportions
SHARES = {
    "yaml": 10, "options": 15, "manifest": 10, "workbook": 4, "run": 3, "model": 3,
    "image": 8, "video": 2, "landmarks": 3,
}  # fmt: skip
_SEEN: defaultdict[str, Counter[str]] = defaultdict(Counter)
_SLOWEST: defaultdict[str, float] = defaultdict(float)


def examples(kind: str) -> Callable[..., object]:
    n = SHARES[kind] if not LONG else math.ceil(LONG * SHARES[kind] / sum(SHARES.values()))
    return settings(
        max_examples=n,
        deadline=None,
        derandomize=not LONG,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@st.composite
def mutated(draw: st.DrawFn, whole: bytes) -> bytes:
    """Valid bytes with some lost, changed, doubled or put in, or bytes of no form at all."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=300))
    # places are drawn as shares, so that what is drawn does not depend on the bytes
    data, share = bytearray(whole), st.floats(0, 1)
    for _ in range(draw(st.integers(1, 4))):
        at = int(draw(share) * max(len(data) - 1, 0))
        n = 1 + int(draw(share) * len(data) / 4)
        how = draw(st.sampled_from(["cut", "drop", "flip", "insert", "double", "zero"]))
        if how == "cut":
            del data[at:]
        elif how == "drop":
            del data[at : at + n]
        elif how == "flip" and data:
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif how == "insert":
            data[at:at] = draw(st.binary(max_size=40))
        elif how == "double":
            data[at:at] = data[at : at + min(n, 2000)]
        elif how == "zero":
            data[at : at + n] = bytes(len(data[at : at + n]))
    return bytes(data)


ODD = st.sampled_from([
    "nan", "-inf", "inf", "1e999", "-1", "0", "²", "٣", "9" * 5000, "", " ", "\x00", "\u200b",
    "a" * 5000, "[" * 3000, "{a: " * 50, "&a [*a]", "=cmd()", "$\\bad$", "../..", "/dev/zero",
    "!!python/object:os.system", "null", "true", "[1, 2", "\udc80", "2024-01-01", "1_000", "0x1F",
    "🙂", "<b>", "%s", "~",
])  # fmt: skip
TEXT = ODD | st.text(max_size=20)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
NESTED = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def own_copy(whole: Path, place: Path) -> Path:
    """A folder to damage, made by the first example that needs it."""
    if not place.exists():
        shutil.copytree(whole, place)
    return place


def check(kind: str, words: list[str], places: list[Path]) -> None:
    """Run a command in this process; what it must hold whatever came."""
    before = {path: set(path.rglob("*")) for path in places}
    out, err = io.StringIO(), io.StringIO()
    begun = time.monotonic()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(words)
    took = time.monotonic() - begun
    _SEEN[kind][str(code)] += 1
    _SLOWEST[kind] = max(_SLOWEST[kind], took)
    said = err.getvalue()
    assert code in (0, 2, 3), (words, said)
    assert "Traceback" not in said, said
    assert code == 0 or (said + out.getvalue()).strip(), words
    assert took < SECONDS, (words, took)
    for path, old in before.items():
        new = {p for p in path.rglob("*") if p not in old}
        assert not [p for p in new if p.name.startswith(".tmp-")], new
        for made in new:
            if made.is_dir():
                continue
            assert code == 0 or "store" in made.parts, (words, made)
            made.unlink()


@pytest.fixture(autouse=True, scope="module")
def report() -> Iterator[None]:
    yield
    if not LONG:
        return
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\n{'input':<10} {'tries':>6} {'slowest':>8}  exit codes")
    for kind, codes in _SEEN.items():
        told = ", ".join(f"{code}: {n}" for code, n in sorted(codes.items()))
        print(f"{kind:<10} {codes.total():>6} {_SLOWEST[kind]:>7.1f}s  {told}")
    total = sum(codes.total() for codes in _SEEN.values())
    print(f"{total} inputs, peak memory of all together {peak:.0f} MB", flush=True)
    assert peak < 2 * MEGABYTES, "libraries alone take about 600 MB"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def small(place: Path) -> Path:
    """A manifest database of three clips of three pictures."""
    root = place / "own"
    lines = ["clip,subject,media,fps_hz,first,last,onset,apex,offset,emotion,action_units"]
    random = np.random.default_rng(0)
    for i, name in enumerate("abcd"):
        (root / name).mkdir(parents=True)
        for n in range(3):
            cv2.imwrite(
                str(root / name / f"img{n}.png"), random.integers(0, 255, (24, 24, 3), np.uint8)
            )
        lines.append(f"{name},s{i},{name},30,0,2,0,1,2,{'fear' if i % 2 else 'surprise'},4+7")
    (root / "manifest.csv").write_text("\n".join(lines) + "\n")
    return root


@examples("yaml")
@given(data=st.data())
def test_configuration_files(data: st.DataObject, place: Path, small: Path) -> None:
    whole = (
        f"data: [manifest]\nroot: [{small}]\nmethod: majority\nseeds: [0, 1]\n"
        "classes: '3'\nprotocol: {name: loso, val_share: 0.2}\nresamples: 100\n"
    )
    content = data.draw(mutated(whole.encode()) | NESTED.map(lambda v: json.dumps(v).encode()))
    path = place / "c.yaml"
    path.write_bytes(content)
    out = place / "yaml-run"
    check("yaml", ["evaluate", "--config", str(path), "--out", str(out)], [place / "yaml-run"])
    shutil.rmtree(out, ignore_errors=True)


NAMES = [
    "training.learning_rate", "training.epochs", "training.batch_size", "protocol.val_share",
    "seeds", "protocol.name", "classes", "recipe.frames", "model.frames", "resamples", "workers",
    "device",
    "recipe.track.face", "recipe.track.min_score", "training.swa_start", "protocol.n_splits",
]  # fmt: skip


@examples("options")
@given(
    flag=st.sampled_from(["--set", "--seeds", "--classes", "--resamples", "--method", "--workers",
                          "--protocol.val-share", "--bad-clips", "--face"]),
    name=st.sampled_from(NAMES), value=TEXT,
    command=st.sampled_from(["evaluate", "train", "predict", "synth"]),
)  # fmt: skip
def test_options(flag: str, name: str, value: str, command: str, place: Path) -> None:
    words = [command, flag, f"{name}={value}" if flag == "--set" else value]
    words += {
        "synth": [str(place / "options-db"), "--subjects", value],
        "predict": [str(place / "gone.mp4"), "--model", "none", "--fps", value],
    }.get(command, ["--data", "manifest", "--root", str(place / "gone"), "--out", str(place / "o")])
    check("options", words, [place / "options-db"])
    shutil.rmtree(place / "options-db", ignore_errors=True)


@examples("manifest")
@given(data=st.data())
def test_manifests(data: st.DataObject, place: Path, small: Path) -> None:
    root = own_copy(small, place / "manifests")
    content = data.draw(mutated((small / "manifest.csv").read_bytes()))
    (root / "manifest.csv").write_bytes(content)
    check("manifest", ["data", "check", "manifest", "--root", str(root)], [root])


@examples("workbook")
@given(data=st.data())
def test_workbooks(data: st.DataObject, place: Path, small: Path) -> None:
    root = own_copy(small, place / "books")
    (root / "manifest.csv").unlink(missing_ok=True)
    rows = [line.split(",") for line in (small / "manifest.csv").read_text().splitlines()]
    place_of = st.tuples(st.integers(0, len(rows) - 1), st.integers(0, len(rows[0]) - 1))
    for (row, column), value in data.draw(st.lists(st.tuples(place_of, PLAIN), max_size=4)):
        rows[row][column] = value  # type: ignore[call-overload]
    book = openpyxl.Workbook()
    for row in rows:
        try:
            book.active.append(row)
        except (ValueError, openpyxl.utils.exceptions.IllegalCharacterError):
            book.active.append(["x"])
    buffer = io.BytesIO()
    book.save(buffer)
    content = buffer.getvalue()
    if data.draw(st.booleans()):
        content = data.draw(mutated(content))
    (root / "manifest.xlsx").write_bytes(content)
    check("workbook", ["data", "check", "manifest", "--root", str(root)], [root])


@examples("run")
@given(data=st.data(), name=st.sampled_from(["run.json", "metrics.json", "predictions.parquet"]))
def test_run_folders(data: st.DataObject, name: str, place: Path, tiny_run: Path) -> None:
    run = own_copy(tiny_run, place / "run")
    whole = (tiny_run / name).read_bytes()
    how = mutated(whole) if name.endswith("parquet") else mutated(whole) | tampered(whole)
    (run / name).write_bytes(data.draw(how))
    check("run", ["report", str(run)], [run])
    check(
        "run",
        ["report", str(run), str(tiny_run), "--out", str(place / "c" / "c.html")],
        [place / "c"],
    )
    shutil.copy(tiny_run / name, run / name)


@st.composite
def tampered(draw: st.DrawFn, whole: bytes) -> bytes:
    """JSON in which one value at any depth is another, or gone."""
    document = json.loads(whole)
    at = document
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        if not keys:
            break
        key = draw(st.sampled_from(keys))
        if isinstance(at[key], (dict, list)) and at[key] and draw(st.booleans()):
            at = at[key]
            continue
        if draw(st.booleans()):
            at[key] = draw(NESTED)
        else:
            del at[key]
        break
    return json.dumps(document).encode()


@examples("model")
@given(data=st.data(), name=st.sampled_from(["config.json", "model.safetensors"]))
def test_model_folders(
    data: st.DataObject, name: str, place: Path, tiny_model: Path, clip: Path
) -> None:
    model = own_copy(tiny_model, place / "model")
    whole = (tiny_model / name).read_bytes()
    how = mutated(whole) if name != "config.json" else mutated(whole) | tampered(whole)
    (model / name).write_bytes(data.draw(how))
    out = place / "events.csv"
    words = ["predict", str(clip), "--model", str(model), "--out", str(out), "--overwrite"]
    check("model", words, [model])
    shutil.copy(tiny_model / name, model / name)


@pytest.fixture(scope="module")
def clip(place: Path, tiny_database: Path) -> Path:
    """A video of a third of a second."""
    frames = [f.rgb for f in iter_frames(next((tiny_database / "sub01").iterdir()))]
    write_video(place / "clip.mp4", frames, 30.0)
    return place / "clip.mp4"


@examples("video")
@given(data=st.data())
def test_videos(data: st.DataObject, place: Path, tiny_model: Path, clip: Path) -> None:
    path = place / "broken.mp4"
    path.write_bytes(data.draw(mutated(clip.read_bytes())))
    out = place / "events.csv"
    words = ["predict", str(path), "--model", str(tiny_model), "--out", str(out), "--overwrite"]
    check("video", words, [])


@examples("image")
@given(data=st.data(), suffix=st.sampled_from(["png", "jpg", "bmp", "tif"]))
def test_images(data: st.DataObject, suffix: str, place: Path, small: Path) -> None:
    root = own_copy(small, place / "images")
    whole = cv2.imencode(f".{suffix}", cv2.imread(str(small / "a" / "img1.png")))[1].tobytes()
    path = root / "a" / f"img1.{suffix}"
    (root / "a" / "img1.png").unlink(missing_ok=True)
    path.write_bytes(data.draw(mutated(whole)))
    check("image", ["data", "check", "manifest", "--root", str(root)], [root])
    path.unlink()


def landmarks(kind: str, n_frames: int) -> bytes:
    """A file that serves: the points of a mean face, still."""
    points = np.tile(MEAN_FACE * 40 + 80, (n_frames, 1, 1)).astype(np.float32)
    if kind == "npy":
        buffer = io.BytesIO()
        np.save(buffer, points)
        return buffer.getvalue()
    header = ["frame", "success", *(f"{axis}_{i}" for axis in "xy" for i in range(68))]
    rows = [[n, 1, *face.T.ravel().tolist()] for n, face in enumerate(points, 1)]
    return "\n".join(",".join(map(str, row)) for row in [header, *rows]).encode()


@pytest.fixture(scope="module")
def n_frames(clip: Path) -> int:
    return sum(1 for _ in iter_frames(clip))


def predict_words(place: Path, model: Path, clip: Path, path: Path) -> list[str]:
    out = ["--out", str(place / "events.csv"), "--overwrite"]
    tracker = ["--tracker", "precomputed", "--landmarks", str(path)]
    return ["predict", str(clip), "--model", str(model), *out, *tracker]


@pytest.mark.parametrize("kind", ["csv", "npy"])
def test_whole_landmarks_serve(
    kind: str, place: Path, tiny_model: Path, clip: Path, n_frames: int
) -> None:
    """So that what is changed below has a way through."""
    path = place / f"whole.{kind}"
    path.write_bytes(landmarks(kind, n_frames))
    assert main(predict_words(place, tiny_model, clip, path)) == 0


@examples("landmarks")
@given(data=st.data(), kind=st.sampled_from(["csv", "npy"]))
def test_landmarks(
    data: st.DataObject, kind: str, place: Path, tiny_model: Path, clip: Path, n_frames: int
) -> None:
    path = place / f"landmarks.{kind}"
    path.write_bytes(data.draw(mutated(landmarks(kind, n_frames))))
    check("landmarks", predict_words(place, tiny_model, clip, path), [])
