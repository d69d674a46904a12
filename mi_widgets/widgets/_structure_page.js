// The page around the drawing: legend, hover text, player, messages; and what is told to the kernel.
const mine = (globalThis.__mi_structures ??= { pages: new Set() });
const TYPES = { position: Float32Array, parent: Int32Array, image: Uint8Array, bonds: Int32Array, edges: Float32Array, rgb: Uint8Array,
  values: Float32Array, radius: Float32Array, codes: Int16Array };
const GIVE_UP_MS = 600000, WAIT_MS = 1500;  // while other cells run, the kernel answers nobody

function typed(name, buffer) {
  const bytes = buffer.buffer ? new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength) : new Uint8Array(buffer);
  return new TYPES[name](bytes.slice().buffer);
}
function make(tag, props = {}, ...inner) {
  const { dataset, style, ...rest } = props, e = Object.assign(document.createElement(tag), rest);
  Object.assign(e.dataset, dataset ?? {});
  Object.assign(e.style, style ?? {});
  e.append(...inner);
  return e;
}
function hasWebGL() {
  if (mine.webgl) return true;
  const canvas = document.createElement("canvas"), gl = canvas.getContext("webgl2") ?? canvas.getContext("webgl");
  gl?.getExtension("WEBGL_lose_context")?.loseContext();
  return (mine.webgl = Boolean(gl));
}
function loadNGL(model) {
  if (globalThis.__mi_ngl) return Promise.resolve(globalThis.__mi_ngl);
  return (mine.ngl ??= new Promise((resolve, reject) => {
    const fail = (text) => { delete mine.ngl; model.off("msg:custom", listen); reject(new Error(text)); };
    const timer = setTimeout(() => fail("The kernel does not answer. Run the cell again."), GIVE_UP_MS);
    const listen = (msg, buffers) => {
      if (msg.k !== "ngl") return;
      clearTimeout(timer);
      if (!buffers?.length) { fail(msg.text); return; }
      model.off("msg:custom", listen);
      const url = URL.createObjectURL(new Blob([buffers[0]], { type: "text/javascript" }));
      const script = make("script", { src: url });
      script.onload = () => { URL.revokeObjectURL(url); globalThis.__mi_ngl ? resolve(globalThis.__mi_ngl) : fail("NGL did not start."); };
      script.onerror = () => fail("NGL could not be loaded into this page.");
      document.head.append(script);
    };
    model.on("msg:custom", listen);
    model.send({ k: "need-ngl" });
  }));
}

class StructurePage {
  constructor(model, el) {
    Object.assign(this, { model, el, id: crypto.randomUUID?.() ?? String(Math.random()), data: {}, info: {}, waiting: [] });
    el.classList.add("mi-structure");
    this.note = make("div", { className: "mi-view-note", hidden: true });
    this.note.setAttribute("role", "status");
    this.stageEl = make("div", { className: "mi-stage", tabIndex: 0 });
    this.stageEl.setAttribute("data-lm-suppress-shortcuts", "true");
    this.stageEl.setAttribute("aria-label", "3-D view of the structure");
    this.tip = make("div", { className: "mi-tip", hidden: true });
    this.legend = make("div", { className: "mi-legend" });
    this.box = make("div", { className: "mi-stage-box" }, this.stageEl, this.legend, this.tip);
    this.player = new Player(this);
    el.append(this.note, this.box, this.player.el);
    this.listen = (msg, buffers) => { try { this.receive(msg, buffers); } catch (error) { this.fail(error); } };
    model.on("msg:custom", this.listen);
    this.resized = new ResizeObserver(() => this.fit());
    this.resized.observe(this.box);
  }

