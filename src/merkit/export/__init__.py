"""Writing events for people and programs."""

from __future__ import annotations

from merkit.export.events import write_events

__all__ = ["write_events"]
