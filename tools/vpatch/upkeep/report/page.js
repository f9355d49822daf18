"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const table = document.querySelector(".heat");
const scroller = table.closest(".scroll");
const rows = [...table.tBodies[0].rows];
const keys = rows.map((row) => row.dataset.key);
const dialog = document.querySelector("dialog");
const panel = dialog.querySelector(".panel");
const form = document.querySelector(".filter");
const input = document.getElementById("filter");
const chips = [...document.querySelectorAll("[data-verdict]")];
const verdicts = Object.fromEntries(chips.map((chip) => [chip.dataset.verdict, chip]));

// Text only ever goes in as text: nothing that a patch says is read as HTML.
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// The matrix: one cell is in the order of the tab key, arrows go to the others.

const cellAt = (row, column) => rows[row].cells[column + 1].firstElementChild;
const place = (cell) => [rows.indexOf(cell.closest("tr")), cell.parentElement.cellIndex - 1];
let current = cellAt(0, data.bases.length - 1);

function choose(cell) {
  current.tabIndex = -1;
  current.removeAttribute("aria-haspopup");
  current = cell;
  current.tabIndex = 0;
  current.setAttribute("aria-haspopup", "dialog");
}

function go(row, column) {
  const last = data.bases.length - 1;
  const target = cellAt(row, Math.min(Math.max(column, 0), last));
  choose(target);
  target.focus();
}

function nextRow(row, step) {
  for (let at = row + step; at >= 0 && at < rows.length; at += step) {
    if (!rows[at].hidden) return at;
  }
  return row;
}

const moves = {
  ArrowLeft: (row, column) => [row, column - 1],
  ArrowRight: (row, column) => [row, column + 1],
  ArrowUp: (row, column) => [nextRow(row, -1), column],
  ArrowDown: (row, column) => [nextRow(row, 1), column],
  Home: (row) => [row, 0],
  End: (row) => [row, data.bases.length - 1],
};

table.addEventListener("keydown", (event) => {
  const move = moves[event.key];
  if (!move || event.altKey || event.ctrlKey || event.metaKey || !event.target.matches("td > *")) return;
  event.preventDefault();
  go(...move(...place(event.target)));
});

table.addEventListener("click", (event) => {
  const cell = event.target.closest("td > button");
  if (!cell) return;
  const [row, column] = place(cell);
  location.hash = address(keys[row], data.bases[column]);
});

// The address names the cell that is open, so that it can be sent to somebody.

const address = (key, base) => `#${encodeURIComponent(key)}@${encodeURIComponent(base)}`;

function asked() {
  const [key, base] = location.hash.slice(1).split("@").map((part) => {
    try { return decodeURIComponent(part); } catch { return ""; }
  });
  const row = keys.indexOf(key);
  const column = data.bases.indexOf(base);
  return row < 0 || column < 0 ? null : [row, column];
}

function follow() {
  const found = asked();
  if (!found) {
    dialog.close();
    return;
  }
  choose(cellAt(...found));
  show(...found);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

function step(by) {
  const [row, column] = place(current);
  const base = data.bases[column + by];
  if (base === undefined) return;
  history.replaceState(null, "", address(keys[row], base));
  follow();
}

dialog.addEventListener("click", (event) => {
  if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
  const button = event.target.closest("[data-step]");
  if (button) step(Number(button.dataset.step));
});
dialog.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "ArrowLeft") step(-1);
  if (event.key === "ArrowRight") step(1);
});
dialog.addEventListener("close", () => {
  const here = asked();
  if (here) history.replaceState(null, "", "#matrix");
  // Who left by a link to another part of the page is to stay there.
  current.focus({ preventScroll: !here });
});
addEventListener("hashchange", follow);

// What a cell opens to.

function chip(verdict) {
  const copy = make("span", { class: `chip ${verdict}` });
  copy.append(...[...verdicts[verdict].childNodes].map((node) => node.cloneNode(true)));
  return copy;
}

