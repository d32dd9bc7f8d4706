// Panel: the node that is picked, and what was committed beside what plain sampling would have had.

function showNode(element, search, node, pictures, slot, onPick) {
  if (node.id === START) {
    element.replaceChildren(html("h2", {}, "Start"), html("p", { class: "note" }, `${search.tag}, seed ${search.seed}.`), view(pictures, node));
    return;
  }
  const parent = search.byId.get(node.parent);
  const chips = html("span", {}, html("span", { class: `chip ${node.became}` }, FATES[node.became]));
  if (node.done) chips.append(" ", html("span", { class: `chip ${node.success ? "good" : "bad"}` }, node.success ? "solved" : "over"));
  const note = `Node ${node.id}, sampled for slot ${node.slot}${node.leafOf.length ? `; committed to slot ${node.leafOf.join(", ")}` : ""}${node.redrawn ? "; an outcome drawn again" : ""}.`;
  element.replaceChildren(
    html("h2", {}, `Turn ${node.turn}`, chips),
    html("p", { class: "note" }, note),
    search.grid ? change(parent, node, pictures) : html("span"),
    response(node),
    search.grid ? html("span") : view(pictures, node),
    facts([
      ["score", number(node.score, 3)],
      ["score, added up", number(node.accumulated, 3)],
      ["tokens", String(node.tokens)],
      ["reward", number(node.reward, 3)],
      ["return so far", number(node.sofar, 3)],
      ["format penalty", number(node.penalty, 3)],
    ]),
    peers(search, node, slot, onPick),
  );
}

function view(pictures, node) {
  const state = html("div", { class: "state" }, picture(pictures, node.picture));
  return state;
}

function change(parent, node, pictures) {
  const between = html("b", {}, moves(node), html("small", {}, "executed"));
  return html("div", { class: "change" }, picture(pictures, parent.picture), between, picture(pictures, node.picture));
}

/** What the policy wrote, as text: tags faint, the answer strong. */
function response(node) {
  const shown = html("pre", { class: "response" });
  let inAnswer = false;
  for (const part of (node.raw_response ?? node.response).split(/(<\/?(?:think|answer)>)/)) {
    const isTag = /^<\/?(think|answer)>$/.test(part);
    if (isTag) inAnswer = part === "<answer>";
    shown.append(html("span", isTag ? { class: "tag" } : inAnswer ? { class: "answer" } : {}, part));
  }
  return shown;
}

function facts(pairs) {
  const list = html("dl");
  for (const [name, value] of pairs) list.append(html("div", {}, html("dt", {}, name), html("dd", {}, value)));
  return list;
}

/** The turns that were sampled together with this one, in the order of their scores. */
function peers(search, node, slot, onPick) {
  const together = shownNodes(search, slot === "all" ? "all" : node.slot).filter((peer) => peer.turn === node.turn && (slot !== "all" || peer.parent === node.parent));
  const order = { chosen: 0, kept: 1, merged: 2, pruned: 2 };
  together.sort((a, b) => order[a.became] - order[b.became] || b.score - a.score || a.id - b.id);
  const list = html("ul", { class: "peers" });
  for (const peer of together) {
    const button = html("button", peer === node ? { class: "picked" } : {});
    button.append(html("span", { class: `chip ${peer.became}` }, peer.became === "chosen" ? "committed" : peer.became === "kept" ? "went on" : peer.became));
    button.append(html("code", { title: moves(peer) }, moves(peer)), html("em", {}, number(peer.score)));
    button.addEventListener("click", () => onPick(peer.id));
    list.append(html("li", {}, button));
  }
  const name = slot === "all" ? "Sampled from the same state" : "Sampled in this turn";
  return html("section", {}, html("p", { class: "note", style: "margin: 8px 0 0" }, `${name} (score):`), list);
}

