// A table whose rows can be pointed at; a name is changed in its place. All text is set as text, never as HTML.
function cellOf(tag, text) {
  const cell = document.createElement(tag);
  cell.textContent = text;
  return cell;
}

export default {
  render({ model, el }) {
    el.classList.add("mi-rows");
    const scroll = Object.assign(document.createElement("div"), { className: "mi-rows-scroll" });
    const table = Object.assign(document.createElement("table"), { className: "mi-table" });
    const note = Object.assign(document.createElement("div"), { className: "mi-table-note" });
    const head = document.createElement("thead"), body = document.createElement("tbody");
    table.append(head, body);
    scroll.append(table);
    el.append(scroll, note);
    let editing = null;

    const pick = (row, event) => model.send({ k: "pick", id: row.id, shift: event.shiftKey || event.ctrlKey || event.metaKey });

    function edit(cell, row) {
      const before = cell.textContent;
      const field = Object.assign(document.createElement("input"), { value: row.name ?? "", className: "mi-rows-name", maxLength: 80 });
      field.setAttribute("aria-label", "New name");
      field.setAttribute("data-lm-suppress-shortcuts", "true");
      editing = field;
      let over = false;
      const finish = (keep) => {
        if (over) return;
        over = true;
        editing = null;
        cell.textContent = before;
        if (keep && field.value.trim() !== (row.name ?? "")) model.send({ k: "rename", id: row.id, text: field.value });
      };
      field.onkeydown = (e) => {
        e.stopPropagation();
        if (e.key === "Enter") finish(true);
        if (e.key === "Escape") finish(false);
      };
      field.onblur = () => finish(true);
      field.onclick = field.ondblclick = (e) => e.stopPropagation();
      cell.replaceChildren(field);
      field.focus();
      field.select();
    }

    function line(row, columns, nameAt, chosen) {
      const tr = document.createElement("tr");
      tr.tabIndex = 0;
      tr.dataset.id = row.id;
      tr.setAttribute("data-lm-suppress-shortcuts", "true");
      tr.classList.toggle("mi-chosen", chosen.has(row.id));
      tr.setAttribute("aria-selected", chosen.has(row.id));
      row.cells.forEach((text, i) => {
        const cell = cellOf(i ? "td" : "th", text);
        if (columns[i].left) cell.classList.add("mi-rows-left");
        if (i === 0 && row.color) {
          const dot = Object.assign(document.createElement("i"), { className: "mi-swatch" });
          dot.style.background = row.color;
          cell.prepend(dot);
        }
        if (i === nameAt) {
          cell.classList.add("mi-rows-rename");
          cell.title = columns[nameAt].edit ?? "Double-click to change the name";
          cell.ondblclick = () => edit(cell, row);
        }
        tr.append(cell);
      });
      tr.onclick = (e) => pick(row, e);
      tr.onkeydown = (e) => {
        if (e.key === "Enter" || e.key === " ") { e.preventDefault(); e.stopPropagation(); pick(row, e); }
        if (e.key === "F2" && nameAt >= 0) { e.preventDefault(); edit(tr.children[nameAt], row); }
        const to = { ArrowDown: tr.nextElementSibling, ArrowUp: tr.previousElementSibling }[e.key];
        if (to) { e.preventDefault(); e.stopPropagation(); to.focus(); pick({ id: Number(to.dataset.id) }, e); }
      };
      return tr;
    }

    function show() {
      const columns = model.get("columns"), chosen = new Set(model.get("chosen")), focus = body.contains(document.activeElement)
        ? document.activeElement.dataset.id : null;
      const names = document.createElement("tr");
      columns.forEach((c) => {
        const cell = cellOf("th", c.title);
        cell.title = c.tip ?? "";
        if (c.left) cell.classList.add("mi-rows-left");
        names.append(cell);
      });
      head.replaceChildren(names);
      const nameAt = columns.findIndex((c) => c.name);
      if (editing) editing.blur();
      body.replaceChildren(...model.get("rows").map((row) => line(row, columns, nameAt, chosen)));
      if (focus !== null) body.querySelector(`tr[data-id="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
      note.textContent = model.get("note");
      mark();
    }

    function mark() {
      const chosen = new Set(model.get("chosen"));
      let first = null;
      for (const tr of body.children) {
        const on = chosen.has(Number(tr.dataset.id));
        tr.classList.toggle("mi-chosen", on);
        tr.setAttribute("aria-selected", on);
        first ??= on ? tr : null;
      }
      if (!first) return;                                 // scroll inside the table alone: the page must not jump
      const top = first.offsetTop - head.offsetHeight, bottom = first.offsetTop + first.offsetHeight;
      if (top < scroll.scrollTop || bottom > scroll.scrollTop + scroll.clientHeight) scroll.scrollTop = top;
    }

    model.on("change:rows", show);
    model.on("change:columns", show);
    model.on("change:chosen", mark);
    const say = () => { note.textContent = model.get("note"); };
    model.on("change:note", say);
    show();
    return () => { model.off("change:rows", show); model.off("change:columns", show); model.off("change:chosen", mark); model.off("change:note", say); };
  },
};