  async open() {
    const late = setTimeout(() => this.say("Waiting for the kernel …"), WAIT_MS);
    try {
      let NGL = null;
      if (!hasWebGL()) this.flat("This browser offers no WebGL, so the 3-D view cannot be drawn.");
      else NGL = await loadNGL(this.model).catch((error) => this.flat(error.message));
      await this.laidOut();
      if (this.closed) return;
      if (NGL) try { this.three = new Stage3D(NGL, this.stageEl); } catch (error) { this.flat(`The 3-D view could not start: ${error.message}`); }
      if (this.three) this.listenToMouse();
      this.send({ k: "ready" });
    } finally { clearTimeout(late); if (!this.isFlat) this.say(""); }
  }
  async laidOut() { while (!this.closed && !(this.el.isConnected && this.el.clientWidth)) await new Promise((r) => setTimeout(r, 30)); }
  flat(text) {                                               // no 3-D here: the projections are offered instead
    this.isFlat = true;
    this.box.hidden = true;
    this.legend.classList.add("mi-legend-beside");
    this.el.insertBefore(this.legend, this.player.el);
    this.say(`${text} The projections show the same atoms, colours and selection.`, true);
    this.send({ k: "flat", text });
    return null;
  }
  fail(error) {
    this.say(`The view failed in the page: ${error.message ?? error}. Run the cell again; the projections still work.`, true);
    this.send({ k: "failed", text: String(error.stack ?? error) });
  }
  // After a restart of the kernel nothing can be sent any more: say so where the user looks.
  send(message, buffers) {
    try { this.model.send({ ...message, vid: this.id }, undefined, buffers); return true; } catch {
      if (!this.closed) this.say("The kernel of this view is gone. Run the cell again.", true);
      return false;
    }
  }
  say(text, bad = false) { this.note.textContent = text; this.note.hidden = !text; this.note.classList.toggle("mi-bad", bad); }
  fit() { if (this.three && this.box.clientWidth) { this.three.stage.handleResize(); this.three.viewer.requestRender(); } }

  receive(msg, buffers) {
    if (msg.vid && msg.vid !== this.id) return;
    if (msg.k === "image") this.takeImage(msg);
    if (msg.k !== "state") return;
    if (!msg.parts.frame) this.player.flush();
    else if (this.player.keeps(msg, buffers)) return;
    this.take(msg, buffers);
  }
  take(msg, buffers) {
    (msg.bufs ?? []).forEach((name, i) => { this.data[name] = typed(name, buffers[i]); });
    const p = msg.parts;
    Object.assign(this.info, p);
    if (p.sites) this.data.cell = p.sites.cell;
    if ("labels" in p) this.data.labels = p.labels;
    if (p.colors || p.look) this.showLegend();
    if (p.look?.height) this.box.style.height = `${p.look.height}px`;
    if (this.three && this.data.position) this.draw(p);
    if (p.frame) this.player.show(p.frame);
  }
  draw(p) {
    const t = this.three;
    t.data = this.data;
    if (p.look) { t.setLook(p.look); this.fit(); }
    if (p.sites || p.look) { t.redraw(); }
    else {
      if (p.colors) { t.drawAtoms(); t.drawBonds(); }
      if ("labels" in p) t.drawLabels();
    }
    if (p.select) t.select(p.select.atoms);
    if (p.measure) t.measure(p.measure);
    if (p.camera?.orientation) t.orient(p.camera.orientation);
    else if (p.camera?.view) t.view(p.camera.view);
    if (this.over && (p.sites || p.colors)) this.overSoon ??= requestAnimationFrame(() => this.hover());
    this.drawn = (this.drawn ?? 0) + 1;
  }

