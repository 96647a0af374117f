// Landmarks and motion, drawn over the frame that stands still.

import { ask } from "./api.js";
import { $ } from "./dom.js";
import * as player from "./player.js";
import { hear, selectedEvent, state } from "./state.js";

const LEAST_PX = 0.3; // of the normalised face; less is what points tremble by
const LONGER = 10; // times that arrows are drawn longer than the motion
const canvas = $("overlay");
let asked = 0;
let timer = 0;

export function startOverlay() {
  hear("screen selected review", refresh);
  hear("frame playing", clear);
  $("marks").onchange = $("arrows").onchange = refresh;
}

function clear() {
  asked += 1;
  canvas.width = canvas.clientWidth; // wipes it
  $("screen-told").textContent = "";
}

function refresh() {
  clearTimeout(timer);
  const wanted = $("marks").checked || $("arrows").checked;
  if (!wanted || player.isPlaying() || !state.video) {
    clear();
    return;
  }
  timer = setTimeout(fetchAndDraw, 120); // not for frames that are only passed
}

async function fetchAndDraw() {
  const turn = (asked += 1);
  const { frame, video } = state;
  const event = selectedEvent();
  const parameters = { frame };
  if ($("arrows").checked && event && event.onset_frame !== frame) parameters.since = event.onset_frame;
  let told;
  try {
    told = await ask(`/api/videos/${video.id}/overlay`, parameters);
  } catch (error) {
    told = { problem: error.message, mesh: [], arrows: [], width: 1, height: 1 };
  }
  if (turn !== asked) return;
  $("screen-told").textContent =
    told.problem || (told.arrows.length ? `motion since frame ${parameters.since}, drawn ${LONGER} times as long` : "");
  draw(told);
}

/** In the points of the screen, so that lines are as thin in a small video as in a large one. */
function draw(told) {
  const dots = window.devicePixelRatio || 1;
  canvas.width = canvas.clientWidth * dots;
  canvas.height = canvas.clientHeight * dots;
  const scale = Math.min(canvas.width / told.width, canvas.height / told.height);
  const pen = canvas.getContext("2d");
  pen.translate((canvas.width - scale * told.width) / 2, (canvas.height - scale * told.height) / 2);
  const place = ([x, y]) => [x * scale, y * scale];
  if ($("marks").checked) {
    for (const [size, colour] of [[2.8, "#00000077"], [1.6, "#00e5ff"]]) {
      pen.fillStyle = colour;
      const side = size * dots;
      for (const [x, y] of told.mesh.map(place)) pen.fillRect(x - side / 2, y - side / 2, side, side);
    }
  }
  if (!$("arrows").checked) return;
  for (const [width, colour] of [[5.5, "#000000aa"], [3, "#ffd400"]]) {
    pen.lineWidth = width * dots;
    pen.strokeStyle = colour;
    for (const { x, y, right, down } of told.arrows.filter((a) => a.motion_px >= LEAST_PX)) {
      arrow(pen, place([x, y]), place([x + LONGER * right, y + LONGER * down]), 9 * dots);
    }
  }
}

function arrow(pen, [x, y], [endX, endY], most) {
  const angle = Math.atan2(endY - y, endX - x);
  const head = Math.min(most, Math.hypot(endX - x, endY - y) / 2);
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(endX, endY);
  for (const side of [-0.5, 0.5]) {
    pen.moveTo(endX, endY);
    pen.lineTo(endX - head * Math.cos(angle + side), endY - head * Math.sin(angle + side));
  }
  pen.stroke();
}
