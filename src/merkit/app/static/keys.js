// Everything by keys. None works while something is typed, but Escape, which ends that.

import { $ } from "./dom.js";
import { EDGES, addHere, edgeHere, excludeHere, judge, moveEdge, playSelected, redo, step, undo } from "./events.js";
import * as player from "./player.js";
import { state, tell } from "./state.js";

/** Keys, what they do in words, and the deed. */
export const KEYS = [
  [["Space"], "play or pause", () => togglePlay()],
  [["ArrowLeft"], "one frame back; with Shift ten", (shift) => go(shift ? -10 : -1)],
  [["ArrowRight"], "one frame on; with Shift ten", (shift) => go(shift ? 10 : 1)],
  [["Home"], "first frame", () => player.seek(state.video.clock.first)],
  [["End"], "last frame", () => player.seek(state.video.clock.last)],
  [["ArrowUp", "k"], "previous event", () => step(-1)],
  [["ArrowDown", "j"], "next event", () => step(1)],
  [["Enter"], "play the event, looped", () => playSelected()],
  [["s"], "slower", () => speed(-1)],
  [["f"], "faster", () => speed(1)],
  [["a"], "accept", () => judge("accept")],
  [["r"], "reject", () => judge("reject")],
  [["o"], "open again", () => judge("reopen")],
  [["["], "onset is this frame", () => edgeHere("onset")],
  [["\\", "p"], "apex is this frame", () => edgeHere("apex")],
  [["]"], "offset is this frame", () => edgeHere("offset")],
  [["1"], "choose the onset", () => edge(0)],
  [["2"], "choose the apex", () => edge(1)],
  [["3"], "choose the offset", () => edge(2)],
  [[",", "<"], "chosen edge one frame earlier; with Shift ten", (ten) => moveEdge(state.edge, ten ? -10 : -1)],
  [[".", ">"], "chosen edge one frame later; with Shift ten", (ten) => moveEdge(state.edge, ten ? 10 : 1)],
  [["l"], "label", () => focus("label")],
  [["u"], "action units", () => focus("units")],
  [["n"], "note", () => focus("note")],
  [["+", "Insert"], "add an event here", () => addHere()],
  [["e"], "exclude from here; again: to here", () => excludeHere()],
  [["z"], "undo", () => undo()],
  [["y"], "undo the undo", () => redo()],
  [["m"], "landmarks on or off", () => toggle("marks")],
  [["w"], "motion since the onset on or off", () => toggle("arrows")],
  [["v"], "frames that merkit decodes, or the browser's player", () => toggle("exact")],
  [["?"], "this list", () => tell("help")],
  [["Escape"], "stop typing, close, exclude nothing", () => escape()],
];

export function startKeys() {
  document.addEventListener("keydown", pressed);
}

function pressed(event) {
  if ($("dialog").open) return;
  const { target } = event;
  const typing = target.matches("textarea, select, input:not([type=checkbox]):not([type=range])");
  if (typing) {
    if (event.key === "Escape" || (event.key === "Enter" && target.matches("#detail input"))) target.blur();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || !state.video) return;
  const key = event.key === " " ? "Space" : event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (target.matches("button, summary, a") && (key === "Space" || key === "Enter")) return;
  if (target.matches("input[type=checkbox]") && key === "Space") return;
  const found = KEYS.find(([keys]) => keys.includes(key));
  if (!found) return;
  event.preventDefault();
  found[2](event.shiftKey || key === "<" || key === ">");
}

export function togglePlay() {
  if (player.isPlaying()) player.pause();
  else if ($("loop").checked && state.selected) playSelected();
  else player.play();
}

function go(by) {
  player.pause();
  player.seek(state.frame + by);
}

function edge(place) {
  state.edge = EDGES[place];
  tell("edge");
}

function speed(by) {
  const select = $("speed");
  select.selectedIndex = Math.min(Math.max(select.selectedIndex + by, 0), select.options.length - 1);
  player.setRate();
}

function focus(id) {
  $(id)?.focus();
  $(id)?.select?.();
}

function toggle(id) {
  if (!$(id).disabled) $(id).click();
}

function escape() {
  document.activeElement?.blur();
  if (state.excludeFrom !== null) {
    state.excludeFrom = null;
    tell("exclude");
  }
  tell("banner", "");
}