function show(row, column) {
  const about = data.rows[keys[row]];
  const base = data.bases[column];
  const result = data.results[data.cells[keys[row]][column]];
  document.getElementById("panel-title").textContent = `${about.label} on ${base}`;
  dialog.querySelector('[data-step="-1"]').disabled = column === 0;
  dialog.querySelector('[data-step="1"]').disabled = column === data.bases.length - 1;
  const parts = [
    make("p", {}, make("bdi", { class: "strong" }, about.title), about.author ? `, by ${about.author}` : ""),
    make("p", {}, chip(result.verdict), ` ${verdicts[result.verdict].title}`),
    result.why ? make("p", {}, `${result.why}.`) : make("p", { class: "hint" }, `As series ${data.series[column]} has it.`),
  ];
  if (result.hunks) parts.push(...outcome(base, result));
  for (const [title, text] of [["What it is for", about.why], ["What it is worth", about.gain]]) {
    if (text) parts.push(make("h3", {}, title), make("p", {}, text));
  }
  if (result.hunks?.some(isLost)) {
    const asking = `vpatch explain ${data.patches[result.patch].asked} --base ${base} --series ${data.series[column]}`;
    parts.push(make("h3", {}, "Which commit broke it, and where its lines went"), make("code", {}, asking));
  }
  panel.replaceChildren(...parts);
}

function outcome(base, result) {
  const patch = data.patches[result.patch];
  const parts = [];
  if (result.needs.length) parts.push(make("p", {}, `Only because ${result.needs.join(", ")} has no place.`));
  if (result.cause) parts.push(...result.cause.split("; ").map((cause) => make("p", { class: "hint" }, cause)));
  const hunks = result.hunks.map((hunk, at) => [hunk, at]).filter(([, at]) => patch.hunks[at]);
  const [lost, others] = [true, false].map((kind) => hunks.filter(([hunk]) => isLost(hunk) === kind));
  const bad = lost.length > 0;
  for (const [title, some] of [["Hunks without a place", lost], [bad ? "The other hunks" : "Hunks", others]]) {
    if (some.length) parts.push(make("h3", {}, `${title} (${some.length})`));
    some.forEach(([hunk, at], nth) => parts.push(hunkOf(patch, base, hunk, at, bad ? some === lost : nth === 0)));
  }
  return parts;
}

const isLost = (hunk) => hunk.verdict === "conflict" || hunk.verdict === "misplaced";

// A hunk's texts are laid out when it is opened: a patch may have hundreds.
function hunkOf(patch, base, result, at, open) {
  const hunk = patch.hunks[at];
  const where = result.line && result.line !== hunk.old ? make("small", {}, ` at line ${result.line}`) : "";
  const title = make("summary", {}, chip(result.verdict), " ", make("code", {}, `${hunk.path}:${hunk.old}`), where);
  const details = make("details", {}, title);
  details.addEventListener("toggle", () => {
    if (details.open && details.childElementCount === 1) details.append(...inside(base, result, hunk));
  });
  details.open = open;
  return details;
}

function inside(base, result, hunk) {
  const notes = [];
  const face = result.face;
  if (face?.function) notes.push(`In ${face.function}.`);
  if (result.broke) notes.push(`Has its place on ${result.broke[0]}, none on ${result.broke[1]}.`);
  if (result.landed_in) notes.push(`Landed in ${result.landed_in}${result.changed_since ? `, changed since in ${result.changed_since}` : ""}.`);
  if (result.cause) notes.push(`${result.cause}.`);
  if (face && !face.path) notes.push(`${hunk.path} is not in ${base}.`);
  else if (face && face.path !== hunk.path) notes.push(`The file is ${face.path} there.`);
  const parts = notes.length ? [make("p", {}, notes.join(" "))] : [];
  const lines = face ? data.texts[face.lines] : [];
  if (lines.length) {
    parts.push(sides("What it expects (-), and what is there (+)", lines, ["it expects", `in ${base}`], face.old_start, face.new_start));
  }
  parts.push(sides("What it does", data.texts[hunk.lines], ["before", "after"], hunk.old, hunk.new));
  return parts;
}

