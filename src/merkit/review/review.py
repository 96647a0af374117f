"""The review of one video by one coder: what was found, and every edit since. It is never changed;
an edit gives another one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from merkit.errors import ConfigError
from merkit.inference.analysis import Analysis
from merkit.review.changes import added, changed, check_order
from merkit.review.clock import Clock
from merkit.review.edits import Edit, EditConflict
from merkit.review.things import VIDEO, Exclusion, Remark, ReviewedEvent, Thing

_NEW = {"add": "a", "exclude": "x"}  # kind of edit -> what ids of what it makes begin with


@dataclass(frozen=True, slots=True)
class Change:
    """What an edit did: the thing before and after it, and the fields that it set."""

    edit: Edit
    fields: tuple[str, ...]
    before: Thing
    after: Thing


@dataclass(frozen=True)
class Review:
    """Events and exclusions as a coder left them, in order of time.

    ``things``: all by id, also removed ones. ``history``: what each edit did, by its id, in order.
    ``taken_back``: ids of edits that are undone.
    """

    clock: Clock
    things: Mapping[str, Thing]
    history: Mapping[str, Change] = field(default_factory=dict)
    taken_back: frozenset[str] = frozenset()

    @classmethod
    def of(cls, analysis: Analysis, clock: Clock, edits: Iterable[Edit] = ()) -> Review:
        """What was found in a video, after these edits. Found events are ``e001`` and so on, in
        order of time.

        Raises:
            ConfigError, EditConflict: an edit that cannot have been made.
        """
        found = [
            ReviewedEvent(f"e{n:03d}", event, event, action_units=event.action_units)
            for n, event in enumerate(analysis.events, 1)
        ]
        things: dict[str, Thing] = {event.id: event for event in found}
        bare = cls(clock, things | {VIDEO: Remark()})
        return bare.after(edits)

    @property
    def events(self) -> tuple[ReviewedEvent, ...]:
        """Those that are there, rejected ones too."""
        there = [t for t in self.things.values() if isinstance(t, ReviewedEvent) and not t.removed]
        return tuple(sorted(there, key=lambda e: (e.event.onset_frame, e.event.offset_frame, e.id)))

    @property
    def exclusions(self) -> tuple[Exclusion, ...]:
        there = [t for t in self.things.values() if isinstance(t, Exclusion) and not t.removed]
        return tuple(sorted(there, key=lambda x: (x.first_frame, x.last_frame, x.id)))

    @property
    def remark(self) -> Remark:
        """The note on the whole video."""
        remark = self.things[VIDEO]
        assert isinstance(remark, Remark)
        return remark

    @property
    def undoable(self) -> Change | None:
        """What an ``undo`` takes back; None where there is nothing."""
        own = (c for c in reversed(list(self.history.values())) if c.edit.kind != "undo")
        return next((c for c in own if c.edit.id not in self.taken_back), None)

    @property
    def redoable(self) -> Change | None:
        """The undo that an ``undo`` of it would take back, as long as nothing was done since."""
        for change in reversed(list(self.history.values())):
            if change.edit.kind != "undo":
                return None
            if change.edit.id not in self.taken_back and not self._redoes(change.edit):
                return change
        return None

    def _redoes(self, edit: Edit) -> bool:
        """Whether an undo takes back an undo."""
        return self.history[edit.target].edit.kind == "undo"

    def settled(self, edit: Edit) -> Edit:
        """The edit with the target that it has not yet: the id of what it makes, or of the last
        edit that is not undone. This is what a journal holds.

        Raises:
            ConfigError: there is nothing to undo.
        """
        if edit.target:
            return edit
        if edit.kind in _NEW:
            letter = _NEW[edit.kind]
            n = sum(change.edit.kind == edit.kind for change in self.history.values())
            return replace(edit, target=f"{letter}{n + 1:03d}")
        if edit.kind == "undo":
            if self.undoable is None:
                raise ConfigError("there is nothing to undo", "an edit before it")
            return replace(edit, target=self.undoable.edit.id)
        raise ConfigError(f"edit '{edit.id}' ({edit.kind}) has no target", "the id of an event")

    def apply(self, edit: Edit) -> Review:
        """The review after one more edit. An edit whose id is known changes nothing.

        Edits of a revision that is no longer the present one are merged, unless what they set has
        changed since to something else.

        Raises:
            EditConflict: it has.
            ConfigError: no such target, an impossible value, or the id of another edit.
        """
        return self.after([edit])

    def undone(self, edit_id: str, target: str = "", time: str = "") -> Review:
        """The review after an undo with this id, of the last edit, or of the one named."""
        return self.apply(Edit(edit_id, "undo", target, time=time))

    def after(self, edits: Iterable[Edit]) -> Review:
        """The review after these edits, in their order; see :meth:`apply`."""
        things, history = dict(self.things), dict(self.history)
        now = Review(self.clock, things, history, self.taken_back)
        for edit in edits:
            if edit.id in history:
                _check_same(history[edit.id].edit, edit)
                continue
            change = now._change(now.settled(edit))
            things[change.after.id] = change.after
            history[edit.id] = change
            if edit.kind == "undo":
                now = replace(now, taken_back=now._taken_back(change.edit))
        return now

    def _change(self, edit: Edit) -> Change:
        if edit.kind == "undo":
            return self._undo(edit)
        if edit.kind in _NEW:
            if edit.target in self.things:
                raise ConfigError(f"{edit.target} is there already", "a new id, or none")
            new = added(edit, self.clock)
            absent = replace(new, removed=True)
            return Change(edit, ("removed",), absent, replace(new, revision=1))
        thing = self._thing(edit)
        try:
            other, fields = changed(thing, edit, self.clock)
        except ConfigError as error:
            if edit.revision < thing.revision:  # it may have been right when it was made
                raise _conflict(edit, thing, error.found) from None
            raise
        for name in fields:
            since = thing.changed.get(name, 0)
            if since > edit.revision and thing.value(name) != other.value(name):
                raise _conflict(edit, thing, f"{name} of {thing.id} has changed since")
        return Change(edit, fields, thing, _revised(thing, other, fields))

    def _thing(self, edit: Edit) -> Thing:
        thing = self.things.get(edit.target)
        if thing is None:
            raise ConfigError(
                f"'{edit.kind}' of '{edit.target}', which is not there",
                "the id of an event or exclusion of this video",
            )
        if thing.removed:
            raise _conflict(edit, thing, f"{thing.id} was removed")
        if edit.revision > thing.revision:
            raise ConfigError(
                f"'{edit.kind}' of revision {edit.revision} of {thing.id}",
                f"its revision, {thing.revision} by now",
            )
        return thing

    def _undo(self, edit: Edit) -> Change:
        back = self.history.get(edit.target)
        if back is None or edit.target in self.taken_back:
            raise ConfigError(
                f"undo of '{edit.target}', which is no edit that counts",
                "an edit of this coder that is not undone",
            )
        if back.edit.kind == "undo" and self._redoes(back.edit):
            raise ConfigError(f"undo of '{edit.target}', which undid an undo", "the edit itself")
        thing = self.things[back.after.id]
        restored = thing
        for name in back.fields:
            if thing.value(name) != back.after.value(name):
                raise _conflict(edit, thing, f"{name} of {thing.id} has changed since")
            restored = restored.with_field(name, back.before)  # type: ignore[arg-type]
        if isinstance(restored, ReviewedEvent):
            try:
                check_order(restored)
            except ConfigError as error:
                raise _conflict(edit, thing, error.found) from None
        return Change(edit, back.fields, thing, _revised(thing, restored, back.fields))

    def _taken_back(self, undo: Edit) -> frozenset[str]:
        """With what this undo takes back; where that is an undo, what it took back counts again."""
        back = self.history[undo.target].edit
        again = {back.target} if back.kind == "undo" else set()
        return (self.taken_back | {back.id}) - again


def _revised(thing: Thing, other: Thing, fields: tuple[str, ...]) -> Thing:
    revision = thing.revision + 1
    return replace(
        other, revision=revision, changed={**thing.changed, **dict.fromkeys(fields, revision)}
    )


def _conflict(edit: Edit, thing: Thing, why: str) -> EditConflict:
    return EditConflict(
        f"'{edit.kind}' of revision {edit.revision}: {why} (now revision {thing.revision})",
        "an edit of what is there now",
        "look at it again, then repeat the edit",
        thing,
    )


def _check_same(known: Edit, edit: Edit) -> None:
    """Refuse another edit under a known id; who sends one again may not know its target yet."""
    target = edit.target or known.target
    if replace(edit, target=target, time=known.time) != known:
        raise ConfigError(
            f"another edit has the id '{edit.id}' ({known.kind} of {known.target})",
            "an id of its own for every edit",
        )
