// What the page knows, and who wants to hear when it changes.

export const state = {
  coder: "",
  project: null, // name, folder, formats, classes, kinds
  videos: [], // of the list, each with its state in the queue
  video: null, // the open one: clock, size, stretches, ...
  review: { events: [], exclusions: [], remark: { id: "video", note: "", revision: 0 }, count: -1, redo: "" },
  selected: "", // id of an event
  edge: "onset", // which one the keys move
  frame: 0,
  excludeFrom: null,
  unsent: "",
};

const listeners = new Map();

/** Call ``listener`` whenever one of these topics is told. */
export function hear(topics, listener) {
  for (const topic of topics.split(" ")) {
    if (!listeners.has(topic)) listeners.set(topic, []);
    listeners.get(topic).push(listener);
  }
}

export function tell(topic, detail) {
  for (const listener of listeners.get(topic) || []) listener(detail);
}

export const selectedEvent = () =>
  state.review.events.find((event) => event.id === state.selected) || null;

/** Put a changed event, exclusion or remark in its place. */
export function merge({ thing, count, redo }) {
  const review = state.review;
  review.count = count;
  review.redo = redo;
  if (thing.type === "remark") review.remark = thing;
  else {
    const list = thing.type === "exclusion" ? "exclusions" : "events";
    const others = review[list].filter((other) => other.id !== thing.id);
    review[list] = thing.removed ? others : [...others, thing];
    const first = (t) => (t.type === "exclusion" ? t.first_frame : t.onset_frame);
    review[list].sort((a, b) => first(a) - first(b));
    if (thing.removed && state.selected === thing.id) state.selected = "";
  }
  tell("review");
}

// Frames and times: known at some frames, in between in proportion. --------------------------------

export function timeOf(frame) {
  return between(state.video.clock.frames, state.video.clock.times, frame);
}

export function frameOf(time) {
  const { clock } = state.video;
  // a frame is shown from its own time on until that of the next
  const frame = Math.floor(between(clock.times, clock.frames, time) + 0.02);
  return Math.min(Math.max(frame, clock.first), clock.last);
}

function between(from, to, value) {
  if (from.length < 2) return to[0];
  let low = 0;
  let high = from.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (from[middle] <= value) low = middle;
    else high = middle;
  }
  const share = (value - from[low]) / (from[high] - from[low]);
  return to[low] + share * (to[high] - to[low]);
}
