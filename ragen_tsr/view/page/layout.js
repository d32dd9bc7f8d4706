// Layout: where nodes stand. Turns follow each other along one axis ("depth"), siblings stand side by side along the other
// ("breadth"). Boards grow downwards, since they are narrow; cards with text grow to the right.

const BOARD = { chosen: 66, start: 76, kept: 58, pruned: 48, merged: 48, live: 48, caption: 28, gap: 12, between: 30 };
const CARD = { width: 176, chosen: 42, start: 42, kept: 38, pruned: 23, merged: 23, live: 23, gap: 7, between: 40 };
const ARROW = 12; // breadth of an action in a caption
const STRETCH = 1.7; // how far turns may stand apart to fill the canvas
const BESIDE = 46; // between trees

/** The trees of a view, and the size of all: one, or where a group is looked at whose slots are searched on their own, one
 * a slot, in as many rows as fill the canvas best. `aspect` is the canvas's width over its height. */
function arrange(search, nodes, slot, aspect) {
  if (slot !== "all" || !search.branches) {
    const only = layOut(search, nodes, aspect);
    return { ...only, panels: [{ ...only, nodes, name: "Start" }] };
  }
  const panels = search.chosen.map((_, number) => {
    const own = nodes.filter((node) => node.slot === number);
    return { ...layOut(search, own, null), nodes: own, name: `slot ${number}` };
  });
  const tables = panels.map((_, number) => tabulate(panels, number + 1));
  const needed = ({ width, height }) => Math.max(width, height * aspect);
  const table = tables.reduce((best, one) => (needed(one) < needed(best) ? one : best));
  panels.forEach((panel, number) => Object.assign(panel, table.places[number]));
  return { panels, x: 0, y: 0, width: table.width, height: table.height };
}

/** Panels in rows of so many: where each stands, and the size of all. */
function tabulate(panels, columns) {
  const rows = Math.ceil(panels.length / columns);
  const most = (count, lineOf, side) => Array.from({ length: count }, (_, line) => Math.max(...panels.filter((_, number) => lineOf(number) === line).map((panel) => panel[side])) + BESIDE);
  const widths = most(columns, (number) => number % columns, "width");
  const heights = most(rows, (number) => Math.floor(number / columns), "height");
  const before = (sizes, line) => sizes.slice(0, line).reduce((sum, one) => sum + one, 0);
  const places = panels.map((panel, number) => ({ left: before(widths, number % columns) - panel.x, top: before(heights, Math.floor(number / columns)) - panel.y }));
  return { places, width: before(widths, columns) - BESIDE, height: before(heights, rows) - BESIDE };
}

/** One tree: boxes by id, lanes by turn, and its size; `aspect` null: as small as it can be. */
function layOut(search, nodes, aspect) {
  const grid = search.grid;
  const shown = new Set(nodes.map((node) => node.id));
  const boxes = new Map();
  const breadth = place(search.root, 0);
  const turns = Math.max(0, ...nodes.map((node) => node.turn));
  const depthOf = spacing(breadth, turns, aspect, grid);

  /** Puts a node over the middle of its children; returns the breadth that its subtree takes. */
  function place(node, from) {
    const children = node.children.filter((child) => shown.has(child.id));
    let to = from;
    for (const child of children) to += place(child, to);
    const taken = Math.max(extent(node, grid), to - from);
    const slack = (taken - (to - from)) / 2;
    if (children.length && slack > 0) for (const child of children) shift(child, slack);
    const ends = [children[0], children[children.length - 1]].map((child) => child && boxes.get(child.id).middle);
    const middle = children.length ? (ends[0] + ends[1]) / 2 : from + taken / 2;
    boxes.set(node.id, { ...size(node, grid), middle, turn: node.turn });
    return taken;
  }

  function shift(node, by) {
    boxes.get(node.id).middle += by;
    for (const child of node.children) if (shown.has(child.id)) shift(child, by);
  }

  for (const box of boxes.values()) Object.assign(box, corner(box, box.turn * depthOf, grid));
  const lanes = Array.from({ length: turns + 1 }, (_, turn) => lane(turn * depthOf, depthOf, breadth, grid));
  return { boxes, lanes, breadth, ...whole(lanes) };
}

/** From one turn to the next: what boxes need, more where the canvas has room for it. */
function spacing(breadth, turns, aspect, grid) {
  const least = grid ? BOARD.start + BOARD.caption + BOARD.between : CARD.width + CARD.between;
  if (aspect === null) return grid ? least - BOARD.caption : least;
  const filling = (grid ? breadth / aspect : breadth * aspect) / (turns + 1);
  return Math.min(Math.max(least, filling), least * (grid ? STRETCH : 1.15));
}

function size(node, grid) {
  const side = (grid ? BOARD : CARD)[node.became];
  return grid ? { width: side, height: side } : { width: CARD.width, height: side };
}

function extent(node, grid) {
  return grid ? Math.max(size(node, grid).width, ARROW * node.actions.length) + BOARD.gap : size(node, grid).height + CARD.gap;
}

function corner(box, depth, grid) {
  return grid ? { x: box.middle - box.width / 2, y: depth + (BOARD.start - box.height) / 2 } : { x: depth, y: box.middle - box.height / 2 };
}

function lane(depth, depthOf, breadth, grid) {
  return grid
    ? { x: -70, y: depth - 13, width: breadth + 84, height: depthOf - 10 }
    : { x: depth - 12, y: -36, width: depthOf - 16, height: breadth + 48 };
}

function whole(lanes) {
  const last = lanes[lanes.length - 1];
  return { x: lanes[0].x, y: lanes[0].y, width: last.x + last.width - lanes[0].x, height: last.y + last.height - lanes[0].y };
}

/** The line from a parent's box to a child's. */
function curve(from, to, grid) {
  if (grid) {
    const [x1, y1, x2, y2] = [from.middle, from.y + from.height + (from.turn ? 28 : 0), to.middle, to.y];
    const bend = (y2 - y1) / 2;
    return `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}`;
  }
  const [x1, x2] = [from.x + from.width, to.x];
  const bend = (x2 - x1) / 2;
  return `M${x1} ${from.middle}C${x1 + bend} ${from.middle} ${x2 - bend} ${to.middle} ${x2} ${to.middle}`;
}