function showComparison(element, search, slot, turn, pictures) {
  const key = slot === "all" ? "all" : String(slot);
  const gain = search.gain[key];
  const rows = [{ kind: "committed", name: "committed", gain: { return: gain["return/committed"], success: gain["success/committed"] } }];
  const plain = INDEX.about.method === "none";
  if (!plain) rows.push({ kind: "sampled", name: "none, estimated", gain: { return: gain["return/sampled"], success: gain["success/sampled"] } });
  if (search.beside) {
    const other = search.beside.search.gain[key] ?? search.beside.search.gain.all;
    rows.push({ kind: "beside", name: `${search.beside.method}, in a run of its own`, gain: { return: other["return/committed"], success: other["success/committed"] } });
  }
  const again = replayed(search, slot);
  const where = slot === "all" ? "the group" : `slot ${slot}`;
  element.replaceChildren(
    html("h2", {}, plain ? "Return by turn" : "What the search gained", html("span", { class: "chip" }, where)),
    html("p", { class: "note" }, plain
      ? "Plain sampling: what was sampled is what was committed."
      : "Estimated: at each turn, one of the sampled turns at random. Later turns begin where the search went on, which favours none."),
    table(rows, again),
    chart(rows, search, turn),
  );
  if (search.beside && search.grid && slot !== "all") element.append(strips(search, slot, pictures));
}

/** Means over the slots of the committed turns under fresh noise; null where that says nothing new. */
function replayed(search, slot) {
  if (!search.rerolled) return null;
  const outcomes = slot === "all" ? search.rerolled : [search.rerolled[slot]];
  const mean = (key) => outcomes.reduce((sum, outcome) => sum + outcome[key], 0) / outcomes.length;
  const committed = search.gain[slot === "all" ? "all" : String(slot)];
  const again = { return: mean("return"), success: mean("success") };
  const same = Math.abs(again.return - committed["return/committed"].at(-1)) < 1e-9 && Math.abs(again.success - committed["success/committed"].at(-1)) < 1e-9;
  return same ? null : again;
}

function table(rows, again) {
  const body = html("tbody");
  const line = (kind, name, value, success) =>
    body.append(html("tr", {}, html("th", {}, html("i", { class: `key ${kind}` }), name), html("td", {}, number(value)), html("td", {}, percent(success))));
  for (const { kind, name, gain } of rows) line(kind, name, gain.return.at(-1), gain.success.at(-1));
  if (again) line("again", "committed turns, fresh noise", again.return, again.success);
  const head = html("tr", {}, html("th"), html("th", {}, "return"), html("th", {}, "success"));
  return html("table", { class: "gain" }, html("thead", {}, head), body);
}

function chart(rows, search, turn) {
  const [width, height, left, bottom] = [370, 92, 30, 16];
  const turns = Math.max(1, search.turns, ...rows.map((row) => row.gain.return.length));
  const series = rows.map((row) => ({ kind: row.kind, values: [0, ...Array.from({ length: turns }, (_, at) => row.gain.return[Math.min(at, row.gain.return.length - 1)] ?? 0)] }));
  const all = series.flatMap((one) => one.values);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const x = (at) => left + (at / turns) * (width - left - 2);
  const y = (value) => 6 + (1 - (value - low) / (high - low || 1)) * (height - bottom - 12);
  const drawing = svg("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Return by turn" });
  for (const value of new Set([low, high])) {
    drawing.append(svg("line", { class: "axis", x1: left, x2: width, y1: y(value), y2: y(value) }));
    drawing.append(svg("text", { x: left - 5, y: y(value) + 4, "text-anchor": "end" }, number(value, 1)));
  }
  for (let at = 0; at <= turns; at += 1) drawing.append(svg("text", { x: x(at), y: height - 3, "text-anchor": at ? (at === turns ? "end" : "middle") : "start" }, at ? (at === turns && turns < 7 ? `turn ${at}` : at) : "start"));
  if (turn <= search.turns) drawing.append(svg("line", { class: "now", x1: x(turn), x2: x(turn), y1: 2, y2: height - bottom }));
  for (const { kind, values } of series.reverse()) drawing.append(svg("polyline", { class: kind, points: values.map((value, at) => `${x(at)},${y(value)}`).join(" ") }));
  return drawing;
}

/** The committed trajectory of a slot, and below it the other run's, from the same start. */
function strips(search, slot, pictures) {
  const list = html("div", { class: "strips" });
  for (const [name, one] of [[INDEX.about.method, search], [search.beside.method, search.beside.search]]) {
    const leaf = one.byId.get(one.chosen[slot]);
    const strip = html("div", { class: "strip" }, html("span", {}, name));
    for (const node of [one.root, ...pathTo(one, leaf)]) strip.append(picture(pictures, node.picture));
    strip.append(html("span", { class: "end" }, html("span", { class: `chip ${leaf.success ? "good" : "pruned"}` }, `${leaf.success ? "✓ " : ""}${number(leaf.sofar)}`)));
    list.append(strip);
  }
  return list;
}
