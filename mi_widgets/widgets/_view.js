// The page side of View: one Bokeh document in one widget. Patches travel in batches, with binary buffers, without echo.
const shared = (globalThis.__mi_widgets ??= {});
shared.bokeh ??= {};
const WAIT_MS = 1500, UNANSWERED_MS = 2000;
const GIVE_UP_MS = 600000;  // while other cells run, the kernel answers nobody

const bytesOf = (b) => (b.buffer ? new Uint8Array(b.buffer, b.byteOffset, b.byteLength) : new Uint8Array(b));
const bufferOf = (b) => bytesOf(b).slice().buffer;

function loadBokeh(model) {
  const version = model.get("bokeh_version");
  const there = globalThis.Bokeh?.[version];
  if (there) return Promise.resolve(there);
  return (shared.bokeh[version] ??= new Promise((resolve, reject) => {
    const failed = (text) => { delete shared.bokeh[version]; model.off("msg:custom", listen); reject(new Error(text)); };
    const timer = setTimeout(() => failed("The kernel does not answer. Run the cell again."), GIVE_UP_MS);
    const listen = (msg, buffers) => {
      if (msg.k !== "bokehjs") return;
      clearTimeout(timer);
      model.off("msg:custom", listen);
      const url = URL.createObjectURL(new Blob([bytesOf(buffers[0])], { type: "text/javascript" }));
      const script = Object.assign(document.createElement("script"), { src: url });
      script.onload = () => { URL.revokeObjectURL(url); resolve(globalThis.Bokeh[version]); };
      script.onerror = () => failed("BokehJS could not be loaded into this page.");
      document.head.append(script);
    };
    model.on("msg:custom", listen);
    model.send({ k: "need-bokehjs" });
  }));
}

// Bokeh asks the style sheet for every line it draws, which costs a third of a repaint; our figures have no such style.
function quickStyles(bokeh) {
  try {
    const { VisualProperties } = bokeh.require("core/visuals/visual");
    const proto = VisualProperties.prototype, ask = proto._get_css_value;
    if (!ask || ask.mi_widgets) return;
    proto._get_css_value = function (name) { return this.obj.model.document?.mi_widgets ? "" : ask.call(this, name); };
    proto._get_css_value.mi_widgets = true;
    // Every repaint writes the same style sheets again, and the browser computes all styles anew.
    const { InlineStyleSheet } = bokeh.require("core/dom"), update = InlineStyleSheet.prototype._update;
    InlineStyleSheet.prototype._update = function (css) { if (this.el.textContent !== css) update.call(this, css); };
  } catch { /* another version of Bokeh: only slower */ }
}

// Bokeh waits for the next frame before it paints; painting as soon as the data are there saves that frame.
class Painter {
  constructor() { this.dirty = new Map(); this.painted = 0; }
  adopt(views) {
    for (const view of views) {
      if (typeof view.throttled_paint === "function") {
        view.throttled_paint = () => this.want(view);
        const size = view.base_font_size;                   // asked for with every label, and does not change
        Object.defineProperty(view, "base_font_size", { get: () => size, configurable: true });
      }
      this.adopt(view.child_views ?? []);
    }
  }
  want(view) {
    if (!this.dirty.size) {
      const go = () => this.paint();
      performance.now() - this.painted > 30 ? setTimeout(go, 0) : requestAnimationFrame(go);
    }
    if (!this.dirty.has(view)) this.dirty.set(view, Promise.withResolvers?.() ?? deferred());
    return this.dirty.get(view).promise;
  }
  paint() {
    const now = this.dirty;
    this.dirty = new Map();
    this.painted = performance.now();
    for (const [view, { resolve, reject }] of now) {
      try { if (!view.is_destroyed) view.repaint(); resolve(); } catch (error) { reject(error); }
    }
  }
}

function deferred() {
  const d = {};
  d.promise = new Promise((resolve, reject) => Object.assign(d, { resolve, reject }));
  return d;
}

