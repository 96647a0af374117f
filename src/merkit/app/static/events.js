// The events on the right: a list, and what can be done with the chosen one.

import { Refused, edit } from "./api.js";
import { $, exactTime, fill, h } from "./dom.js";
import * as player from "./player.js";
import { hear, merge, selectedEvent, state, tell, timeOf } from "./state.js";
import { lookAt } from "./timeline.js";

export const EDGES = ["onset", "apex", "offset"];
const SHAPES = { micro: "◆", macro: "■" };
const VERDICTS = { accepted: "✓ accepted", rejected: "✗ rejected", "": "· open" };

export function startEvents() {
  hear("review", show);
  hear("selected edge", show);
  hear("choose", choose);
  hear("exclude", showExclude);
  $("filter-kind").onchange = $("filter-verdict").onchange = showList;
  $("add").onclick = addHere;
  $("exclude").onclick = excludeHere;
  $("remark").onchange = () => noteOn(() => state.review.remark, $("remark").value);
}

// What is done ----------------------------------------------------------------------------------

/** Send an edit and show what became of it; ``make`` gives its values from the latest state. */
export async function change(make) {
  try {
    const answer = await edit(make);
    if (answer && answer.videoId === state.video?.id) merge(answer);
    return answer;
  } catch (error) {
    if (error instanceof Refused && error.status === 409) conflict(error.answer, make);
    else tell("problem", error.message);
    return null;
  }
}

/** Another page was faster: show what it did, and let the person decide. */
function conflict(answer, make) {
  if (answer.thing) merge(answer);
  tell("conflict", { text: answer.problem, again: () => change(make) });
}

const event = (id) => state.review.events.find((other) => other.id === id);

function onSelected(make) {
  const { selected } = state;
  if (!selected) return tell("problem", "Choose an event first (up and down keys).");
  return change(() => {
    const now = event(selected);
    return now ? { target: now.id, revision: now.revision, ...make(now) } : null;
  });
}

/** Judge and go on to the next that is open, as one does a hundred times. */
export async function judge(kind) {
  const before = state.selected;
  const answer = await onSelected(() => ({ kind }));
  if (answer && kind !== "reopen" && state.selected === before && $("go-on")?.checked) step(1, true);
}

export function moveEdge(edge, by) {
  return onSelected((now) => moved(now, edge, now[`${edge}_frame`] + by));
}

export function edgeHere(edge) {
  const { frame } = state;
  return onSelected((now) => moved(now, edge, frame));
}

/** The others give way, so that onset, apex and offset stay in order. */
function moved(now, edge, frame) {
  const { first, last } = state.video.clock;
  const goal = Math.min(Math.max(frame, first), last);
  const frames = { onset: now.onset_frame, apex: now.apex_frame, offset: now.offset_frame, [edge]: goal };
  if (edge === "onset") {
    frames.apex = Math.max(frames.apex, goal);
    frames.offset = Math.max(frames.offset, goal);
  } else if (edge === "offset") {
    frames.apex = Math.min(frames.apex, goal);
    frames.onset = Math.min(frames.onset, goal);
  } else {
    frames.onset = Math.min(frames.onset, goal);
    frames.offset = Math.max(frames.offset, goal);
  }
  const values = { kind: "move" };
  for (const name of EDGES) {
    if (frames[name] !== now[`${name}_frame`]) values[`${name}_frame`] = frames[name];
  }
  if (Object.keys(values).length === 1) return { kind: "move", [`${edge}_frame`]: goal };
  return values;
}

export async function addHere() {
  const { first, last } = state.video.clock;
  const half = Math.max(1, Math.round(0.15 * state.video.fps_hz));
  const values = {
    kind: "add",
    event_kind: "micro",
    onset_frame: Math.max(first, state.frame - half),
    apex_frame: state.frame,
    offset_frame: Math.min(last, state.frame + half),
  };
  const answer = await change(() => values);
  if (answer) choose(answer.thing.id);
}

export async function excludeHere() {
  if (state.excludeFrom === null) {
    state.excludeFrom = state.frame;
    return tell("exclude");
  }
  const [first_frame, last_frame] = [state.excludeFrom, state.frame].sort((a, b) => a - b);
  state.excludeFrom = null;
  tell("exclude");
  await change(() => ({ kind: "exclude", first_frame, last_frame }));
}

export const redo = () => state.review.redo && undo(() => state.review.redo);

/** Take back the last change, or, for a redo, the undo with this id. */
export async function undo(target = () => "") {
  const answer = await change(() => ({ kind: "undo", target: target() }));
  if (answer?.thing.type === "event" && !answer.thing.removed) choose(answer.thing.id, false);
  if (answer) tell("banner", `Taken back: ${answer.undone}.`);
}

