"""The command line: one table of commands; each lives in its own module beside this one.

Listing commands imports none of them, so ``merkit --help`` is fast.
"""

from __future__ import annotations

import io
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module

from merkit import __version__
from merkit.errors import ConfigError, MerkitError

#: command -> what it does, in the order a new user meets them
COMMANDS = {
    "demo": "the whole job offline: synthetic database, LOSO score, report, events on a video",
    "doctor": "what is installed, which weights are found, what each missing piece gives",
    "synth": "write a synthetic database with known truth",
    "simulate": "flow maps whose class and action units are known, from a face model",
    "teach": "make a recogniser from simulated faces alone",
    "data": "list the databases, or check a folder against the published counts",
    "models": "list the methods, or the settings of one",
    "catalog": "everything that can be chosen by name, and where it comes from",
    "prepare": "fill the sample store for a database under a recipe",
    "evaluate": "score a method on databases under a leak-free protocol",
    "experiment": "evaluate every run of an experiment file, then compare them",
    "report": "HTML and tables of one run, or several compared",
    "train": "train a final model and write a model folder",
    "export": "a trained model as ONNX or torch.export, which run alone, or as a folder",
    "push": "a trained model with its card to the Hugging Face Hub, private; --dry only lists",
    "predict": "find brief facial movements in videos and write a table; a model names them",
    "app": "a page of this machine: drop videos, judge and correct what was found, export",
    "review": "what coders made of it: tables, their agreement, and a database of your own",
    "cite": "how to report a run or a table in a paper: methods paragraph and references",
    "bench": "the conventional way and merkit's, measured on this machine",
    "explain": "figures of what a model looked at, for a clip, a database or a run",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 2 bad input, 3 missing, 1 our bug."""
    words = list(sys.argv[1:] if argv is None else argv)
    _speak_whatever_comes()
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    try:
        with _terminated_as_interrupted():
            return _dispatch(words)
    except MerkitError as error:
        if debug:
            traceback.print_exc()
        print(f"merkit: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt as stop:
        told = f"; {stop}" if str(stop) else ""  # what goes on elsewhere
        print(
            f"merkit: interrupted{told}; the same command goes on where it stopped",
            file=sys.stderr,
        )
        return 130
    except BrokenPipeError:
        return 0
    except OSError as error:  # the machine's answer: no room, no permission, a path that ends
        if debug:
            traceback.print_exc()
        print(f"merkit: {error}\n  do: check that path, and the room on its disk", file=sys.stderr)
        return 2
    except Exception as error:
        if debug:
            raise
        kind = type(error).__name__
        print(
            f"merkit: a bug of ours: {kind}: {error}\n  do: run again with --debug and report it",
            file=sys.stderr,
        )
        return 1


def _speak_whatever_comes() -> None:
    """A file name may hold what the terminal has no characters for."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM, which a scheduler sends, ends a command as Ctrl-C does."""

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(_overview())
        return 0
    if words[0] in ("--version", "version"):
        print(f"merkit {__version__}")
        return 0
    name, *rest = words
    if name not in COMMANDS:
        near = get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean 'merkit {near[0]}'?" if near else "merkit --help"
        raise ConfigError(f"unknown command '{name}'", f"one of: {', '.join(COMMANDS)}", hint)
    try:
        code: int = import_module(f"merkit.cli.{name}").run(rest)
    except RecursionError:
        raise ConfigError("the input is nested too deeply", "a few levels", "flatten it") from None
    except SystemExit as stop:  # the option parser has printed its own message
        return stop.code if isinstance(stop.code, int) else 2
    return code


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {text}" for name, text in COMMANDS.items()]
    return "\n".join(
        [
            "merkit: facial micro-expression recognition, from video to a score you can trust",
            "",
            "usage: merkit COMMAND [OPTIONS]      merkit COMMAND --help",
            "",
            *lines,
            "",
            "  --version   print the version       --debug   show the traceback of an error",
        ]
    )
