// Lanes of events and stretches over time, and a curve below. Kinds differ by shape and pattern,
// not by colour alone.

import { ask } from "./api.js";
import { $, fill, h } from "./dom.js";
import * as player from "./player.js";
import { hear, selectedEvent, state, tell } from "./state.js";

const LANES = [
  { name: "micro", holds: (e) => e.kind === "micro" },
  { name: "macro", holds: (e) => e.kind === "macro" },
  { name: "other", holds: (e) => e.kind !== "micro" && e.kind !== "macro" },
];
const COLOURS = { micro: "#b3460e", macro: "#24506e", other: "#6b6b6b" };
const LEFT = 62; // room for the lanes' names
const HEIGHT = 24;
const LEAST = 20; // frames

const canvas = $("lanes");
let view = { first: 0, last: 1 };
let chart = null;
let asked = 0;
let drawn = false;

export function startTimeline() {
  hear("review frame selected exclude", draw);
  hear("video", () => {
    wholeVideo();
    askCurve();
  });
  $("zoom-in").onclick = () => zoom(0.5);
  $("zoom-out").onclick = () => zoom(2);
  $("zoom-all").onclick = wholeVideo;
  $("curve").onchange = askCurve;
  canvas.onpointerdown = pointed;
  canvas.onpointermove = (event) => event.buttons && dragged(event);
  canvas.onwheel = (event) => {
    event.preventDefault();
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      const by = ((event.deltaX || event.deltaY) / canvas.clientWidth) * (view.last - view.first);
      look(view.first + by, view.last + by);
    } else zoom(event.deltaY > 0 ? 1.25 : 0.8, frameAt(event));
  };
  new ResizeObserver(() => {
    draw();
    drawCurve();
  }).observe($("timeline"));
  legend();
}

function legend() {
  const item = (name, text) => h("span", { class: `key ${name}` }, text);
  fill(
    $("legend"),
    item("micro", "◆ micro"),
    item("macro", "■ macro"),
    item("other", "● other"),
    item("untold", "▨ nothing can be told"),
    item("excluded", "▩ excluded"),
  );
}

function wholeVideo() {
  if (state.video) look(state.video.clock.first, state.video.clock.last + 1);
}

function zoom(factor, around = state.frame) {
  const length = Math.max((view.last - view.first) * factor, LEAST);
  const share = (around - view.first) / (view.last - view.first);
  look(around - share * length, around + (1 - share) * length);
}

function look(first, last) {
  const { clock } = state.video;
  const length = Math.min(last - first, clock.last + 1 - clock.first);
  const begin = Math.min(Math.max(first, clock.first), clock.last + 1 - length);
  view = { first: begin, last: begin + length };
  draw();
  askCurve();
}

/** Bring a span into the view, close enough to see its edges. */
export function lookAt(first, last) {
  const length = last - first + 1;
  const fits = first >= view.first && last <= view.last && length * 60 > view.last - view.first;
  if (!fits) look(first - 6 * length, last + 6 * length);
}

const x = (frame) =>
  LEFT + ((frame - view.first) / (view.last - view.first)) * (canvas.clientWidth - LEFT);

function frameAt(event) {
  const share = (event.offsetX - LEFT) / (canvas.clientWidth - LEFT);
  return view.first + Math.min(Math.max(share, 0), 1) * (view.last - view.first);
}

function pointed(event) {
  const lane = LANES[Math.floor(event.offsetY / HEIGHT)];
  const frame = frameAt(event);
  const near = (4 / (canvas.clientWidth - LEFT)) * (view.last - view.first);
  const hits = state.review.events.filter(
    (e) => lane?.holds(e) && e.onset_frame - near <= frame && frame <= e.offset_frame + 1 + near,
  );
  const hit = hits.sort((a, b) => a.offset_frame - a.onset_frame - (b.offset_frame - b.onset_frame))[0];
  if (hit) tell("choose", hit.id);
  else player.seek(Math.floor(frame));
}

function dragged(event) {
  player.seek(Math.floor(frameAt(event)));
}

function draw() {
  if (drawn || !state.video) return;
  drawn = true;
  requestAnimationFrame(() => {
    drawn = false;
    drawNow();
  });
}

