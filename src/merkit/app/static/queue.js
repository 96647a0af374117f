// The list of videos: what comes in, how far each is, which one is open.

import { send, upload } from "./api.js";
import { $, clockTime, fill, h } from "./dom.js";
import { hear, state, tell } from "./state.js";

const WORDS = {
  waiting: "waiting",
  running: "being analysed",
  done: "ready",
  broken: "cannot be read",
  cancelled: "cancelled",
};
const VIDEO = /\.(mp4|avi|mov|mkv|webm|m4v|wmv|mpg|mpeg|mts|flv)$/i;
const sending = new Map(); // name -> share that is sent, or what went wrong

let refresh = async () => {};

export function startQueue(open, refreshList) {
  refresh = refreshList;
  hear("videos", () => show(open));
  hear("video", () => show(open));
  $("choose-files").onclick = () => $("files").click();
  $("choose-folder").onclick = () => $("folder").click();
  for (const id of ["files", "folder"]) {
    $(id).onchange = () => {
      sendAll([...$(id).files]);
      $(id).value = "";
    };
  }
  $("by-path").onsubmit = async (event) => {
    event.preventDefault();
    const path = $("path").value.trim();
    if (!path) return;
    try {
      const answer = await send("/api/videos", { path });
      tell("banner", answer.told);
      $("path").value = "";
      await refresh();
    } catch (error) {
      tell("problem", error.message);
    }
  };
  dropped();
}

function dropped() {
  const page = document.documentElement;
  page.ondragover = (event) => {
    event.preventDefault();
    $("drop").classList.add("over");
  };
  page.ondragleave = () => $("drop").classList.remove("over");
  page.ondrop = async (event) => {
    event.preventDefault();
    $("drop").classList.remove("over");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.());
    const files = entries.some(Boolean)
      ? (await Promise.all(entries.filter(Boolean).map(filesIn))).flat()
      : [...event.dataTransfer.files];
    sendAll(files);
  };
}

/** All files of a file or folder that was dropped. */
async function filesIn(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return (await Promise.all(found.map(filesIn))).flat();
    found.push(...some); // a browser gives a hundred at a time
  }
}

async function sendAll(files) {
  const videos = files.filter((file) => VIDEO.test(file.name));
  if (!videos.length) {
    tell("problem", `no video among ${files.length} files: names end in .mp4, .avi, .mov, .mkv ...`);
    return;
  }
  if (videos.length < files.length) {
    tell("banner", `${files.length - videos.length} files are no videos and are left out.`);
  }
  for (const file of videos) await sendOne(file); // one after another: the disk is the limit
}

async function sendOne(file) {
  const most = state.project.most_bytes;
  if (file.size > most) {
    const instead = "add it by its path, it is then read where it lies";
    tell("problem", `${file.name} has more than ${Math.round(most / 2 ** 30)} GB: ${instead}`);
    return;
  }
  const told = (share) => {
    sending.set(file.name, `sending, ${Math.round(100 * share)} %`);
    tell("videos");
  };
  told(0);
  try {
    await upload(file, file.name, told);
  } catch (error) {
    tell("problem", error.message);
  }
  sending.delete(file.name);
  await refresh();
}

function show(open) {
  const { videos } = state;
  const waiting = videos.filter((v) => v.state === "waiting" || v.state === "running");
  const left = waiting.reduce((sum, v) => sum + (v.left_s ?? NaN), 0);
  $("queue-told").textContent = !videos.length
    ? "Nothing here yet."
    : waiting.length
      ? `${waiting.length} of ${videos.length} still to analyse` +
        (Number.isFinite(left) ? `, about ${clockTime(left)} left` : "")
      : `${videos.length} ${videos.length === 1 ? "video" : "videos"}, all done`;
  const rows = [...sending].map(([name, told]) =>
    h("li", { class: "sending" }, h("div", { class: "name" }, name), h("div", { class: "quiet" }, told)),
  );
  fill($("video-list"), ...rows, ...videos.map((video) => row(video, open)));
}

function row(video, open) {
  const busy = video.state === "running" || video.state === "waiting";
  const share = video.total ? video.done / video.total : 0;
  const told = [WORDS[video.state]];
  if (video.state === "running" && video.total) told.push(`${Math.floor(100 * share)} %`);
  if (video.state === "running" && video.left_s !== null) told.push(`${clockTime(video.left_s)} left`);
  if (video.state === "done" && video.problem) told[0] = "nothing to judge";
  else if (video.state === "done" && video.events !== null) told[0] = `${video.judged} of ${video.events} judged`;
  const current = state.video?.id === video.id;
  return h(
    "li",
    { class: `video ${video.state}`, "data-id": video.id },
    h(
      "button",
      {
        type: "button",
        id: `open-${video.id}`,
        class: "open",
        disabled: video.state !== "done" || !!video.problem,
        "aria-current": current ? "true" : null,
        title: video.path,
        onclick: () => open(video.id),
      },
      h("span", { class: "name" }, video.name),
      h("span", { class: "quiet" }, told.join(", ")),
    ),
    video.state === "running"
      ? h("progress", { max: 1, value: share, "aria-label": `Progress of ${video.name}` })
      : null,
    video.problem ? h("p", { class: "problem" }, video.problem) : null,
    busy ? button("Cancel", `cancel-${video.id}`, () => act(video, "cancel")) : null,
    video.state === "broken" || video.state === "cancelled"
      ? button("Try again", `again-${video.id}`, () => act(video, "queue"))
      : null,
  );
}

const button = (text, id, onclick) => h("button", { type: "button", id, class: "small", onclick }, text);

async function act(video, what) {
  try {
    await send(`/api/videos/${video.id}/${what}`, {});
  } catch (error) {
    tell("problem", error.message);
  }
  await refresh();
}