function noteOn(thing, text) {
  return change(() => {
    const now = thing();
    return now && now.note !== text ? { kind: "note", target: now.id, revision: now.revision, text } : null;
  });
}

// Choosing --------------------------------------------------------------------------------------

export function choose(id, go = true) {
  const found = event(id);
  if (!found) return;
  state.selected = id;
  tell("selected");
  lookAt(found.onset_frame, found.offset_frame);
  if (go) {
    const was = player.isPlaying();
    player.pause();
    player.seek(found.onset_frame);
    if (was) playSelected();
  }
  $(`event-${id}`)?.scrollIntoView({ block: "nearest" });
}

export function playSelected() {
  const now = selectedEvent();
  if (!now) return;
  const { first, last } = state.video.clock;
  const margin = Math.round(0.1 * state.video.fps_hz);
  const range = { first: Math.max(first, now.onset_frame - margin), last: Math.min(last, now.offset_frame + margin) };
  $("loop").checked = true;
  player.seek(range.first);
  player.play(range);
}

/** The next or previous event of the list; ``open``: that is still to judge. */
export function step(by, open = false) {
  const list = listed();
  if (!list.length) return;
  const at = list.findIndex((e) => e.id === state.selected);
  const here = at >= 0 ? at : list.findIndex((e) => e.onset_frame >= state.frame) - (by > 0 ? 1 : 0);
  for (let i = here + by; i >= 0 && i < list.length; i += by) {
    if (!open || !list[i].verdict) return choose(list[i].id);
  }
}

function listed() {
  const kinds = { expressions: ["micro", "macro"], micro: ["micro"] }[$("filter-kind").value];
  const verdict = $("filter-verdict").value;
  return state.review.events.filter(
    (e) =>
      e.id === state.selected ||
      ((!kinds || kinds.includes(e.kind) || e.origin === "added") &&
        (verdict === "all" || e.verdict === (verdict === "open" ? "" : verdict))),
  );
}

// Showing ---------------------------------------------------------------------------------------

function show() {
  showDetail();
  showList();
  fill($("exclusions"), ...state.review.exclusions.map(exclusionRow));
  if (document.activeElement !== $("remark")) $("remark").value = state.review.remark.note;
}

function showList() {
  const list = listed();
  const open = list.filter((e) => !e.verdict).length;
  $("events-told").textContent = `${list.length} shown, ${open} still to judge`;
  fill($("event-list"), ...list.map(row));
}

function row(e) {
  const length = Math.round(1000 * (e.offset_s - e.onset_s));
  return h(
    "li",
    {},
    h(
      "button",
      {
        type: "button",
        id: `event-${e.id}`,
        class: `event ${e.kind === "micro" || e.kind === "macro" ? e.kind : "other"} ${e.verdict}`,
        "aria-current": e.id === state.selected ? "true" : null,
        "data-id": e.id,
        onclick: () => choose(e.id),
        ondblclick: playSelected,
      },
      h("span", { class: "shape", "aria-hidden": "true" }, SHAPES[e.kind] || "●"),
      h("span", { class: "what" }, e.label ? `${e.kind}: ${e.label}` : e.kind),
      h("span", { class: "when" }, `${e.onset_frame}–${e.offset_frame}`),
      h("span", { class: "quiet" }, `${exactTime(e.onset_s)}, ${length} ms`),
      h("span", { class: "verdict" }, VERDICTS[e.verdict]),
    ),
  );
}

function exclusionRow(x) {
  const include = () => change(() => ({ kind: "include", target: x.id, revision: x.revision }));
  return h(
    "li",
    { "data-id": x.id },
    h("button", { type: "button", class: "link", onclick: () => player.seek(x.first_frame) }, `${x.first_frame}–${x.last_frame}`),
    h("button", { type: "button", class: "small", id: `include-${x.id}`, onclick: include }, "Include again"),
  );
}

function showExclude() {
  $("exclude").textContent =
    state.excludeFrom === null ? "Exclude from here" : `Exclude ${state.excludeFrom} to here`;
}

let goOn = true;

function showDetail() {
  const now = selectedEvent();
  const box = $("detail");
  if (!now) {
    fill(box, h("p", { class: "quiet" }, "Choose an event, or press ↓."));
    return;
  }
  const typing = document.activeElement;
  if (box.contains(typing) && box.dataset.id === now.id && /^(label|units|note)$/.test(typing.id)) {
    for (const edge of EDGES) $(`${edge}-frame`).textContent = now[`${edge}_frame`];
    return; // do not take the field away from under the hands
  }
  box.dataset.id = now.id;
  fill(
    box,
    h("h2", {}, now.label ? `${now.kind}: ${now.label}` : now.kind, now.origin === "added" ? " (added)" : ""),
    verdicts(now),
    h("table", { class: "edges" }, h("tbody", {}, EDGES.map((edge) => edgeRow(now, edge)))),
    names(now),
    facts(now),
  );
}

