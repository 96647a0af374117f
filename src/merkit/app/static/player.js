// The picture: the browser's own player where it can play the file, else frames that merkit decodes.
// Whatever shows it, places are frame numbers of the source.

import { $ } from "./dom.js";
import { frameOf, state, tell, timeOf } from "./state.js";

const KEPT = 90; // frames that are kept as pictures
const AHEAD = 10;

const video = $("native");
const canvas = $("picture");
let shownBy = "native"; // or "frames"
let offset = 0; // the browser's time of the first frame
let playing = false;
let range = null; // {first, last} to stay within while playing
let wanted = null; // a frame to go to when the seek that runs has ended
let pictures = new Map();
let started = { at: 0, frame: 0 };

export const rate = () => Number($("speed").value);
export const isPlaying = () => playing;
export const shows = () => shownBy;

export function load() {
  pause();
  pictures = new Map();
  offset = 0;
  wanted = null;
  const playable = state.video.native && video.canPlayType(state.video.native) !== "";
  $("exact").disabled = !playable;
  $("exact").checked = !playable;
  video.removeAttribute("src");
  if (playable) {
    video.src = `/media/${state.video.id}`;
    video.muted = !$("sound").checked;
    video.onerror = () => {
      $("exact").disabled = $("exact").checked = true;
      showBy("frames");
    };
    firstTime();
  } else {
    video.load();
  }
  showBy(playable ? "native" : "frames");
}

/** A file's first frame is not always at 0 in the browser's clock. */
function firstTime() {
  const id = state.video.id;
  video.requestVideoFrameCallback?.((_, frame) => {
    if (state.video?.id === id && frame.mediaTime < 0.5) offset = frame.mediaTime;
    tell("screen");
  });
}

export function showBy(how) {
  const was = playing;
  pause();
  shownBy = how;
  video.hidden = how !== "native";
  canvas.hidden = how === "native";
  seek(state.frame);
  if (was) play(range);
}

export function seek(frame) {
  const { clock } = state.video;
  const goal = Math.min(Math.max(Math.round(frame), clock.first), clock.last);
  state.frame = goal;
  tell("frame");
  started = { at: performance.now(), frame: goal };
  if (shownBy === "frames") {
    showPicture(goal);
  } else if (video.seeking) {
    wanted = goal;
  } else {
    seekNative(goal);
  }
}

function seekNative(frame) {
  wanted = null;
  // into the middle of the frame: at its very edge the one before may be shown
  const length = frame < state.video.clock.last ? timeOf(frame + 1) - timeOf(frame) : 1 / state.video.fps_hz;
  video.currentTime = offset + timeOf(frame) + length / 2;
}

video.addEventListener("seeked", () => {
  if (wanted !== null && state.video) seekNative(wanted);
  else tell("screen");
});

export function play(within = null) {
  range = within;
  if (range && (state.frame < range.first || state.frame >= range.last)) seek(range.first);
  playing = true;
  tell("playing");
  started = { at: performance.now(), frame: state.frame };
  if (shownBy === "native") {
    video.playbackRate = rate();
    video.play().catch(() => pause());
    watchNative();
  } else {
    requestAnimationFrame(stepFrames);
  }
}

export function pause() {
  const was = playing;
  playing = false;
  if (!video.paused) video.pause();
  if (was) {
    tell("playing");
    if (shownBy === "native") seek(state.frame); // the frame that the number says
    tell("screen");
  }
}

export function setRate() {
  video.playbackRate = rate();
  started = { at: performance.now(), frame: state.frame };
}

function watchNative() {
  const next = (callback) =>
    video.requestVideoFrameCallback
      ? video.requestVideoFrameCallback((_, frame) => callback(frame.mediaTime))
      : requestAnimationFrame(() => callback(video.currentTime));
  next((time) => {
    if (!playing || shownBy !== "native") return;
    if (!video.seeking) {
      state.frame = frameOf(time - offset + 1e-4);
      tell("frame");
      if (range && state.frame >= range.last) seek(range.first);
      else if (state.frame >= state.video.clock.last) return pause();
    }
    watchNative();
  });
}

video.addEventListener("ended", () => {
  if (!playing) return;
  if (range) {
    seek(range.first);
    video.play().catch(() => pause());
  } else pause();
});

// Frames ----------------------------------------------------------------------------------------

function picture(frame) {
  let found = pictures.get(frame);
  if (!found) {
    found = new Image();
    found.src = `/frames/${state.video.id}/${frame}.jpg`;
    pictures.set(frame, found);
    if (pictures.size > KEPT) pictures.delete(pictures.keys().next().value);
  }
  return found;
}

function showPicture(frame) {
  const image = picture(frame);
  const draw = () => {
    if (!state.video || shownBy !== "frames" || state.frame !== frame) return;
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    canvas.getContext("2d").drawImage(image, 0, 0);
    $("screen-told").textContent = "";
    tell("screen");
    if (!playing) {
      for (const near of [frame + 1, frame - 1, frame + 2]) {
        if (near >= state.video.clock.first && near <= state.video.clock.last) picture(near);
      }
    }
  };
  if (image.complete && image.naturalWidth) draw();
  else {
    image.onload = draw;
    image.onerror = () => {
      pictures.delete(frame);
      $("screen-told").textContent = `Frame ${frame} cannot be shown.`;
    };
  }
}

function stepFrames() {
  if (!playing || shownBy !== "frames") return;
  const { clock, fps_hz } = state.video;
  const last = range ? range.last : clock.last;
  const due = started.frame + Math.floor(((performance.now() - started.at) / 1000) * rate() * fps_hz);
  const goal = Math.min(due, last);
  for (let frame = state.frame; frame <= Math.min(state.frame + AHEAD, last); frame += 1) picture(frame);
  if (goal > state.frame) {
    const next = picture(goal);
    if (next.complete && next.naturalWidth) {
      state.frame = goal;
      tell("frame");
      showPicture(goal);
    } else {
      started = { at: performance.now(), frame: state.frame }; // slower than it should be, in order
    }
  }
  if (due > last) {
    if (!range) return pause();
    seek(range.first);
  }
  requestAnimationFrame(stepFrames);
}
