// All that is said to the server. Every change is one request, sent in order; one that could not be
// sent is tried again until it is, and until then the page says that it is not saved.

import { state, tell } from "./state.js";

export class Refused extends Error {
  constructor(status, answer) {
    super(answer.problem || `the server answered ${status}`);
    this.status = status;
    this.answer = answer;
  }
}

async function answered(response) {
  const text = await response.text();
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    answer = { problem: text.trim() };
  }
  if (!response.ok) throw new Refused(response.status, answer);
  return answer;
}

export async function ask(path, parameters = {}) {
  const query = new URLSearchParams(parameters).toString();
  return answered(await fetch(query ? `${path}?${query}` : path));
}

export async function send(path, values) {
  return answered(
    await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(values),
    }),
  );
}

/** Send a file; ``progress`` is told the share that is sent. Ends with the answer. */
export function upload(file, name, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/upload?${new URLSearchParams({ name })}`);
    request.upload.onprogress = (event) => progress(event.loaded / Math.max(event.total, 1));
    request.onerror = () => reject(new Error(`${name} could not be sent`));
    request.onload = () => {
      answered(new Response(request.responseText, { status: request.status })).then(resolve, reject);
    };
    request.send(file);
  });
}

// Edits -----------------------------------------------------------------------------------------

let line = Promise.resolve();
let waiting = 0;

/** Queue an edit. ``make`` gives its values when its turn has come, so that it speaks of the latest
 * revision; null: there is nothing to do any more. Resolves with the server's answer or null. */
export function edit(make) {
  waiting += 1;
  tell("saving");
  const turn = line.then(async () => {
    try {
      return await sendEdit(make);
    } finally {
      waiting -= 1;
      if (!waiting && !state.unsent) tell("saved");
    }
  });
  line = turn.catch(() => null);
  return turn;
}

async function sendEdit(make) {
  const values = make();
  if (!values) return null;
  const { video, coder } = state;
  const body = { coder, edit: { id: crypto.randomUUID(), revision: 0, target: "", ...values } };
  for (;;) {
    try {
      const answer = await send(`/api/videos/${video.id}/edits`, body);
      state.unsent = "";
      return { ...answer, videoId: video.id };
    } catch (error) {
      if (error instanceof Refused && error.status !== 403 && error.status < 500) throw error;
      state.unsent =
        error instanceof Refused && error.status === 403
          ? "not saved: merkit was started again; open its new address"
          : "not saved yet: merkit does not answer; trying again";
      tell("unsent");
      await new Promise((resolve) => setTimeout(resolve, 1500));
    }
  }
}