function drawNow() {
  const height = HEIGHT * (LANES.length + 1);
  const scale = window.devicePixelRatio || 1;
  canvas.width = canvas.clientWidth * scale;
  canvas.height = height * scale;
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  pen.font = "12px system-ui, sans-serif";
  pen.textBaseline = "middle";
  LANES.forEach((lane, i) => {
    pen.fillStyle = i % 2 ? "#f7f8f9" : "#eef1f3";
    pen.fillRect(LEFT, i * HEIGHT, canvas.clientWidth - LEFT, HEIGHT);
    pen.fillStyle = "#333";
    pen.fillText(lane.name, 2, (i + 0.5) * HEIGHT);
  });
  pen.fillStyle = "#333";
  pen.fillText("stretches", 2, (LANES.length + 0.5) * HEIGHT);
  pen.save();
  pen.beginPath();
  pen.rect(LEFT, 0, canvas.clientWidth - LEFT, height);
  pen.clip();
  drawStretches(pen, LANES.length * HEIGHT);
  LANES.forEach((lane, i) => {
    for (const event of state.review.events) if (lane.holds(event)) drawEvent(pen, event, lane, i * HEIGHT);
  });
  drawHere(pen, height);
  pen.restore();
}

const seen = (first, last) => last + 1 >= view.first && first <= view.last;

function drawEvent(pen, event, lane, top) {
  if (!seen(event.onset_frame, event.offset_frame)) return;
  const left = x(event.onset_frame);
  const width = Math.max(x(event.offset_frame + 1) - left, 3);
  const colour = COLOURS[lane.name];
  const rejected = event.verdict === "rejected";
  pen.globalAlpha = rejected ? 0.4 : 1;
  pen.fillStyle = event.verdict === "accepted" ? colour : `${colour}55`;
  pen.strokeStyle = colour;
  pen.lineWidth = 1.5;
  pen.fillRect(left, top + 5, width, HEIGHT - 10);
  pen.strokeRect(left, top + 5, width, HEIGHT - 10);
  if (lane.name === "micro") hatch(pen, left, top + 5, width, HEIGHT - 10, colour);
  pen.fillStyle = "#111";
  const apex = x(event.apex_frame + 0.5);
  if (width > 14) shape(pen, lane.name, apex, top + HEIGHT / 2);
  if (rejected) {
    pen.strokeStyle = "#000";
    pen.beginPath();
    pen.moveTo(left, top + 5);
    pen.lineTo(left + width, top + HEIGHT - 5);
    pen.stroke();
  }
  pen.globalAlpha = 1;
  if (event.id === state.selected) {
    pen.strokeStyle = "#000";
    pen.lineWidth = 2.5;
    pen.strokeRect(left - 2, top + 2, width + 4, HEIGHT - 4);
  }
}

function hatch(pen, left, top, width, height, colour, gap = 6) {
  pen.save();
  pen.beginPath();
  pen.rect(left, top, width, height);
  pen.clip();
  pen.strokeStyle = colour;
  pen.lineWidth = 1;
  for (let at = left - height; at < left + width; at += gap) {
    pen.beginPath();
    pen.moveTo(at, top + height);
    pen.lineTo(at + height, top);
    pen.stroke();
  }
  pen.restore();
}

function shape(pen, kind, at, middle) {
  pen.beginPath();
  if (kind === "micro") {
    pen.moveTo(at, middle - 5);
    pen.lineTo(at + 5, middle);
    pen.lineTo(at, middle + 5);
    pen.lineTo(at - 5, middle);
  } else if (kind === "macro") pen.rect(at - 4, middle - 4, 8, 8);
  else pen.arc(at, middle, 4, 0, 7);
  pen.fill();
}