  // ---- mouse -----------------------------------------------------------------------------------------------
  listenToMouse() {
    const el = this.stageEl, spot = (e) => { const r = this.three.viewer.renderer.domElement.getBoundingClientRect(); return [e.clientX - r.x, e.clientY - r.y]; };
    el.addEventListener("pointerdown", (e) => { this.down = e.button === 0 ? [e.clientX, e.clientY] : null; el.focus({ preventScroll: true }); }, true);
    el.addEventListener("pointerup", (e) => {
      const from = this.down;
      this.down = null;
      if (!from || !this.data.position || Math.hypot(e.clientX - from[0], e.clientY - from[1]) > 4) return;
      const found = this.three.pick(...spot(e));
      this.send({ k: "pick", atom: found ? found.atom : null, shift: e.shiftKey || e.ctrlKey || e.metaKey });
    }, true);
    el.addEventListener("pointermove", (e) => { if (!e.buttons) { this.over = [spot(e), e]; this.overSoon ??= requestAnimationFrame(() => this.hover()); } else this.tip.hidden = true; });
    el.addEventListener("pointerleave", () => { this.over = null; this.tip.hidden = true; });
    // The wheel scrolls the notebook until the view has been clicked.
    el.addEventListener("wheel", (e) => { if (document.activeElement !== el && el.getRootNode().activeElement !== el && !e.ctrlKey) e.stopPropagation(); }, true);
    this.three.stage.viewerControls.signals.changed.add(() => { clearTimeout(this.moved); this.moved = setTimeout(() => this.send({ k: "camera", orientation: this.three.orientation() }), 250); });
  }
  hover() {
    this.overSoon = null;
    if (!this.over || !this.data.position || !this.three) return;
    const [[x, y]] = this.over, found = this.three.pick(x, y);
    this.tip.hidden = !found;
    this.stageEl.style.cursor = found ? "pointer" : "";
    if (!found) return;
    this.tip.textContent = this.describe(found);
    this.tip.style.left = `${Math.min(x + 14, this.box.clientWidth - 220)}px`;
    this.tip.style.top = `${y + 14}px`;
  }
  describe({ site, atom }) {
    const { position, codes, values } = this.data, { atoms, colors } = this.info;
    const at = [0, 1, 2].map((k) => position[3 * site + k].toFixed(3)).join(", ");
    let text = `${atoms.names?.[atom] ?? `#${atom}`} ${atoms.elements[codes[atom]] ?? ""} (${at}) Å`;
    if (colors.kind === "continuous") text += `\n${colors.title}: ${Number.isFinite(values[atom]) ? Number(values[atom].toPrecision(6)) : "no value"}`;
    if (colors.kind === "categorical") text += `\n${colors.title}: ${colors.labels[values[atom]] ?? "no value"}`;
    return text;
  }

  // ---- legend ------------------------------------------------------------------------------------------------
  showLegend() {
    const c = this.info.colors, rows = [];
    if (!c || this.info.look?.legend === false) { this.legend.replaceChildren(); return; }
    const swatch = (color, text) => make("div", { className: "mi-legend-row" }, make("span", { className: "mi-legend-dot", style: { background: color } }), text);
    if (c.kind !== "element") rows.push(make("div", { className: "mi-legend-title", textContent: c.title }));
    if (c.kind === "continuous") {
      const number = (v) => String(Number(v.toPrecision(4))), middle = (c.limits[0] + c.limits[1]) / 2;
      const bar = make("div", { className: "mi-legend-bar", style: { background: `linear-gradient(to top, ${c.palette.join(",")})` } });
      const ticks = make("div", { className: "mi-legend-ticks" }, ...[c.limits[1], middle, c.limits[0]].map((v) => make("span", { textContent: number(v) })));
      rows.push(make("div", { className: "mi-legend-scale" }, bar, ticks));
    } else c.labels.slice(0, 16).forEach((text, i) => rows.push(swatch(c.label_colors[i], text)));
    if (c.labels?.length > 16 && c.kind !== "continuous") rows.push(make("div", { textContent: `and ${c.labels.length - 16} more` }));
    if (c.missing) rows.push(swatch(c.missing_color, `no value (${c.missing})`));
    this.legend.replaceChildren(...rows);
  }

  takeImage({ rid, download, scale }) {
    if (!this.three) { this.send({ k: "image", rid, text: "there is no 3-D view in this page." }); return; }
    this.three.image(scale ?? 2).then(async (blob) => {
      if (!download) { this.send({ k: "image", rid }, [await blob.arrayBuffer()]); return; }
      const url = URL.createObjectURL(blob), a = make("a", { href: url, download });
      document.body.append(a);
      a.click();
      a.remove();
      setTimeout(() => URL.revokeObjectURL(url), 10000);
    }).catch((error) => this.fail(error));
  }
  close() {
    this.closed = true;
    this.player.playing = false;
    clearTimeout(this.moved);
    cancelAnimationFrame(this.overSoon);
    this.model.off("msg:custom", this.listen);
    this.resized.disconnect();
    this.three?.dispose();
    this.send({ k: "gone" });
    // Whoever still holds this view holds nothing with it.
    Object.assign(this, { three: null, data: {}, info: {}, over: null });
    Object.assign(this.player, { queue: [], playing: false });
    this.el.replaceChildren();
  }
}

function render({ model, el }) {
  const page = new StructurePage(model, el);
  mine.pages.add(page);
  page.open().catch((error) => page.fail(error));
  return () => { mine.pages.delete(page); page.close(); };
}