function verdicts(now) {
  const button = (kind, text, key, on) =>
    h(
      "button",
      {
        type: "button",
        id: `do-${kind}`,
        "aria-pressed": String(on),
        title: `${text} (${key})`,
        onclick: () => judge(kind),
      },
      text,
    );
  return h(
    "div",
    { class: "buttons verdicts" },
    button("accept", "✓ Accept", "A", now.verdict === "accepted"),
    button("reject", "✗ Reject", "R", now.verdict === "rejected"),
    now.origin === "added"
      ? h("button", { type: "button", id: "do-remove", onclick: () => onSelected(() => ({ kind: "remove" })) }, "Remove")
      : button("reopen", "Reopen", "O", false),
    h("button", { type: "button", id: "play-event", title: "Enter", onclick: playSelected }, "Play it"),
    h(
      "label",
      {},
      h("input", { type: "checkbox", id: "go-on", checked: goOn, onchange: (e) => (goOn = e.target.checked) }),
      " go on to the next",
    ),
  );
}

function edgeRow(now, edge) {
  const by = (n) => () => {
    state.edge = edge;
    moveEdge(edge, n);
  };
  const frame = now[`${edge}_frame`];
  const button = (id, text, title, onclick) =>
    h("button", { type: "button", class: "small", id: `${edge}-${id}`, title, "aria-label": title, onclick }, text);
  return h(
    "tr",
    { class: state.edge === edge ? "chosen" : null },
    h("th", { scope: "row" }, edge),
    h("td", {}, button("back", "−", `${edge} one frame earlier`, by(-1))),
    h(
      "td",
      {},
      h("button", { type: "button", class: "link number", id: `${edge}-frame`, title: `Go to the ${edge}`, onclick: () => {
        state.edge = edge;
        tell("edge");
        player.seek(frame);
      } }, String(frame)),
    ),
    h("td", {}, button("on", "+", `${edge} one frame later`, by(1))),
    h("td", { class: "quiet number" }, `${timeOf(frame).toFixed(3)} s`),
    h("td", {}, button("here", "here", `${edge} is the frame that is shown`, () => edgeHere(edge))),
  );
}

function names(now) {
  const set = (values) => onSelected(() => values);
  const kinds = state.project.kinds.map((kind) => h("option", { value: kind, selected: kind === now.kind }, kind));
  const field = (id, label, element) => h("div", { class: "field" }, h("label", { for: id }, label), element);
  const labels = [...new Set([...state.project.labels, ...state.review.events.map((e) => e.label)])].filter(Boolean);
  return h(
    "div",
    { class: "names" },
    field("kind", "Kind", h("select", { id: "kind", onchange: (e) => set({ kind: "relabel", event_kind: e.target.value }) }, kinds)),
    field(
      "label",
      "Label",
      h("input", {
        id: "label",
        list: "labels",
        value: now.label,
        autocomplete: "off",
        onchange: (e) => set({ kind: "relabel", label: e.target.value.trim() }),
      }),
    ),
    h("datalist", { id: "labels" }, labels.map((label) => h("option", { value: label }))),
    field(
      "units",
      "Action units",
      h("input", { id: "units", value: now.units, autocomplete: "off", placeholder: "1+2+L12", onchange: (e) => set({ kind: "units", units: e.target.value.trim() }) }),
    ),
    field(
      "note",
      "Note",
      h("textarea", { id: "note", rows: 2, value: now.note, onchange: (e) => noteOn(() => event(now.id), e.target.value) }),
    ),
  );
}

function facts(now) {
  const rows = [];
  const say = (name, value) => value && rows.push(h("dt", {}, name), h("dd", {}, value));
  say("model", now.score !== null && now.label ? `${now.label}, ${now.score.toFixed(2)}` : "");
  say("moved", now.motion_px !== null ? `${now.motion_px.toFixed(2)} px, where ${now.threshold_px.toFixed(2)} are needed` : "");
  say("where", now.regions.join("; "));
  say("quality", now.quality !== null ? now.quality.toFixed(2) : "");
  say("because", now.reasons.join("; "));
  if (now.found) say("found at", `${now.found.onset}, ${now.found.apex}, ${now.found.offset}`);
  return h("dl", { class: "facts" }, rows);
}
