// Landmarks and motion, drawn over the frame that stands still.

import { ask } from "./api.js";
import { $ } from "./dom.js";
import * as player from "./player.js";
import { hear, selectedEvent, state } from "./state.js";

const LONGER = 6; // times that arrows are drawn longer than the motion
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
  canvas.width = canvas.width || 1; // wipes it
  canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
}

function refresh() {
  clearTimeout(timer);
  const wanted = $("marks").checked || $("arrows").checked;
  if (!wanted || player.isPlaying() || !state.video) {
    clear();
    $("screen-told").textContent = "";
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
  $("screen-told").textContent = told.problem;
  draw(told);
}

function draw(told) {
  canvas.width = told.width;
  canvas.height = told.height;
  const pen = canvas.getContext("2d");
  const unit = Math.max(told.width, told.height) / 640;
  if ($("marks").checked) {
    for (const [size, colour] of [[2.6, "#00000066"], [1.8, "#00e5ff"]]) {
      pen.fillStyle = colour;
      const side = size * unit;
      for (const [x, y] of told.mesh) pen.fillRect(x - side / 2, y - side / 2, side, side);
    }
  }
  if (!$("arrows").checked) return;
  for (const arrow of told.arrows) {
    pen.lineWidth = 4 * unit;
    pen.strokeStyle = "#000000aa";
    line(pen, arrow, unit);
    pen.lineWidth = 2 * unit;
    pen.strokeStyle = "#ffd400";
    line(pen, arrow, unit);
  }
}

function line(pen, { x, y, right, down }, unit) {
  const [endX, endY] = [x + LONGER * right, y + LONGER * down];
  const angle = Math.atan2(endY - y, endX - x);
  const head = Math.min(6 * unit, Math.hypot(endX - x, endY - y) / 2);
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(endX, endY);
  for (const side of [-0.5, 0.5]) {
    pen.moveTo(endX, endY);
    pen.lineTo(endX - head * Math.cos(angle + side), endY - head * Math.sin(angle + side));
  }
  pen.stroke();
}
