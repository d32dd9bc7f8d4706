// Tree: draws a search once, then only moves it and changes classes, which is what keeps large trees fluid.

const SVG = "http://www.w3.org/2000/svg";
const SIGNS = { "-1": "✕", 1: "✓" };
const NEAR = 0.4; // below this scale captions are left out
const LARGEST = { grid: 1.25, cards: 1.1 };
const SMALLEST = { grid: 0.3, cards: 0.62 }; // a tree that needs less is shown in part

function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function html(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** A state's picture: the page's own markup, in which every text is escaped. */
function picture(pictures, place) {
  const holder = document.createElement("template");
  holder.innerHTML = pictures[place];
  return holder.content.firstElementChild;
}

class Tree {
  constructor(element, onPick) {
    this.element = element;
    this.onPick = onPick;
    this.view = { x: 0, y: 0, scale: 1 };
    this.world = svg("g");
    element.append(this.world);
    this.#listen();
  }

  draw(search, nodes, slot, pictures) {
    this.search = search;
    const { width, height } = this.element.getBoundingClientRect();
    this.layout = arrange(search, nodes, slot, width && height ? width / height : 1.5);
    this.nodes = new Map();
    this.edges = new Map();
    const faces = new Map();
    const face = (place) => {
      if (!faces.has(place)) faces.set(place, picture(pictures, place));
      return faces.get(place).cloneNode(true);
    };
    this.lanes = [];
    this.world.replaceChildren(...this.layout.panels.map((panel) => this.#panel(panel, face)));
    this.fit();
  }

  #panel(panel, face) {
    const [lanes, edges, shown] = [svg("g"), svg("g"), svg("g")];
    panel.lanes.forEach((box, turn) => {
      const title = turn || this.layout.panels.length === 1 ? "lane-name" : "lane-name title";
      const name = svg("text", { class: title, x: box.x + 10, y: box.y + 20 }, turn ? `Turn ${turn}` : panel.name);
      const lane = svg("g", {}, svg("rect", { ...box, rx: 10, class: "lane" }), name);
      this.lanes.push([turn, lane]);
      lanes.append(lane);
    });
    const { grid, root, start } = this.search;
    const beginning = grid ? "" : face(start).textContent;
    for (const node of [root, ...panel.nodes]) {
      const box = panel.boxes.get(node.id);
      const drawn = this.#node(node, box, grid ? face(node.picture) : null, beginning);
      this.nodes.set(node.id, drawn);
      shown.append(drawn);
      if (node.id === START) continue;
      const edge = svg("path", { class: `edge ${node.became}`, d: curve(panel.boxes.get(node.parent), box, grid) });
      this.edges.set(node.id, edge);
      if (node.became === "chosen") edges.append(edge);
      else edges.prepend(edge);
    }
    return svg("g", { transform: `translate(${panel.left ?? 0} ${panel.top ?? 0})` }, lanes, edges, shown);
  }

  /** Shows the search as it was after a turn; `turns + 1`: with what was committed. */
  stage(turn) {
    const over = turn > this.search.turns;
    this.element.classList.toggle("searching", !over);
    for (const [id, drawn] of this.nodes) {
      const node = this.search.byId.get(id);
      const later = node.turn > turn;
      const left = !over && node.turn < turn && !node.children.length && node.became !== "start" && !node.leafOf.length;
      for (const part of [drawn, this.edges.get(id)]) {
        part?.classList.toggle("later", later);
        part?.classList.toggle("dim", left);
      }
    }
    this.lanes.forEach(([at, lane]) => {
      lane.classList.toggle("later", at > turn);
      for (const part of lane.children) part.classList.toggle("now", !over && at === turn);
    });
    if (!over && this.layout.panels.length === 1) this.#reveal(turn);
  }

  pick(id) {
    this.nodes.get(this.picked)?.classList.remove("picked");
    this.picked = id;
    this.nodes.get(id)?.classList.add("picked");
  }

  fit() {
    const { width, height } = this.element.getBoundingClientRect();
    if (!width || !height) return;
    const kind = this.search.grid ? "grid" : "cards";
    const margin = 14;
    const fitting = Math.min((width - 2 * margin) / this.layout.width, (height - 2 * margin - 24) / this.layout.height);
    const least = this.layout.panels.length > 1 ? 0 : SMALLEST[kind];
    const scale = Math.min(LARGEST[kind], Math.max(fitting, least));
    const { boxes } = this.layout.panels[0];
    const start = boxes.get(START);
    const along = (size, from, extent, middle) =>
      extent * scale <= size - 2 * margin ? (size - extent * scale) / 2 - from * scale : middle;
    this.view = {
      scale,
      x: along(width, this.layout.x, this.layout.width, this.search.grid ? width / 2 - start.middle * scale : margin - this.layout.x * scale),
      y: this.search.grid && fitting >= scale
        ? Math.min(24, along(height, this.layout.y, this.layout.height, 0)) - Math.min(0, this.layout.y * scale) + 4
        : along(height, this.layout.y, this.layout.height, this.search.grid ? margin - this.layout.y * scale : height / 2 - start.middle * scale),
    };
    this.#move();
  }

  zoom(by, at) {
    const box = this.element.getBoundingClientRect();
    const { x, y } = at ?? { x: box.width / 2, y: box.height / 2 };
    const scale = Math.min(3, Math.max(0.05, this.view.scale * by));
    const grown = scale / this.view.scale;
    this.view = { scale, x: x - (x - this.view.x) * grown, y: y - (y - this.view.y) * grown };
    this.#move();
  }

  pan(dx, dy) {
    this.view = { ...this.view, x: this.view.x + dx, y: this.view.y + dy };
    this.#move();
  }

  #move() {
    const { x, y, scale } = this.view;
    this.world.setAttribute("transform", `translate(${x} ${y}) scale(${scale})`);
    this.element.classList.toggle("far", scale < NEAR);
  }

  /** Moves a turn's lane into sight. */
  #reveal(turn) {
    const lane = this.layout.panels[0].lanes[turn];
    if (!lane) return;
    const { width, height } = this.element.getBoundingClientRect();
    const { x, y, scale } = this.view;
    const beyond = (from, extent, size) => Math.min(0, size - (from + extent)) || Math.max(0, -from);
    if (this.search.grid) this.pan(0, beyond(y + lane.y * scale, Math.min(height, lane.height * scale), height));
    else this.pan(beyond(x + lane.x * scale, Math.min(width, lane.width * scale), width), 0);
  }

  #node(node, box, face, beginning) {
    const { x, y, width, height } = box;
    const kind = `node ${node.became}${face ? "" : " card"}`;
    const drawn = svg("g", { class: kind, "data-id": node.id, transform: `translate(${x} ${y})` });
    drawn.append(svg("rect", { class: "frame", width, height, rx: 7, x: 0, y: 0 }));
    if (face) {
      for (const [key, value] of Object.entries({ x: 2, y: 2, width: width - 4, height: height - 4, class: "face" })) face.setAttribute(key, value);
      face.removeAttribute("aria-label");
      drawn.append(face);
      if (node.id !== START) {
        drawn.append(svg("text", { class: "moves", x: width / 2, y: height + 13 }, node.actions.join("") || "–"));
        drawn.append(svg("text", { x: width / 2, y: height + 26 }, number(node.score)));
      }
    } else if (node.id === START) {
      drawn.append(svg("text", { class: "moves", x: 9, y: height / 2 + 4 }, short(beginning, 26)));
    } else {
      const low = height < 30;
      const scored = low ? number(node.score) : `score ${number(node.score)}${node.reward ? `, reward ${number(node.reward)}` : ""}`;
      drawn.append(svg("text", { class: "moves", x: 9, y: low ? 15.5 : height / 2 - 3 }, short(moves(node), low ? 20 : 25)));
      drawn.append(low ? svg("text", { x: width - (node.done ? 16 : 9), y: 15.5, style: "text-anchor: end" }, scored) : svg("text", { x: 9, y: height / 2 + 12 }, scored));
    }
    if (node.done) {
      const badge = svg("g", { class: node.success ? "badge" : "badge bad", transform: `translate(${width - 3} 3)` });
      badge.append(svg("circle", { r: 9 }), svg("text", { class: "sign", y: 4 , style: "text-anchor: middle" }, SIGNS[node.success ? 1 : -1]));
      drawn.append(badge);
    }
    drawn.append(svg("title", {}, node.id === START ? "Start" : `${moves(node)}\nscore ${number(node.score)}, ${FATES[node.became]}`));
    return drawn;
  }

  #listen() {
    let from = null;
    let moved = 0;
    this.element.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      from = { x: event.clientX, y: event.clientY };
      moved = 0;
    });
    this.element.addEventListener("pointermove", (event) => {
      if (!from) return;
      const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
      moved += Math.abs(dx) + Math.abs(dy);
      if (moved > 4 && !this.element.hasPointerCapture(event.pointerId)) {
        this.element.setPointerCapture(event.pointerId);
        this.element.classList.add("dragged");
      }
      if (moved > 4) this.pan(dx, dy);
      from = { x: event.clientX, y: event.clientY };
    });
    const end = () => {
      from = null;
      this.element.classList.remove("dragged");
    };
    this.element.addEventListener("pointerup", end);
    this.element.addEventListener("pointercancel", end);
    this.element.addEventListener("click", (event) => {
      const node = moved > 4 ? null : event.target.closest(".node");
      if (node) this.onPick(Number(node.dataset.id));
    });
    this.element.addEventListener("dblclick", () => this.fit());
    this.element.addEventListener("wheel", (event) => {
      event.preventDefault();
      const box = this.element.getBoundingClientRect();
      this.zoom(Math.exp(-event.deltaY / 500), { x: event.clientX - box.left, y: event.clientY - box.top });
    }, { passive: false });
  }
}

const FATES = { start: "start", chosen: "committed", kept: "went on, not committed", pruned: "pruned", merged: "merged", live: "live" };

function short(text, length) {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

/** A slot's search as dots and lines. */
function miniature(search, nodes) {
  const [width, height] = [200, 46];
  const { boxes, breadth } = layOut({ ...search, grid: true }, nodes, width / height);
  const at = (id) => ({ x: 6 + (boxes.get(id).turn / Math.max(1, search.turns)) * (width - 12), y: 3 + (boxes.get(id).middle / breadth) * (height - 6) });
  const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const ordered = [...nodes].sort((a, b) => (a.became === "chosen") - (b.became === "chosen"));
  for (const node of ordered) {
    const [from, to] = [at(node.parent), at(node.id)];
    drawing.append(svg("line", { x1: from.x, y1: from.y, x2: to.x, y2: to.y, class: node.became }));
  }
  for (const node of ordered) {
    const { x, y } = at(node.id);
    drawing.append(svg("ellipse", { cx: x, cy: y, rx: node.became === "chosen" ? 3.4 : 2, ry: node.became === "chosen" ? 3 : 1.8, class: node.became }));
  }
  return drawing;
}
