// App: what is looked at (step, start, slot, turn, node), the controls that change it, and the address that keeps it.

const at = (id) => document.getElementById(id);
const PLAY_MS = 1100;
const ASK_MS = 10000;
const ADDRESS_MS = 250;
const app = { step: null, data: null, search: 0, slot: "all", turn: 0, node: START, timer: null, address: null };
const tree = new Tree(at("tree"), (id) => pick(id));
const current = () => app.data.searches[app.search];

function start() {
  at("run").textContent = INDEX.about.run;
  at("method").textContent = INDEX.about.search;
  listen();
  const wish = readAddress(location.hash);
  at("step-slider").max = INDEX.steps.length - 1;
  return openStep(INDEX.steps.includes(wish.step) ? wish.step : INDEX.steps[0], wish);
}

async function openStep(step, wish = {}) {
  stop();
  try {
    app.data = await loadStep(step);
  } catch (error) {
    at("account").replaceChildren(html("span", { class: "problem" }, error.message));
    return;
  }
  app.step = step;
  const place = INDEX.steps.indexOf(step);
  at("step-slider").value = place;
  at("step-shown").textContent = step;
  at("step-before").disabled = place === 0;
  at("step-after").disabled = place === INDEX.steps.length - 1;
  at("groups").replaceChildren(...app.data.searches.map((search, number) => tab(`${search.tag} ${search.seed}`, () => openSearch(number))));
  openSearch(wish.search in app.data.searches ? wish.search : Math.min(app.search, app.data.searches.length - 1), wish);
}

function openSearch(number, wish = {}) {
  app.search = number;
  select(at("groups"), number);
  const search = current();
  const slots = search.by_slot ? ["all", ...search.chosen.keys()] : ["all"];
  at("slots").replaceChildren(...slots.map((slot) => slotButton(search, slot)));
  openSlot(slots.includes(wish.slot) ? wish.slot : tellingSlot(search), wish);
}

/** The slot where the search gained most, or the whole group where slots are not searched on their own. */
function tellingSlot(search) {
  if (!search.branches) return "all";
  const gained = (slot) => search.gain[slot]["return/committed"].at(-1) - search.gain[slot]["return/sampled"].at(-1);
  return [...search.chosen.keys()].reduce((best, slot) => (gained(slot) > gained(best) + 1e-9 ? slot : best), 0);
}

function openSlot(slot, wish = {}) {
  app.slot = slot;
  const search = current();
  for (const button of at("slots").children) button.setAttribute("aria-pressed", button.dataset.slot === String(slot));
  app.nodes = shownNodes(search, slot);
  tree.draw(search, app.nodes, slot, app.data.pictures);
  at("turns").replaceChildren(...Array.from({ length: search.turns + 2 }, (_, turn) => tab(turn > search.turns ? "Committed" : turn ? `${turn}` : "Start", () => goTo(turn))));
  const leaves = shownLeaves(search, slot);
  const known = search.byId.has(wish.node) && tree.nodes.has(wish.node);
  app.node = known ? wish.node : leaves.reduce((best, leaf) => (leaf.sofar > best.sofar ? leaf : best)).id;
  goTo(Number.isInteger(wish.turn) && wish.turn >= 0 && wish.turn <= search.turns + 1 ? wish.turn : search.turns + 1, known);
}

function goTo(turn, keep = false) {
  const search = current();
  app.turn = Math.max(0, Math.min(turn, search.turns + 1));
  select(at("turns"), app.turn);
  at("first").disabled = at("back").disabled = app.turn === 0;
  at("on").disabled = at("last").disabled = app.turn === search.turns + 1;
  tree.stage(app.turn);
  account(search);
  showComparison(at("compare"), search, app.slot, app.turn, app.data.pictures);
  pick(keep ? app.node : nodeOf(search, app.turn));
}

/** The node that a turn's view begins with: the committed one of that turn. */
function nodeOf(search, turn) {
  const node = search.byId.get(app.node);
  const leaves = shownLeaves(search, app.slot);
  const leaf = leaves.find((one) => pathTo(search, one).includes(node)) ?? leaves[0];
  return turn === 0 ? START : (pathTo(search, leaf).find((one) => one.turn === turn) ?? leaf).id;
}

function pick(id) {
  const search = current();
  app.node = id;
  tree.pick(id);
  showNode(at("node"), search, search.byId.get(id), app.data.pictures, app.slot, pick);
  writeAddress();
}

