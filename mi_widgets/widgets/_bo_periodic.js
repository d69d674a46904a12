// A periodic table whose elements are clicked: must contain, must not contain, any. All text is set as text.
const STEP = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
const WORD = { include: "must contain", exclude: "must not contain", any: "any" };

export default {
  render({ model, el }) {
    el.classList.add("mi-periodic");
    const grid = Object.assign(document.createElement("div"), { className: "mi-periodic-grid" });
    grid.setAttribute("role", "group");
    grid.setAttribute("aria-label", "Periodic table of the elements in the pool");
    el.append(grid);
    let cells = new Map();

    const stateOf = (symbol) => model.get("include").includes(symbol) ? "include"
      : model.get("exclude").includes(symbol) ? "exclude" : "any";
    const press = (symbol, to) => model.send({ k: "press", symbol, to });
    const next = { any: "include", include: "exclude", exclude: "any" };

    function move(from, [down, right]) {                  // the nearest element that can be chosen, in that direction
      let best = null, least = Infinity;
      for (const cell of cells.values()) {
        if (cell === from || cell.disabled) continue;
        const dy = cell.dataset.row - from.dataset.row, dx = cell.dataset.column - from.dataset.column;
        const along = down ? dy * down : dx * right, across = Math.abs(down ? dx : dy);
        if (along <= 0) continue;
        const away = along + 3 * across;
        if (away < least) { least = away; best = cell; }
      }
      if (best) focus(best);
    }

    function focus(cell) {
      for (const other of cells.values()) other.tabIndex = -1;
      cell.tabIndex = 0;
      cell.focus({ preventScroll: true });
    }

    function key(event, cell) {
      const step = STEP[event.key], symbol = cell.dataset.symbol;
      if (step) move(cell, step);
      else if (event.key === "Enter" || event.key === " ") press(symbol, next[stateOf(symbol)]);
      else if (event.key === "+") press(symbol, "include");
      else if (event.key === "-") press(symbol, "exclude");
      else if (event.key === "Delete" || event.key === "Backspace") press(symbol, "any");
      else return;
      event.preventDefault();
      event.stopPropagation();
    }

    function build() {
      const had = el.contains(document.activeElement) ? document.activeElement.dataset?.symbol : null;
      cells = new Map();
      const made = [];
      for (const { symbol, row, column, active } of model.get("cells")) {
        const cell = document.createElement("button");
        cell.type = "button";
        cell.className = "mi-element";
        cell.disabled = !active;
        cell.tabIndex = -1;
        Object.assign(cell.dataset, { symbol, row, column });
        cell.style.gridRow = row;
        cell.style.gridColumn = column;
        cell.setAttribute("data-lm-suppress-shortcuts", "true");
        const name = document.createElement("span"), count = document.createElement("small");
        name.textContent = symbol;
        cell.append(name, count);
        cell.onclick = (e) => { focus(cell); press(symbol, e.shiftKey || e.altKey ? "exclude" : next[stateOf(symbol)]); };
        cell.onkeydown = (e) => key(e, cell);
        cells.set(symbol, cell);
        made.push(cell);
      }
      grid.replaceChildren(...made);
      const first = cells.get(had) ?? made.find((c) => !c.disabled);
      if (first) first.tabIndex = 0;
      mark();
      if (had && cells.get(had)) focus(cells.get(had));
    }

    function mark() {
      const counts = model.get("counts");
      for (const [symbol, cell] of cells) {
        if (cell.disabled) { cell.title = `${symbol}: in no candidate`; continue; }
        const state = stateOf(symbol), n = counts[symbol] ?? 0;
        cell.dataset.state = state;
        cell.classList.toggle("mi-element-none", n === 0 && state === "any");
        cell.lastChild.textContent = n;
        cell.title = `${symbol}: in ${n} of the candidates left; ${WORD[state]}`;
        cell.setAttribute("aria-pressed", state === "any" ? "false" : state === "include" ? "true" : "mixed");
        cell.setAttribute("aria-label", cell.title);
      }
    }

    const names = ["include", "exclude", "counts"];
    model.on("change:cells", build);
    names.forEach((n) => model.on(`change:${n}`, mark));
    build();
    return () => { model.off("change:cells", build); names.forEach((n) => model.off(`change:${n}`, mark)); };
  },
};
