// Puts the page together.

import { ask } from "./api.js";
import { askCoder, showAgreement, showExport, showKeys } from "./dialogs.js";
import { $, exactTime, fill, h } from "./dom.js";
import { startEvents, undo } from "./events.js";
import { startKeys, togglePlay } from "./keys.js";
import { startOverlay } from "./overlay.js";
import * as player from "./player.js";
import { startQueue } from "./queue.js";
import { hear, state, tell, timeOf } from "./state.js";
import { startTimeline } from "./timeline.js";

const NEWS_EVERY_MS = 1000;
let turn = 0;

async function begin() {
  state.project = await ask("/api/about");
  $("project").textContent = state.project.name;
  $("project").title = state.project.folder;
  document.title = `${state.project.name} · merkit`;
  startQueue(open, refreshList);
  startTimeline();
  startEvents();
  startOverlay();
  startKeys();
  startControls();
  startTold();
  const remembered = sessionStorage.getItem("coder") || state.project.coder;
  if (remembered) await setCoder(remembered);
  else askCoder(setCoder);
  listen();
}

async function setCoder(coder) {
  state.coder = coder;
  sessionStorage.setItem("coder", coder); // of this tab: two tabs may be two coders
  $("open-coder").textContent = `Coder: ${coder}`;
  await refreshList();
  if (state.video) await open(state.video.id);
}

async function refreshList() {
  const answer = await ask("/api/videos", { coder: state.coder });
  state.videos = answer.videos;
  tell("videos");
}

async function open(id, done) {
  const mine = (turn += 1);
  let answer;
  try {
    answer = await ask(`/api/videos/${id}`, { coder: state.coder });
  } catch (error) {
    tell("problem", error.message);
    return;
  }
  if (mine !== turn) return; // another was chosen meanwhile
  const again = state.video?.id === id;
  state.video = answer.video;
  state.review = answer.review;
  state.excludeFrom = null;
  if (!again) {
    state.selected = "";
    state.frame = answer.video.clock.first;
  }
  $("nothing").hidden = true;
  $("work").hidden = $("events").hidden = false;
  $("video-title").textContent = answer.video.name;
  $("video-facts").textContent =
    `${answer.video.width}×${answer.video.height}, ${answer.video.fps_hz.toFixed(2)} frames/s, ` +
    `${exactTime(answer.video.duration_s)}, face found in ${Math.round(100 * answer.video.found_share)} %` +
    { there: "", missing: "; the file is not there any more", changed: "; another file is there by now" }[answer.video.place];
  $("scrub").min = answer.video.clock.first;
  $("scrub").max = answer.video.clock.last;
  const { width, height } = answer.video;
  $("screen").style.aspectRatio = `${width} / ${height}`;
  player.load();
  tell("video");
  tell("review");
  tell("exclude");
  tell("frame");
  done?.();
}

// What changed elsewhere ----------------------------------------------------------------------------

async function listen() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, document.hidden ? 4 * NEWS_EVERY_MS : NEWS_EVERY_MS));
    if (!state.coder) continue;
    const { coder, video, review } = state;
    try {
      const parameters = video ? { coder, video: video.id, count: review.count } : { coder };
      const news = await ask("/api/news", parameters);
      if (coder !== state.coder) continue;
      told("gone", "");
      if (JSON.stringify(news.videos) !== JSON.stringify(state.videos)) {
        state.videos = news.videos;
        tell("videos");
      }
      const same = video && state.video?.id === video.id && state.review.count === review.count;
      if (news.review && same && news.review.count !== review.count) {
        state.review = news.review;
        tell("review");
      }
    } catch (error) {
      const why = error.status === 403 ? "merkit was started again: open its new address" : "merkit does not answer";
      told("gone", `${why}. What was saved is safe.`);
    }
  }
}

// What is told ----------------------------------------------------------------------------------

// The first that there is is shown: while merkit is gone, problems are of that.
const KINDS = ["conflict", "gone", "problem", "told"];
const banners = new Map(); // kind -> text and buttons

function told(kind, text, ...more) {
  const before = banners.get(kind);
  if (!text && before === undefined) return;
  if (text) banners.set(kind, [text, ...more]);
  else banners.delete(kind);
  const kindShown = KINDS.find((one) => banners.has(one)) || "";
  const content = banners.get(kindShown);
  const banner = $("banner");
  banner.hidden = !content;
  banner.className = kindShown;
  if (content) {
    fill(banner, h("span", {}, content[0]), ...content.slice(1), h("button", { type: "button", class: "small", id: "banner-close", onclick: () => told(kindShown, "") }, "Close"));
  }
}

function startTold() {
  let timer = 0;
  hear("banner", (text) => {
    clearTimeout(timer);
    told("told", text);
    timer = setTimeout(() => told("told", ""), 5000);
    if (!text) for (const kind of ["problem", "conflict"]) told(kind, "");
  });
  hear("problem", (text) => told("problem", text));
  hear("conflict", ({ text, again }) => {
    const button = h("button", { type: "button", class: "small", id: "apply-mine", onclick: () => {
      told("conflict", "");
      again();
    } }, "Apply mine all the same");
    told("conflict", `Another page changed this too: ${text}. It is shown as it is now; your change was not applied.`, button);
  });
  hear("saving", () => ($("saved").textContent = "saving ..."));
  hear("saved", () => {
    $("saved").textContent = "saved";
    $("saved").className = "";
  });
  hear("unsent", () => {
    $("saved").textContent = state.unsent;
    $("saved").className = "problem";
  });
  hear("open", ({ id, done }) => open(id, done));
  hear("help", showKeys);
  window.addEventListener("beforeunload", (event) => state.unsent && event.preventDefault());
}

// Controls --------------------------------------------------------------------------------------

function startControls() {
  $("play").onclick = togglePlay;
  $("back").onclick = () => {
    player.pause();
    player.seek(state.frame - 1);
  };
  $("forward").onclick = () => {
    player.pause();
    player.seek(state.frame + 1);
  };
  $("scrub").oninput = () => {
    const goal = Number($("scrub").value); // before the pause, which sets the bar to where it stopped
    player.pause();
    player.seek(goal);
  };
  $("speed").onchange = $("event-speed").onchange = player.setRate;
  $("exact").onchange = () => player.showBy($("exact").checked ? "frames" : "native");
  $("sound").onchange = () => ($("native").muted = !$("sound").checked);
  $("undo").onclick = () => undo();
  $("open-agreement").onclick = showAgreement;
  $("open-export").onclick = showExport;
  $("open-help").onclick = showKeys;
  $("open-coder").onclick = () => askCoder(setCoder);
  hear("playing", () => {
    $("play").textContent = player.isPlaying() ? "Pause" : "Play";
  });
  hear("frame", () => {
    const { frame, video } = state;
    $("scrub").value = frame;
    const place = `frame ${frame} of ${video.clock.last}, ${exactTime(timeOf(frame))}`;
    $("scrub").setAttribute("aria-valuetext", place);
    $("place").textContent = place;
  });
}

begin().catch((error) => {
  $("banner").hidden = false;
  $("banner").textContent = error.message;
});