/** A line on what happened in the turn. */
function account(search) {
  const line = at("account");
  if (app.turn === 0) {
    line.replaceChildren(html("b", {}, "Start. "), app.slot === "all" ? `All ${search.chosen.length} slots begin here.` : "The search of the slot begins here.");
    return;
  }
  const over = app.turn > search.turns;
  const turn = over ? app.nodes : app.nodes.filter((node) => node.turn === app.turn);
  const count = (...kinds) => turn.filter((node) => kinds.includes(node.became)).length;
  const redrawn = turn.filter((node) => node.redrawn).length;
  const parts = [`${turn.length - redrawn} turns sampled`, redrawn && `${redrawn} drawn again`, count("merged") && `${count("merged")} merged`, count("pruned") && `${count("pruned")} pruned`];
  if (over) {
    const leaves = shownLeaves(search, app.slot);
    const solved = leaves.filter((leaf) => leaf.success).length;
    const tokens = app.nodes.reduce((sum, node) => sum + node.tokens, 0);
    parts.push(count("kept") && `${count("kept")} searched further and left`, `${count("chosen")} committed`, `${tokens} tokens generated`);
    line.replaceChildren(html("b", {}, leaves.length === 1 ? (solved ? "Solved. " : "Not solved. ") : `${solved} of ${leaves.length} solved. `), parts.filter(Boolean).join(", "), ".");
  } else {
    const ended = turn.filter((node) => node.done).length;
    const on = turn.filter((node) => node.children.length).length;
    parts.push(on && `${on} go on`, ended && `${ended} ended (${turn.filter((node) => node.success).length} solved)`);
    line.replaceChildren(html("b", {}, `Turn ${app.turn}: `), parts.filter(Boolean).join(", "), ".");
  }
}

function slotButton(search, slot) {
  const leaves = shownLeaves(search, slot);
  const solved = leaves.filter((leaf) => leaf.success).length;
  const mean = leaves.reduce((sum, leaf) => sum + leaf.sofar, 0) / leaves.length;
  const sign = slot === "all" ? `${solved}/${leaves.length}` : solved ? "✓" : "·";
  const head = html("span", {}, html("b", {}, slot === "all" ? "whole group" : `slot ${slot}`), html("span", { class: solved ? "won" : "lost" }, sign));
  const button = html("button", { class: "slot", "data-slot": slot }, head, html("span", {}, `return ${number(mean)}`, html("span", { class: "count" }, `${shownNodes(search, slot).length} nodes`)), miniature(search, shownNodes(search, slot)));
  button.addEventListener("click", () => openSlot(slot));
  return button;
}

function tab(name, action) {
  const button = html("button", { role: "tab" }, name);
  button.addEventListener("click", () => {
    stop();
    action();
  });
  return button;
}

function select(list, number) {
  [...list.children].forEach((button, place) => button.setAttribute("aria-selected", place === number));
}

function play() {
  if (app.timer) return stop();
  if (app.turn > current().turns) goTo(0);
  at("play").textContent = "❚❚ pause";
  app.timer = setInterval(() => (app.turn > current().turns ? stop() : goTo(app.turn + 1)), PLAY_MS);
}

function stop() {
  clearInterval(app.timer);
  app.timer = null;
  at("play").textContent = "▶ play";
}

function stepBy(places) {
  const place = INDEX.steps.indexOf(app.step) + places;
  if (place in INDEX.steps) openStep(INDEX.steps[place]);
}

function slotBy(places) {
  const buttons = [...at("slots").children];
  buttons[buttons.findIndex((button) => button.dataset.slot === String(app.slot)) + places]?.click();
}

function by(turns) {
  stop();
  goTo(app.turn + turns);
}

function listen() {
  const keys = {
    ArrowLeft: () => by(-1), ArrowRight: () => by(1), Home: () => by(-Infinity), End: () => by(Infinity), " ": play,
    ArrowUp: () => slotBy(-1), ArrowDown: () => slotBy(1), "[": () => stepBy(-1), "]": () => stepBy(1),
    "+": () => tree.zoom(1.25), "-": () => tree.zoom(0.8), 0: () => tree.fit(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLInputElement) return;
    const action = keys[event.key];
    if (!action || !app.data) return;
    event.preventDefault();
    action();
  });
  const buttons = {
    first: keys.Home, back: keys.ArrowLeft, on: keys.ArrowRight, last: keys.End, play,
    "step-before": keys["["], "step-after": keys["]"], "zoom-in": keys["+"], "zoom-out": keys["-"], "zoom-fit": keys[0],
  };
  for (const [id, action] of Object.entries(buttons)) at(id).addEventListener("click", action);
  at("step-slider").addEventListener("input", (event) => openStep(INDEX.steps[event.target.value]));
  window.addEventListener("hashchange", (event) => {
    const wish = readAddress(new URL(event.newURL).hash);
    if (INDEX.steps.includes(wish.step)) openStep(wish.step, wish);
  });
  new ResizeObserver(() => tree.search && tree.fit()).observe(at("tree"));
  if (INDEX.served) setInterval(askForSteps, ASK_MS);
}

/** A run that goes on records more steps. */
async function askForSteps() {
  const answer = await fetch("index.json").catch(() => null);
  if (!answer?.ok) return;
  INDEX.steps = (await answer.json()).steps;
  at("step-slider").max = INDEX.steps.length - 1;
  at("step-slider").value = INDEX.steps.indexOf(app.step);
  at("step-after").disabled = app.step === INDEX.steps.at(-1);
}

function readAddress(hash) {
  const words = Object.fromEntries(new URLSearchParams(hash.slice(1)));
  return Object.fromEntries(Object.entries(words).map(([key, value]) => [key, value === "all" ? "all" : Number(value)]));
}

/** Keeps what is looked at in the address, a moment later: browsers allow few changes a second. */
function writeAddress() {
  clearTimeout(app.address);
  const { step, search, slot, turn, node } = app;
  app.address = setTimeout(() => history.replaceState(null, "", `#${new URLSearchParams({ step, search, slot, turn, node })}`), ADDRESS_MS);
}

start();