function sides(caption, lines, heads, oldLine, newLine) {
  const bodies = [];
  const add = (kind, left, right) => {
    const marks = kind === "change" && left && right ? apart(left.text, right.text) : [];
    // A body for each run: where there is no room for two columns, one stands below the other.
    if (bodies.at(-1)?.className !== kind) bodies.push(make("tbody", { class: kind }));
    bodies.at(-1).append(make("tr", {},
      ...side("old", left, left && oldLine++, marks[0]),
      ...side("new", right, right && newLine++, marks[1])));
  };
  // What all lines have in common at their start tells nothing, and takes the room.
  const indents = lines.filter(([, text]) => text.trim()).map(([, text]) => text.search(/\S/));
  const indent = Math.min(...indents, Infinity);
  const text = (n) => ({ text: lines[n][1].slice(indent) });
  for (let at = 0; at < lines.length;) {
    if (lines[at][0] !== "-" && lines[at][0] !== "+") {
      const same = text(at++);
      add("same", same, same);
      continue;
    }
    const run = { "-": [], "+": [] };
    while (at < lines.length && run[lines[at][0]]) run[lines[at][0]].push(text(at++));
    const length = Math.max(run["-"].length, run["+"].length);
    for (let n = 0; n < length; n++) add("change", run["-"][n], run["+"][n]);
  }
  const head = (text) => make("th", { scope: "colgroup", colspan: 2 }, text);
  return make("table", { class: "sides" }, make("caption", {}, caption),
    ...heads.map(() => make("colgroup", {}, make("col", { class: "numbers" }), make("col"))),
    make("thead", {}, make("tr", {}, ...heads.map(head))), ...bodies);
}

function side(kind, line, number, parts) {
  if (!line) return [make("td", { class: "nothing" }), make("td", { class: "nothing" })];
  const [before, middle, after] = parts ?? [line.text, "", ""];
  const text = make("td", { class: `text ${kind}` }, before);
  if (middle) text.append(make("mark", {}, middle), after);
  return [make("td", { class: `number ${kind}` }, String(number || "")), text];
}

// What two lines have in common at their ends is not what tells them apart.
function apart(one, two) {
  let start = 0;
  while (start < one.length && one[start] === two[start]) start++;
  const most = Math.min(one.length, two.length) - start;
  let end = 0;
  while (end < most && one[one.length - 1 - end] === two[two.length - 1 - end]) end++;
  if (one.slice(0, start).trim().length + end < 3) return [];
  return [one, two].map((text) => [text.slice(0, start), text.slice(start, text.length - end), text.slice(text.length - end)]);
}

// The filter: every word must be in the name, the title or a path, or be a verdict.

const results = keys.map((key) => [...new Set(data.cells[key])].map((at) => data.results[at]));
const words = keys.map((key, at) => {
  const about = data.rows[key];
  const patches = results[at].filter((result) => result.hunks).map((result) => data.patches[result.patch]);
  const found = patches.flatMap((patch) => [patch.name, ...patch.hunks.map((hunk) => hunk.path)]);
  return [about.label, about.title, ...new Set(found)].join(" ").toLowerCase();
});
const seen = results.map((some) => new Set(some.map((result) => result.verdict)));

function filter() {
  const terms = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  const only = terms.find((term) => Object.hasOwn(verdicts, term));
  let shown = 0;
  rows.forEach((row, at) => {
    row.hidden = !terms.every((term) => (term === only ? seen[at].has(term) : words[at].includes(term)));
    shown += !row.hidden;
  });
  if (only) table.dataset.only = only;
  else delete table.dataset.only;
  for (const button of chips) button.setAttribute("aria-pressed", button.dataset.verdict === only);
  form.querySelector("output").textContent = terms.length ? `${shown} of ${rows.length}` : "";
  if (rows[place(current)[0]].hidden && shown) choose(cellAt(rows.findIndex((row) => !row.hidden), place(current)[1]));
}

input.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());
for (const button of chips) {
  button.addEventListener("click", () => {
    const verdict = button.dataset.verdict;
    const others = input.value.split(/\s+/).filter((term) => term && !Object.hasOwn(verdicts, term.toLowerCase()));
    const pressed = button.getAttribute("aria-pressed") === "true";
    input.value = [...others, ...(pressed ? [] : [verdict])].join(" ");
    filter();
  });
}

document.documentElement.classList.add("js");
table.setAttribute("role", "grid");
choose(current);
filter();
// The newest bases are the ones that are looked for.
scroller.scrollLeft = scroller.scrollWidth;
follow();