function drawStretches(pen, top) {
  for (const stretch of state.video.stretches) {
    if (!seen(stretch.first_frame, stretch.last_frame)) continue;
    const left = x(stretch.first_frame);
    hatch(pen, left, top + 4, Math.max(x(stretch.last_frame + 1) - left, 2), HEIGHT - 8, "#8a8a8a", 5);
  }
  for (const exclusion of state.review.exclusions) {
    if (!seen(exclusion.first_frame, exclusion.last_frame)) continue;
    const left = x(exclusion.first_frame);
    const width = Math.max(x(exclusion.last_frame + 1) - left, 3);
    pen.fillStyle = "#00000022";
    pen.fillRect(left, 0, width, top + HEIGHT);
    pen.fillStyle = "#333";
    pen.fillRect(left, top + 4, width, HEIGHT - 8);
  }
  if (state.excludeFrom !== null) {
    const [a, b] = [state.excludeFrom, state.frame].sort((p, q) => p - q);
    pen.fillStyle = "#00000033";
    pen.fillRect(x(a), 0, Math.max(x(b + 1) - x(a), 2), top + HEIGHT);
  }
}

function drawHere(pen, height) {
  const here = x(state.frame + 0.5);
  pen.strokeStyle = "#c00000";
  pen.lineWidth = 1.5;
  pen.beginPath();
  pen.moveTo(here, 0);
  pen.lineTo(here, height);
  pen.stroke();
  const event = selectedEvent();
  if (event && chart) chart.redraw(false);
}

// Curves ----------------------------------------------------------------------------------------

let curve = { titles: [], title: "", frame: [], value: [] };
let timer = 0;

/** Ask for what the view shows, once it has come to rest. */
function askCurve() {
  clearTimeout(timer);
  timer = setTimeout(async () => {
    const turn = (asked += 1);
    const { id } = state.video;
    const parameters = {
      title: $("curve").value,
      first: Math.floor(view.first),
      last: Math.ceil(view.last),
      points: Math.round(canvas.clientWidth),
    };
    let answer = { titles: [], title: "", frame: [], value: [] };
    try {
      answer = await ask(`/api/videos/${id}/curve`, parameters);
    } catch (error) {
      tell("problem", error.message);
    }
    if (turn !== asked || state.video?.id !== id) return;
    curve = answer;
    if (curve.titles.join() !== [...$("curve").options].map((o) => o.value).join()) {
      fill($("curve"), ...curve.titles.map((title) => h("option", { value: title }, title)));
    }
    $("curve").value = curve.title;
    $("curve").closest(".line").hidden = !curve.titles.length;
    drawCurve();
  }, 80);
}

function drawCurve() {
  const host = $("curves");
  chart?.destroy();
  chart = null;
  if (!curve.frame.length || !window.uPlot || !host.clientWidth) return;
  const settings = {
    width: host.clientWidth,
    height: 110,
    legend: { show: false },
    cursor: { y: false, drag: { setScale: false } },
    padding: [6, 0, 0, 0],
    scales: { x: { time: false, range: () => [view.first, view.last] } },
    axes: [
      { size: 26, font: "12px system-ui, sans-serif", grid: { stroke: "#e3e6e8" } },
      { size: LEFT, font: "12px system-ui, sans-serif", grid: { stroke: "#e3e6e8" } },
    ],
    series: [{}, { stroke: "#24506e", width: 1.3, spanGaps: false }],
    hooks: { draw: [drawMarks] },
  };
  chart = new window.uPlot(settings, [curve.frame, curve.value], host);
  chart.over.addEventListener("click", () => {
    if (chart.cursor.left >= 0) player.seek(Math.floor(chart.posToVal(chart.cursor.left, "x")));
  });
}

/** Onset, apex and offset of the chosen event, and where we are. */
function drawMarks(plot) {
  const pen = plot.ctx;
  const { left, top, width, height } = plot.bbox;
  const line = (frame, colour, dashes) => {
    const at = plot.valToPos(frame, "x", true);
    if (at < left || at > left + width) return;
    pen.save();
    pen.strokeStyle = colour;
    pen.lineWidth = 1.5 * (window.devicePixelRatio || 1);
    pen.setLineDash(dashes);
    pen.beginPath();
    pen.moveTo(at, top);
    pen.lineTo(at, top + height);
    pen.stroke();
    pen.restore();
  };
  const event = selectedEvent();
  if (event) {
    line(event.onset_frame, "#444", [6, 3]);
    line(event.apex_frame, "#444", [2, 3]);
    line(event.offset_frame, "#444", [6, 3]);
  }
  line(state.frame + 0.5, "#c00000", []);
}

hear("frame", () => chart?.redraw(false));
