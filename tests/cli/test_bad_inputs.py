"""Bad inputs through the real command line: one readable message, a code, nothing half-written.

``python tests/cli/test_bad_inputs.py`` writes docs/bad-inputs.md from the cases below.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from bad_input_files import Kit, tree

from merkit.cli import main

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "bad-inputs.md"
MOST_LINES = 30


@dataclass(frozen=True)
class Bad:
    """``what`` was given to which command; ``says``: part of the message, with the value or
    path at fault. ``writes``: the command leaves a valid result all the same, which says so."""

    area: str
    what: str
    words: Callable[[Kit], list[str]]
    says: str
    code: int = 2
    writes: bool = False


V, D, C, M, W = "videos", "data", "settings", "models", "output"
S, F, T, R = "synth", "simulate", "teach", "report"

CASES = [
    # videos
    Bad(V, "file that does not exist", lambda k: k.predict("gone.mp4"), "gone.mp4", 3),
    Bad(V, "text renamed .mp4", lambda k: k.predict(str(k.file("a.mp4", "hello " * 99))), "a.mp4"),
    Bad(V, "empty file", lambda k: k.predict(str(k.file("zero.mp4"))), "zero.mp4"),
    Bad(V, "video cut off half-way", lambda k: k.predict(str(k.truncated())), "cut.mp4"),
    Bad(V, "video cut off half-way, without a model",
        lambda k: ["predict", str(k.truncated()), "--out", k.out + ".csv"], "cut.mp4"),
    Bad(V, "sound without pictures", lambda k: k.predict(str(k.audio_only())), "sound.mp4"),
    Bad(V, "empty folder", lambda k: k.predict(str(k.folder("empty"))), "empty"),
    Bad(V, "folder without images",
        lambda k: k.predict(str(k.file("texts/a1.txt", "x").parent)), "texts"),
    Bad(V, "images of different sizes",
        lambda k: k.predict(str(k.images("mixed", [64, 64, 48]))), "img2.png"),
    Bad(V, "one unreadable image", lambda k: k.predict(str(k.unreadable_image())), "img1.png"),
    Bad(V, "two images of one number",
        lambda k: k.predict(str(k.images("twice", [64, 64], ["img1.png", "img01.png"]))),
        "img01.png"),
    Bad(V, "picture of a gigapixel", lambda k: k.predict(str(k.bomb())), "1024000000 pixels"),
    Bad(V, "pipe in place of a video", lambda k: k.predict(str(k.pipe("a.mp4"))), "pipe"),
    Bad(V, "name that is too long", lambda k: k.predict("a" * 5000), "too long", 3),
    Bad(V, "face in digits of another kind",
        lambda k: k.predict(str(k.video), "--face", "²"), "²"),
    Bad(V, "frame rate that is not finite",
        lambda k: k.predict(str(k.video), "--fps", "inf"), "inf"),
    Bad(V, "threshold that is no number of a size",
        lambda k: k.predict(str(k.video), "--spot.threshold-sigma", "nan"), "nan"),
    Bad(V, "images without numbers",
        lambda k: k.predict(str(k.images("plain", [64, 64], ["a.png", "b.png"]))), "plain"),
    Bad(V, "no face in the whole video",
        lambda k: k.predict(str(k.images("grey", [96] * 5))), "no face", writes=True),
    Bad(V, "a good video and a missing one",
        lambda k: k.predict(str(k.video), "gone.mp4"), "gone.mp4", 3),
    Bad(V, "no video named", lambda k: k.predict(), "no video was named"),
    Bad(V, "probability above 1",
        lambda k: k.predict(str(k.video), "--min-score", "1.5"), "--min-score 1.5"),
    Bad(V, "negative frame rate", lambda k: k.predict(str(k.video), "--fps", "-5"), "-5"),
    Bad(V, "frame rate that is no number",
        lambda k: k.predict(str(k.video), "--fps", "fast"), "fast"),
    Bad(V, "face that is neither 'largest' nor a number",
        lambda k: k.predict(str(k.video), "--face", "blue"), "blue"),
    Bad(V, "face that is not in the picture",
        lambda k: k.predict(str(k.video), "--face", "9"), "face 9"),
    Bad(V, "unknown tracker", lambda k: k.predict(str(k.video), "--tracker", "magic"), "magic"),
    Bad(V, "landmark file that does not exist",
        lambda k: k.predict(str(k.video), "--tracker", "precomputed", "--landmarks", "gone.csv"),
        "gone.csv", 3),
    Bad(V, "landmark file without landmark columns",
        lambda k: k.predict(str(k.video), "--tracker", "precomputed", "--landmarks",
                            str(k.file("marks.csv", "frame,success\n1,1\n"))), "marks.csv"),
    Bad(V, "threshold of spotting that cannot be",
        lambda k: k.predict(str(k.video), "--spot.threshold-sigma", "-1"), "-1"),
    # data
    Bad(D, "root that does not exist", lambda k: k.evaluate(root=k.root / "gone"), "gone", 3),
    Bad(D, "root that is a file", lambda k: k.evaluate(root=k.file("f.txt")), "f.txt", 3),
    Bad(D, "empty root", lambda k: k.evaluate(root=k.folder("empty")), "empty"),
    Bad(D, "folder of another database",
        lambda k: k.evaluate(name="casme2"), "CASME2-coding", 3),
    Bad(D, "sheet without the columns",
        lambda k: k.evaluate(name="casme2",
                             root=k.sheet("CASME2-coding-20190701.xlsx", ["A", "B"])),
        "CASME2-coding-20190701.xlsx"),
    Bad(D, "sheet that is no workbook",
        lambda k: k.evaluate(name="samm",
                             root=k.file("s/SAMM_Micro_FACS_Codes_v2.xlsx", "text").parent),
        "SAMM_Micro_FACS_Codes_v2.xlsx"),
    Bad(D, "clip name that leads out of the root",
        lambda k: k.evaluate(root=k.annotation(lambda t: t.replace("sub01/EP01", "../EP01", 1))),
        "'..'"),
    Bad(D, "apex before onset",
        lambda k: k.evaluate(root=k.annotation(_swap_frames)), "onset"),
    Bad(D, "frame number that is no number",
        lambda k: k.evaluate(root=k.annotation(_break_frame)), "many"),
    Bad(D, "unknown emotion",
        lambda k: k.evaluate(root=k.annotation(lambda t: t.replace("surprise", "boredom", 1))),
        "boredom"),
    Bad(D, "clip named twice",
        lambda k: k.evaluate(root=k.annotation(lambda t: t.replace("EP02,sub01", "EP01,sub01"))),
        "sub01_EP01"),
    Bad(D, "clip without its folder",
        lambda k: k.evaluate(root=k.annotation(lambda t: t.replace("sub01/EP01", "sub01/EP77"))),
        "EP77"),
    Bad(D, "unreadable image in a clip",
        lambda k: ["prepare", *k.data(k.torn_clip()), "--set", "model.encoder.name=tiny"],
        "sub02_EP01"),
    Bad(D, "manifest without its columns",
        lambda k: k.evaluate(name="manifest", root=k.file("m/manifest.csv", "a,b\n1,2\n").parent),
        "manifest.csv"),
    Bad(D, "no database named", lambda k: ["evaluate", "--out", k.out], "no database"),
    Bad(D, "unknown database", lambda k: k.evaluate(name="casme9"), "casme9"),
    Bad(D, "unknown variant", lambda k: k.evaluate("--variant", "raw"), "raw"),
    Bad(D, "two databases, one root",
        lambda k: ["evaluate", "--data", "samm", "casme2", "--root", ".", "--out", k.out],
        "2 database(s) but 1 root"),
    Bad(D, "one database, two variants",
        lambda k: k.evaluate("--variant", "clips", "long"), "2 variant(s)"),
    Bad(D, "too few subjects", lambda k: k.evaluate(root=k.few_subjects()), "2 subject(s)"),
    Bad(D, "check of an unknown database",
        lambda k: ["data", "check", "casme9", "--root", str(k.database)], "casme9"),
    Bad(D, "check without a root", lambda k: ["data", "check", "casme2"], "root"),
    Bad(D, "unknown action", lambda k: ["data", "frobnicate"], "frobnicate"),
    Bad(D, "list of an unknown database", lambda k: ["data", "list", "casme9"], "casme9"),
    # settings
    Bad(C, "configuration file that does not exist",
        lambda k: k.evaluate("--config", "gone.yaml"), "gone.yaml", 3),
    Bad(C, "configuration that is deep",
        lambda k: k.evaluate("--config", str(k.file("c.yaml", "[" * 3000))), "c.yaml"),
    Bad(C, "configuration within itself",
        lambda k: k.evaluate("--config", str(k.file("c.yaml", "model: &a {b: *a}"))), "deep"),
    Bad(C, "whole number of 5000 digits",
        lambda k: k.evaluate("--config", str(k.file("c.yaml", f"seeds: [{'9' * 5000}]"))),
        "c.yaml"),
    Bad(C, "setting that is not a number",
        lambda k: [*k.small(), "--out", k.out, "--set", "training.learning_rate=.nan"],
        "learning_rate"),
    Bad(C, "configuration in another encoding",
        lambda k: k.evaluate("--config", str(k.file("c.yaml", b"a: \xff\xfe"))), "c.yaml"),
    Bad(C, "pipe in place of a configuration",
        lambda k: k.evaluate("--config", str(k.pipe("c.yaml"))), "c.yaml", 3),
    Bad(C, "configuration that is no YAML",
        lambda k: k.evaluate("--config", str(k.file("c.yaml", "a: [1"))), "c.yaml"),
    Bad(C, "configuration that is a list",
        lambda k: k.evaluate("--config", str(k.file("c.yaml", "- 1\n- 2\n"))), "c.yaml"),
    Bad(C, "configuration with an unknown setting",
        lambda k: k.evaluate("--config", str(k.file("c.yaml", "protocl: {}"))), "protocl"),
    Bad(C, "configuration with a number for a name",
        lambda k: k.evaluate("--config", str(k.file("c.yaml", "3: 4"))), "'3'"),
    Bad(C, "setting of the wrong kind",
        lambda k: k.evaluate("--set", "training.epochs=many"), "training.epochs"),
    Bad(C, "unknown setting of the model",
        lambda k: k.evaluate("--set", "model.encoder.nme=tiny"), "encoder.nme"),
    Bad(C, "group of settings that is a number",
        lambda k: k.evaluate("--set", "model=3"), "model"),
    Bad(C, "override without a value", lambda k: k.evaluate("--set", "epochs"), "epochs"),
    Bad(C, "override inside a plain value",
        lambda k: k.evaluate("--set", "seeds=0", "seeds.x=1"), "seeds"),
    Bad(C, "--set without anything", lambda k: k.evaluate("--set"), "--set"),
    Bad(C, "unknown method", lambda k: k.evaluate("--method", "sfa-dagt"), "sfa-dagt"),
    Bad(C, "unknown classes", lambda k: k.evaluate("--classes", "6x"), "6x"),
    Bad(C, "unknown protocol", lambda k: k.evaluate("--set", "protocol.name=loto"), "loto"),
    Bad(C, "more folds than subjects",
        lambda k: [*k.small(), "protocol.name=group_kfold", "protocol.n_splits=9",
                   "--out", k.out], "9 folds"),
    Bad(C, "composite protocol over one database",
        lambda k: [*k.small(), "protocol.name=composite", "--out", k.out], "composite"),
    Bad(C, "frozen folds that do not exist",
        lambda k: [*k.small(), "protocol.name=frozen", "protocol.manifest=gone.json",
                   "--out", k.out], "gone.json", 3),
    Bad(C, "frozen folds that were edited",
        lambda k: [*k.small(), "protocol.name=frozen",
                   f"protocol.manifest={k.edited_manifest()}", "--out", k.out], "folds.json"),
    Bad(C, "validation share of one",
        lambda k: k.evaluate("--protocol.val-share", "1"), "val_share"),
    Bad(C, "no epochs", lambda k: k.evaluate("--set", "training.epochs=0"), "epochs is 0"),
    Bad(C, "batches of one clip",
        lambda k: k.evaluate("--set", "training.batch_size=1"), "batch_size is 1"),
    Bad(C, "learning rate that is not a number",
        lambda k: k.evaluate("--set", "training.learning_rate=.nan"), "learning_rate"),
    Bad(C, "unknown encoder",
        lambda k: k.evaluate("--set", "model.encoder.name=dinov3"), "dinov3"),
    Bad(C, "image size that no patch divides",
        lambda k: k.evaluate("--set", "model.encoder.image_size_px=225"), "225"),
    Bad(C, "negative number of frames",
        lambda k: k.evaluate("--set", "recipe.frames=-1"), "recipe.frames is -1"),
    Bad(C, "the same seed twice", lambda k: k.evaluate("--seeds", "0", "0"), "seeds"),
    Bad(C, "no resamples", lambda k: k.evaluate("--resamples", "0"), "resamples is 0"),
    Bad(C, "no threads", lambda k: k.evaluate("--threads", "0"), "threads is 0"),
    Bad(C, "unknown option", lambda k: k.evaluate("--epochs", "3"), "--epochs"),
    Bad(C, "unknown command", lambda k: ["evalute"], "evalute"),
    Bad(C, "graphics card that this machine lacks",
        lambda k: [*k.small(), "--out", k.out, "--device", "cuda:99"], "cuda:99"),
    Bad(C, "kind of device that this machine lacks",
        lambda k: [*k.small(), "--out", k.out, "--device", "xpu"], "xpu"),
    # models
    Bad(M, "model folder that does not exist",
        lambda k: k.predict(str(k.video), model=k.root / "no/such/model"), "no/such/model", 3),
    Bad(M, "weights cut off", lambda k: k.predict(str(k.video), model=k.cut_model()),
        "model.safetensors"),
    Bad(M, "pickle instead of safetensors",
        lambda k: k.predict(str(k.video), model=k.pickled_model()), "model.safetensors"),
    Bad(M, "weights lost",
        lambda k: k.predict(str(k.video),
                            model=k.model_with(lambda f: (f / "model.safetensors").unlink())),
        "model.safetensors", 3),
    Bad(M, "configuration lost",
        lambda k: k.predict(str(k.video),
                            model=k.model_with(lambda f: (f / "config.json").unlink())),
        "config.json", 3),
    Bad(M, "configuration of another model",
        lambda k: k.predict(str(k.video), model=k.model_set(classes=["a", "b"])),
        "does not fit"),
    Bad(M, "classes that are no names",
        lambda k: k.predict(str(k.video), model=k.model_set(classes=[["a"], "b", "c"])),
        "names of classes"),
    Bad(M, "model of an unknown method",
        lambda k: k.predict(str(k.video), model=k.model_set(method="magic")), "magic"),
    Bad(M, "model of another format",
        lambda k: k.predict(str(k.video), model=k.model_set(format=9)), "format 9"),
    Bad(M, "model on the Hub, without network",
        lambda k: ["predict", str(k.video), "--model", "nobody/nothing", "--out", k.out + ".csv"],
        "nobody/nothing", 3),
    Bad(M, "pretrained weights that cannot be had",
        lambda k: [*k.small(), "--out", k.out, "--set",
                   'model={"encoder": {"name": "dinov2-small"}}'],
        "facebook/dinov2-small", 3),
    Bad(M, "weights folder without weights",
        lambda k: [*k.small(), "--out", k.out, "--set",
                   f'model={{"encoder": {{"path": "{k.folder("weights")}"}}}}'], "weights", 3),
    Bad(M, "encoder with a damaged configuration",
        lambda k: [*k.small(), "--out", k.out, "--set",
                   f'model={{"encoder": {{"path": "{k.file("enc/config.json", "[1").parent}"}}}}'],
        "enc", 3),
    Bad(M, "final model of weights that cannot be had",
        lambda k: ["train", *k.data(), "--out", k.out, "--set", "model.encoder.name=dinov2-base"],
        "facebook/dinov2-base", 3),
    Bad(M, "recogniser to start from that does not exist",
        lambda k: k.evaluate("--method", "ststnet", "--init", "sim-flwo"), "'sim-flwo'"),
    Bad(M, "recogniser whose weights are another file",
        lambda k: k.evaluate("--method", "ststnet", "--init", str(k.other_weights())),
        "not as it was written"),
    Bad(M, "settings of an unknown method", lambda k: ["models", "magic"], "magic"),
    # output
    Bad(W, "run folder that is a file",
        lambda k: [*k.small(), "--out", str(k.file("taken"))], "taken"),
    Bad(W, "run folder with other files",
        lambda k: [*k.small(), "--out", str(k.file("mine/thesis.txt", "x").parent)], "mine"),
    Bad(W, "run folder of another run",
        lambda k: [*k.small(), "training.epochs=7", "--out", str(k.run_with(lambda f: None))],
        "holds another run"),
    Bad(W, "run folder in a place nobody may write",
        lambda k: [*k.small(), "--out", "/proc/merkit/run"], "/proc/merkit"),
    Bad(W, "model folder that exists",
        lambda k: ["train", *k.data(), "--out", str(k.folder("model"))], "model exists"),
    Bad(W, "table of an unknown form",
        lambda k: ["predict", str(k.video), "--model", str(k.model), "--out", k.out + ".xls"],
        ".xls"),
    Bad(W, "table that exists",
        lambda k: ["predict", str(k.video), "--model", str(k.model), "--out",
                   str(k.file("old.csv", "old"))], "old.csv exists"),
    Bad(W, "ELAN file for several videos",
        lambda k: ["predict", str(k.video), str(k.truncated()), "--out", k.out + ".eaf"],
        "out.eaf holds one video, and there are 2"),
    Bad(W, "video named after --out",
        lambda k: ["predict", str(k.video), "--out", k.out + ".csv", str(k.truncated())],
        "cut.mp4 is a video"),
    Bad(W, "formats that do not count as many as files",
        lambda k: ["predict", str(k.video), "--out", k.out + ".csv", k.out + ".eaf", "--format",
                   "csv"], "1 names after --format, for 2 files"),
    Bad(W, "one file twice",
        lambda k: ["predict", str(k.video), "--out", k.out + ".csv", k.out + ".csv"],
        "out.csv would be written twice"),
    Bad(W, "format of an unknown name",
        lambda k: ["predict", str(k.video), "--out", k.out, "--format", "elna"],
        "did you mean 'elan'"),
    Bad(W, "table below a file",
        lambda k: ["predict", str(k.video), "--model", str(k.model), "--out",
                   str(k.file("f.txt") / "e.csv")], "f.txt"),
    Bad(W, "page that exists",
        lambda k: k.predict(str(k.video), "--html", str(k.file("old.html", "old"))),
        "old.html exists"),
    Bad(W, "one page for two videos",
        lambda k: k.predict(str(k.video), str(k.truncated()), "--html", k.out + ".html"),
        "one file, for 2 videos"),
    Bad(W, "pictures of no page", lambda k: k.predict(str(k.video), "--no-faces"),
        "without a page"),
    Bad(W, "motion magnified out of reach",
        lambda k: k.predict(str(k.video), "--html", k.out + ".html", "--magnify", "-3"),
        "magnify is -3.0"),
    Bad(W, "sample store below a file",
        lambda k: ["prepare", "--data", "synthetic", "--root", str(k.database), "--workers", "1",
                   "--store", str(k.file("f.txt") / "s"), "--set", "model.encoder.name=tiny"],
        "f.txt"),
    # synth
    Bad(S, "no subjects", lambda k: ["synth", k.out, "--subjects", "0"], "subjects"),
    Bad(S, "subjects that are no number", lambda k: ["synth", k.out, "--subjects", "x"], "x"),
    Bad(S, "smallest amplitude above the largest",
        lambda k: ["synth", k.out, "--amplitude-px", "3", "1"], "amplitude_px"),
    Bad(S, "face larger than the frame",
        lambda k: ["synth", k.out, "--face-width-px", "900"], "face_width_px"),
    Bad(S, "unknown classes", lambda k: ["synth", k.out, "--classes", "12"], "12"),
    Bad(S, "recording too short for its events",
        lambda k: ["synth", k.out, "--long-videos", "1", "--long-duration-s", "2"],
        "long_duration_s"),
    Bad(S, "folder with other files",
        lambda k: ["synth", str(k.file("mine/thesis.txt", "x").parent)], "mine"),
    Bad(S, "folder that is a file", lambda k: ["synth", str(k.file("taken"))], "taken"),
    Bad(S, "folder of a database with other settings",
        lambda k: ["synth", str(k.copied()), "--subjects", "3"], "other settings"),
    Bad(S, "no folder named", lambda k: ["synth"], "merkit synth"),
    # simulate
    Bad(F, "no face model named", lambda k: ["simulate", "--out", k.out], "--face-model FILE"),
    Bad(F, "face model that does not exist",
        lambda k: k.simulate(face=Path("gone.npz")), "gone.npz", 3),
    Bad(F, "face model that is text",
        lambda k: k.simulate(face=k.file("words.npz", "a face")), "words.npz"),
    Bad(F, "face model without its arrays",
        lambda k: k.simulate(face=k.arrays("bare.npz", neutral=np.zeros((9, 3)))), "'quads'"),
    Bad(F, "face model with a number that is not finite",
        lambda k: k.simulate(face=k.arrays("nan.npz", neutral=np.full((9, 3), np.nan))),
        "not finite"),
    Bad(F, "table of action units without its columns",
        lambda k: k.simulate("--action-units", str(k.file("units.csv", "a,b\n1,2\n"))),
        "units.csv"),
    Bad(F, "unknown dial to switch off", lambda k: k.simulate("--without", "blnk"), "blnk"),
    Bad(F, "unknown setting of a dial",
        lambda k: k.simulate("--set", "dials.pose.yaww=1"), "yaww"),
    Bad(F, "dial that cannot be so",
        lambda k: k.simulate("--set", "dials.pose.yaw_sd_rad=-1"), "yaw_sd_rad"),
    Bad(F, "no maps", lambda k: k.simulate("--count", "0"), "count is 0"),
    Bad(F, "negative seed", lambda k: k.simulate("--seed", "-1"), "seed is -1"),
    Bad(F, "unknown kind", lambda k: k.simulate("--kind", "smooth"), "smooth"),
    Bad(F, "file that exists",
        lambda k: k.simulate("--out", str(k.file("old.npz", "old"))), "old.npz exists"),
    Bad(F, "folder in place of the file",
        lambda k: k.simulate("--out", str(k.file("mine/thesis.txt", "x").parent)), "mine exists"),
    Bad(F, "file below a file",
        lambda k: k.simulate("--out", str(k.file("f.txt") / "maps.npz")), "f.txt"),
    Bad(F, "place nobody may write",
        lambda k: k.simulate("--out", "/proc/merkit/maps.npz"), "/proc/merkit"),
    # teach
    Bad(T, "no face model named", lambda k: ["teach", "--out", k.out], "--face-model FILE"),
    Bad(T, "face model that does not exist",
        lambda k: k.teach(face=Path("gone.npz")), "gone.npz", 3),
    Bad(T, "face model that is text",
        lambda k: k.teach(face=k.file("words.npz", "a face")), "words.npz"),
    Bad(T, "recogniser that does not exist",
        lambda k: k.teach("--recogniser", "sim-flwo"), "sim-flwo"),
    Bad(T, "unknown dial to switch off", lambda k: k.teach("--without", "blnk"), "blnk"),
    Bad(T, "fewer clips than a batch", lambda k: k.teach("--geometric", "7"), "7 clips to learn"),
    Bad(T, "nothing held out", lambda k: k.teach("--held-out", "0"), "held_out is 0"),
    Bad(T, "no teachers", lambda k: k.teach("--teachers", "0"), "teachers is 0"),
    Bad(T, "no steps", lambda k: k.teach("--set", "fit.steps=0"), "steps is 0"),
    Bad(T, "folder with other files",
        lambda k: k.teach("--out", str(k.file("mine/thesis.txt", "x").parent)), "mine exists"),
    Bad(T, "folder below a file",
        lambda k: k.teach("--out", str(k.file("f.txt") / "flow")), "f.txt"),
    Bad(T, "place nobody may write",
        lambda k: k.teach("--out", "/proc/merkit/flow"), "/proc/merkit"),
    # report
    Bad(R, "folder that does not exist", lambda k: ["report", "gone"], "gone", 3),
    Bad(R, "folder that is no run", lambda k: ["report", str(k.folder("empty"))], "empty", 3),
    Bad(R, "unfinished run",
        lambda k: ["report", str(k.run_with(lambda f: (f / "metrics.json").unlink()))],
        "not finished"),
    Bad(R, "damaged metrics.json",
        lambda k: ["report", str(k.run_with(lambda f: (f / "metrics.json").write_text("{")))],
        "metrics.json"),
    Bad(R, "metrics.json with lost fields",
        lambda k: ["report", str(k.run_with(lambda f: (f / "metrics.json").write_text("{}")))],
        "metrics.json"),
    Bad(R, "damaged run.json",
        lambda k: ["report", str(k.run_with(lambda f: (f / "run.json").write_text("[]")))],
        "run.json"),
    Bad(R, "no run named", lambda k: ["report"], "no run"),
    Bad(R, "the same run twice",
        lambda k: ["report", str(k.run), str(k.run), "--out", k.out + ".html"], "twice"),
    Bad(R, "comparison with a missing run",
        lambda k: ["report", str(k.run), "gone", "--out", k.out + ".html"], "gone", 3),
    Bad(R, "comparison that is no page",
        lambda k: ["report", str(k.run), str(k.run_with(lambda f: None)), "--out", k.out + ".doc"],
        ".doc"),
]  # fmt: skip


def _fields(text: str, change: Callable[[dict[str, str]], None]) -> str:
    """The annotation with its first row changed."""
    header, row, *rest = text.splitlines()
    named = dict(zip(header.split(","), row.split(","), strict=True))
    change(named)
    return "\n".join([header, ",".join(named.values()), *rest]) + "\n"


def _swap_frames(text: str) -> str:
    return _fields(text, lambda row: row.update(onset=row["apex"], apex=row["onset"]))


def _break_frame(text: str) -> str:
    return _fields(text, lambda row: row.update(apex="many"))


@pytest.fixture
def kit(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tiny_database: Path,
    tiny_store: Path,
    tiny_run: Path,
    tiny_model: Path,
) -> Kit:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "kit").mkdir()
    return Kit(tmp_path / "kit", tiny_database, tiny_store, tiny_run, tiny_model)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.area}: {case.what}")
def test_bad_input(case: Bad, kit: Kit, capsys: pytest.CaptureFixture[str]) -> None:
    words = case.words(kit)
    before = tree(kit.root, Path.cwd(), kit.run, kit.model)
    code = main(words)
    shown = capsys.readouterr()
    said = shown.err + (shown.out if case.writes else "")
    assert code == case.code, said
    assert case.says in said
    assert "Traceback" not in said
    assert "bug of ours" not in said
    assert 1 <= len(said.strip().splitlines()) <= MOST_LINES
    if not case.writes:
        assert tree(kit.root, Path.cwd(), kit.run, kit.model) == before, "something was written"


def test_there_are_enough_different_cases() -> None:
    assert len(CASES) >= 45
    names = [(case.area, case.what) for case in CASES]
    assert len(set(names)) == len(names)


def document() -> str:
    """docs/bad-inputs.md."""
    lines = [
        "# Bad inputs",
        "",
        f"{len(CASES)} inputs that cannot work, each tried through the real command line by",
        "`tests/cli/test_bad_inputs.py`. Every one ends with the exit code below (2: wrong usage",
        "or bad input; 3: something is missing), one readable message that contains the words",
        "shown, no traceback, and nothing half-written. This page is made from those cases:",
        "`python tests/cli/test_bad_inputs.py`.",
        "",
        "| | about | what was given | code | the message contains |",
        "|--:|---|---|:-:|---|",
    ]
    for number, case in enumerate(CASES, start=1):
        note = " (a table that says so is written)" if case.writes else ""
        lines.append(
            f"| {number} | {case.area} | {case.what}{note} | {case.code} | `{case.says}` |"
        )
    return "\n".join(lines) + "\n"


def test_the_page_lists_these_cases() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document(), f"run: python {__file__}"


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