function save(name, parts, type) {
  const url = URL.createObjectURL(new Blob(parts, { type }));
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

class Page {
  constructor(model, el) {
    Object.assign(this, { model, el, id: crypto.randomUUID?.() ?? String(Math.random()), out: [], seq: 0, closed: false });
    Object.assign(this, { asked: 0, waiting: new Map(), drawing: 0 });
    this.host = Object.assign(document.createElement("div"), { className: "mi-view-host", tabIndex: 0 });
    this.host.setAttribute("data-lm-suppress-shortcuts", "true");      // arrow keys move the pixel, not the notebook
    this.note = Object.assign(document.createElement("div"), { className: "mi-view-note", hidden: true });
    this.note.setAttribute("role", "status");
    el.classList.add("mi-view");
    el.append(this.note, this.host);
    this.listen = (msg, buffers) => this.receive(msg, buffers);
    model.on("msg:custom", this.listen);
    this.host.addEventListener("keydown", (e) => this.key(e));
    this.resized = new ResizeObserver(() => this.fit());
    this.resized.observe(el);
  }

  async open() {
    const waiting = setTimeout(() => this.say("Waiting for the kernel …"), WAIT_MS);
    try {
      this.bokeh = await loadBokeh(this.model);
      const answer = await this.ask({ k: "ready" });
      if (this.closed) return;
      await this.draw(answer.doc, answer.frames);
      this.say("");
    } finally { clearTimeout(waiting); }
  }

  // Every request has its number, and its answer the same one.
  ask(question) {
    const n = ++this.asked;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => { this.waiting.delete(n); reject(new Error("The kernel does not answer. Run the cell again.")); }, GIVE_UP_MS);
      this.waiting.set(n, (answer) => { clearTimeout(timer); this.waiting.delete(n); resolve(answer); });
      this.model.send({ ...question, n, vid: this.id });
    });
  }

  async draw(json, frames) {
    const { Document } = this.bokeh.require("document");
    const { add_document_standalone } = this.bokeh.require("embed/standalone");
    const mine = ++this.drawing;                            // a newer picture makes this one pointless
    const late = () => this.closed || mine !== this.drawing;
    while (!this.el.isConnected && !late()) await new Promise((r) => requestAnimationFrame(r));
    if (late()) return;
    this.clear();
    this.doc = Document.from_json(JSON.parse(json));
    this.doc.mi_widgets = true;
    quickStyles(this.bokeh);
    this.frames = frames ?? [];
    this.doc.on_change((event) => this.changed(event));
    this.fit();
    const inner = document.createElement("div");
    this.host.replaceChildren(inner);
    let views;
    try {
      views = await add_document_standalone(this.doc, inner, [inner]);
    } catch (error) {
      if (late()) return;
      throw error;
    }
    if (late()) { views.clear?.(); return; }
    this.views = views;
    new Painter().adopt([...this.views]);
    this.fit();
  }

  // A frame with a fixed shape shrinks when the cell is narrow: width for axes and colour bar is left beside it.
  fit() {
    if (!this.doc || !this.el.clientWidth) return;
    for (const { id, width, height, beside } of this.frames) {
      const fig = this.doc.get_model_by_id(id);
      if (!fig) continue;
      const w = Math.max(90, Math.min(width, this.el.clientWidth - beside));
      if (fig.frame_width !== w) fig.setv({ frame_width: Math.round(w), frame_height: Math.round(w * height / width) }, { sync: false });
    }
  }

  changed(event) {
    const events = (event.events ? (event.sync ? event.events : []) : [event]).filter((e) => e.sync);
    if (!events.length) return;
    this.out.push(...events);
    this.post();
  }

  post() {
    if (this.queued || (this.unanswered && Date.now() - this.unanswered < UNANSWERED_MS)) return;
    this.queued = true;
    queueMicrotask(() => {
      this.queued = false;
      if (this.closed || !this.out.length) return;
      const patch = this.doc.create_json_patch(this.latest(this.out));
      this.out = [];
      this.unanswered = Date.now();
      if (!this.send({ k: "patch", seq: ++this.seq, patch: JSON.stringify(patch) })) return;
      clearTimeout(this.nudge);
      this.nudge = setTimeout(() => this.post(), UNANSWERED_MS + 50);
    });
  }

  // While the kernel is busy only the newest value of each property waits for it.
  latest(events) {
    const newest = new Map();
    events.forEach((e, i) => newest.set(e.kind === "ModelChanged" ? `${e.model.id}.${e.attr}` : this.moving(e) ?? i, i));
    return events.filter((_, i) => [...newest.values()].includes(i));
  }

  moving(event) {
    const name = event.msg_data?.event_name;
    const values = event.msg_data?.event_values;
    return name === "selectiongeometry" && values?.final === false ? `${name}.${values.model?.id}` : null;
  }

  receive(msg, buffers) {
    if (msg.vid && msg.vid !== this.id) return;
    if (msg.ack && msg.ack.vid === this.id && msg.ack.seq === this.seq) { this.unanswered = 0; if (this.out.length) this.post(); }
    if (this.waiting.has(msg.n)) this.waiting.get(msg.n)(msg);
    else if (msg.k === "patch" && this.doc && msg.from !== this.id) this.apply(msg, buffers);
    else if (msg.k === "reset") this.reopen();
    else if (msg.k === "error") this.say(msg.text, true);
    else if (msg.k === "figure") this.figure(msg).catch((e) => this.fail(e));
    else if (msg.k === "download") save(msg.name, buffers.map(bytesOf), msg.mime);
  }

  apply(msg, buffers) {
    try {
      this.doc.apply_json_patch(JSON.parse(msg.patch), new Map((msg.ids ?? []).map((id, i) => [id, bufferOf(buffers[i])])));
    } catch (error) { this.fail(error); }
  }

  // What has been asked for and not answered yet, or will be asked for when BokehJS is there, is the newest anyway.
  reopen() {
    if (!this.asked || this.waiting.size) return;
    this.ask({ k: "ready" }).then((m) => this.draw(m.doc, m.frames)).then(() => this.say("")).catch((e) => this.fail(e));
  }

  async figure({ rid, format }) {
    const root = [...this.views][0];
    const blob = await root.export(format, true).to_blob();
    const data = new Uint8Array(await blob.arrayBuffer());
    this.send({ k: "figure", rid }, [data]);
  }

  key(event) {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (!(key.startsWith("Arrow") || key === "p") || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.send({ k: "key", key, shift: event.shiftKey });
  }

  // After a restart of the kernel nothing can be sent any more: say so where the user looks.
  send(message, buffers) {
    try { this.model.send({ ...message, vid: this.id }, undefined, buffers); } catch {
      if (!this.closed) this.say("The kernel of this widget is gone. Run the cell again.", true);
      return false;
    }
    return true;
  }

  say(text, bad = false) {
    this.note.textContent = text;
    this.note.hidden = !text;
    this.note.classList.toggle("mi-bad", bad);
  }

  fail(error) {
    if (this.closed) return;
    console.warn("mi_widgets:", error);
    this.say(`This picture could not be drawn: ${error?.message ?? error} `, true);
    const again = Object.assign(document.createElement("button"), { textContent: "Try again" });
    again.onclick = () => { this.say(""); this.open().catch((e) => this.fail(e)); };
    this.note.append(again);
    this.send({ k: "failed", text: String(error?.stack ?? error) });
  }

  clear() {
    this.views?.clear?.();
    this.doc?.clear?.();
    this.out = [];
    this.unanswered = 0;
    this.doc = this.views = null;
  }

  close() {
    this.closed = true;
    clearTimeout(this.nudge);
    this.resized.disconnect();
    this.model.off("msg:custom", this.listen);
    this.send({ k: "gone" });
    this.clear();
    this.el.replaceChildren();
  }
}

export default {
  render({ model, el }) {
    const page = new Page(model, el);
    page.open().catch((error) => page.fail(error));
    return () => page.close();
  },
};
