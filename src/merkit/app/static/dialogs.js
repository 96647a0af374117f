// What is asked and shown in between: who codes, the keys, agreement, export.

import { ask, send } from "./api.js";
import { $, exactTime, fill, h } from "./dom.js";
import { KEYS } from "./keys.js";
import { choose } from "./events.js";
import * as player from "./player.js";
import { state, tell } from "./state.js";

const dialog = $("dialog");

function show(title, ...content) {
  fill(
    dialog,
    h("div", { class: "title" }, h("h2", { id: "dialog-title" }, title), h("button", { type: "button", id: "close", "aria-label": "Close", onclick: () => dialog.close() }, "×")),
    ...content,
  );
  dialog.setAttribute("aria-labelledby", "dialog-title");
  if (!dialog.open) dialog.showModal();
}

// Coder -----------------------------------------------------------------------------------------

/** Ask who codes until a name is given. */
export function askCoder(then) {
  const known = state.project.coders;
  const name = h("input", { id: "coder-name", type: "text", value: state.coder, required: true, maxLength: 60, autocomplete: "off" });
  const take = (chosen) => {
    const coder = chosen.trim().replace(/\s+/g, " ");
    if (!coder) return name.focus();
    dialog.oncancel = null;
    dialog.close();
    then(coder);
  };
  dialog.oncancel = (event) => !state.coder && event.preventDefault();
  show(
    "Who codes?",
    h("p", {}, "Each coder's judgements are kept apart, so that they can be compared."),
    h("form", { class: "line", onsubmit: (event) => { event.preventDefault(); take(name.value); } },
      h("label", { for: "coder-name" }, "Name"), name, h("button", { type: "submit", id: "coder-take", class: "main" }, "Begin")),
    known.length ? h("p", {}, "Or go on as") : null,
    h("div", { class: "buttons" }, known.map((coder) => h("button", { type: "button", onclick: () => take(coder) }, coder))),
  );
  if (!state.coder) $("close").hidden = true;
  name.focus();
}

// Keys ------------------------------------------------------------------------------------------

const NAMES = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓" };

export function showKeys() {
  const rows = KEYS.map(([keys, what]) =>
    h("tr", {}, h("th", { scope: "row" }, keys.map((key) => h("kbd", {}, NAMES[key] || (key.length === 1 ? key.toUpperCase() : key)))), h("td", {}, what)),
  );
  const half = Math.ceil(rows.length / 2);
  const table = (some) => h("table", { class: "keys" }, h("tbody", {}, some));
  show("Keys", h("div", { class: "columns" }, table(rows.slice(0, half)), table(rows.slice(half))));
}

// Agreement -------------------------------------------------------------------------------------

export async function showAgreement() {
  const { coders } = await ask("/api/about");
  state.project.coders = coders;
  if (coders.length < 2) {
    show("Agreement of two coders", h("p", {}, `Two coders are needed; so far ${coders.length ? `only ${coders[0]} has` : "nobody has"} judged anything.`));
    return;
  }
  const select = (id, value) => h("select", { id, onchange: compare }, coders.map((coder) => h("option", { value: coder, selected: coder === value }, coder)));
  const first = coders.includes(state.coder) ? state.coder : coders[0];
  const second = coders.find((coder) => coder !== first);
  show(
    "Agreement of two coders",
    h("div", { class: "line" }, h("label", { for: "first-coder" }, "Coders"), select("first-coder", first), h("label", { for: "second-coder" }, "and"), select("second-coder", second)),
    h("div", { id: "agreement", "aria-live": "polite" }),
  );
  await compare();
}

async function compare() {
  const box = $("agreement");
  try {
    const told = await ask("/api/agreement", { first: $("first-coder").value, second: $("second-coder").value });
    fill(box, ...agreementRows(told));
  } catch (error) {
    fill(box, h("p", { class: "problem" }, error.message));
  }
}

const decimals = (value) => (value === null ? "–" : value.toFixed(2));

function agreementRows(told) {
  const line = (name, value, about) => h("tr", {}, h("th", { scope: "row" }, name), h("td", { class: "number" }, value), h("td", { class: "quiet" }, about));
  const numbers = h("table", { class: "numbers" }, h("tbody", {}, told.numbers.map((n) => line(n.name, typeof n.value === "string" ? n.value : decimals(n.value), n.about))));
  const differ = told.differences.map((d) =>
    h("tr", { class: "difference" },
      h("td", {}, h("button", { type: "button", class: "link", onclick: () => goTo(d) }, `${d.name}, ${exactTime(d.onset_s)}`)),
      h("td", {}, d.first), h("td", {}, d.second)),
  );
  return [
    numbers,
    h("h3", {}, told.differences.length ? "Where they differ" : "They differ nowhere"),
    told.differences.length
      ? h("div", { class: "scroll" }, h("table", { class: "differences" },
        h("thead", {}, h("tr", {}, h("th", {}, "where"), h("th", {}, told.first), h("th", {}, told.second))),
        h("tbody", {}, differ)))
      : null,
  ];
}

async function goTo(difference) {
  dialog.close();
  if (state.video?.id !== difference.video) await new Promise((done) => tell("open", { id: difference.video, done }));
  if (difference.event) choose(difference.event);
  else player.seek(difference.frame);
}

// Export ----------------------------------------------------------------------------------------

export function showExport() {
  const { formats } = state.project;
  const options = formats.flatMap((f) => f.suffixes.map((suffix) => h("option", { value: `${f.name} ${suffix}` }, `${suffix}: ${f.title}`)));
  const of = state.video
    ? h("select", { id: "export-of" }, h("option", { value: "" }, "all videos that are ready"), h("option", { value: state.video.id }, `${state.video.name} alone`))
    : h("select", { id: "export-of" }, h("option", { value: "" }, "all videos that are ready"));
  const field = (id, label, element) => h("div", { class: "field" }, h("label", { for: id }, label), element);
  show(
    "Export",
    h("p", {}, `What ${state.coder} made of them: rejected events are left out, corrected and added ones are in. The file is also written to the folder "exports" of the project.`),
    field("export-format", "File", h("select", { id: "export-format" }, options)),
    field("export-of", "Of", of),
    h("div", { class: "buttons" }, h("button", { type: "button", id: "export-go", class: "main", onclick: exportNow }, "Export")),
    h("p", { id: "export-told", role: "status" }),
  );
}

async function exportNow() {
  const [format, suffix] = $("export-format").value.split(" ");
  const told = $("export-told");
  told.className = "";
  told.textContent = "writing ...";
  try {
    const written = await send("/api/export", { coder: state.coder, format, suffix, video: $("export-of").value });
    const link = h("a", { href: `/exports/${encodeURIComponent(written.name)}`, download: written.name, id: "export-link" }, `Download ${written.name}`);
    fill(told, `Written to ${written.path}. `, link);
  } catch (error) {
    told.className = "problem";
    told.textContent = error.message;
  }
}
