// Data: where steps come from, and what follows from a recorded search alone.

const INDEX = JSON.parse(document.getElementById("index").textContent);
const START = -1;
const KEPT_STEPS = 6;
const loaded = new Map();

/** The searches of a training step: out of the page, or from its server. */
async function loadStep(number) {
  if (loaded.has(number)) return loaded.get(number);
  const inside = document.getElementById(`step-${number}`);
  const step = inside ? JSON.parse(inside.textContent) : await fetchStep(number);
  step.searches.forEach((search) => relate(search, step.pictures));
  loaded.set(number, step);
  if (loaded.size > KEPT_STEPS) loaded.delete(loaded.keys().next().value);
  return step;
}

async function fetchStep(number) {
  const answer = await fetch(`steps/${number}.json`);
  if (!answer.ok) throw new Error(`step ${number}: the server answered ${answer.status}`);
  return answer.json();
}

/** Adds children, the committed branches, returns up to each node, and what became of each. */
function relate(search, pictures) {
  const byId = new Map(search.nodes.map((node) => [node.id, node]));
  search.root = { id: START, turn: 0, picture: search.start, children: [], sofar: 0, actions: [], became: "start" };
  search.byId = byId.set(START, search.root);
  for (const node of search.nodes) {
    node.children = [];
    node.leafOf = [];
  }
  for (const node of search.nodes) byId.get(node.parent).children.push(node);
  for (const node of ofTurns(search.root)) node.sofar = byId.get(node.parent).sofar + node.reward;
  search.chosen.forEach((leaf, slot) => byId.get(leaf).leafOf.push(slot));
  for (const node of search.nodes) node.became = fate(node);
  search.turns = Math.max(0, ...search.nodes.map((node) => node.turn));
  search.grid = pictures[search.start].startsWith("<svg");
  search.branches = search.by_slot && search.nodes.some((node) => node.fate !== "chosen");
  if (search.beside) relate(search.beside.search, pictures);
}

/** chosen: committed. kept: searched further, not committed. pruned, merged: as recorded. */
function fate(node) {
  return node.fate === "pruned" && node.children.length ? "kept" : node.fate;
}

/** The nodes below a node, parents first. */
function ofTurns(root) {
  const nodes = [];
  const open = [...root.children];
  while (open.length) {
    const node = open.shift();
    nodes.push(node);
    open.push(...node.children);
  }
  return nodes;
}

/** The nodes from the first turn to one of them. */
function pathTo(search, node) {
  const path = [];
  for (let at = node; at.id !== START; at = search.byId.get(at.parent)) path.unshift(at);
  return path;
}

/** The nodes of the search that is looked at: one slot's, or the group's ("all"). */
function shownNodes(search, slot) {
  return slot === "all" ? search.nodes : search.nodes.filter((node) => node.slot === slot);
}

/** The leaves committed to the slot that is looked at. */
function shownLeaves(search, slot) {
  const leaves = slot === "all" ? search.chosen : [search.chosen[slot]];
  return leaves.map((leaf) => search.byId.get(leaf));
}

function moves(node) {
  return node.actions.length ? node.actions.join(" ") : "no action";
}

/** A number as people write it; one that is not finite comes as its name. */
function number(value, digits = 2) {
  if (typeof value === "string") return value.replace("-", "−").replace("inf", "∞");
  const text = value.toFixed(digits).replace(/\.?0+$/, "");
  return (text === "-0" || text === "" ? "0" : text).replace("-", "−");
}

function percent(value) {
  return `${Math.round(100 * value)} %`;
}
