// The player: a few frames are asked for ahead, so that kernel, network and drawing work at the same time. Every
// question has its number, and its answer the same one; a slow kernel is never flooded.
const RATES = [1, 2, 5, 10, 20, 30, 60], AHEAD_S = 0.15, MOST_AHEAD = 6, UNANSWERED_MS = 5000;

class Player {
  constructor(page) {
    Object.assign(this, { page, seq: 0, pending: new Map(), queue: [], at: 0, n: 1, due: 0 });
    const button = (text, title, act) => make("button", { textContent: text, title, ariaLabel: title, onclick: act, type: "button" });
    this.button = button("▶", "Play or pause", () => this.toggle());
    this.slide = make("input", { type: "range", min: 0, max: 0, step: 1, value: 0, title: "Frame", ariaLabel: "Frame" });
    this.slide.oninput = () => this.seek(Number(this.slide.value));
    this.where = make("span", { className: "mi-player-text" });
    this.rate = make("select", { title: "Frames per second", ariaLabel: "Frames per second" }, ...RATES.map((v) => make("option", { value: v, textContent: `${v}/s`, selected: v === 20 })));
    this.loop = make("input", { type: "checkbox", checked: true });
    const loop = make("label", { title: "Begin again after the last frame" }, this.loop, " loop");
    this.el = make("div", { className: "mi-player", hidden: true }, button("|◂", "First frame", () => this.seek(0)), button("◂", "One frame back", () => this.step(-1)),
      this.button, button("▸", "One frame forth", () => this.step(1)), this.slide, this.where, this.rate, loop);
  }

  // ---- questions and answers -------------------------------------------------------------------------------
  ask(frames, more) {
    const wanted = frames.map((i) => [i, ++this.seq]), since = performance.now();
    for (const [i, seq] of wanted) this.pending.set(seq, { i, since, ...more });
    return this.page.send({ k: "frame", wanted });
  }
  seek(i) {                                                  // only the newest place waits for a kernel that is busy
    this.queue = [];
    this.lead = i;
    const now = performance.now();
    for (const [seq, p] of this.pending) if (now - p.since > UNANSWERED_MS) this.pending.delete(seq); else p.late = !p.sought;
    if ([...this.pending.values()].some((p) => p.sought)) this.next = i; else this.ask([i], { sought: true });
  }
  step(by) { this.seek(Math.min(this.n - 1, Math.max(0, (this.next ?? this.lead ?? this.at) + by))); }

  // Takes a message with a frame; true where it is not to be drawn now.
  keeps(msg, buffers) {
    const { to, i } = msg.parts.frame, asked = to?.[0] === this.page.id ? this.pending.get(to[1]) : undefined;
    if (!asked) { this.lead = i; return false; }              // somebody else has moved it
    this.pending.delete(to[1]);
    if (asked.late) return true;
    if (asked.i !== i && this.playing) { this.toggle(); return false; }   // it cannot be read: the widget says why
    if (asked.sought || !this.playing) return false;
    this.queue.push([msg, buffers]);
    return true;
  }
  show({ i, n, text }) {                                     // after it has been drawn
    Object.assign(this, { at: i, n });
    this.el.hidden = n < 2;
    this.slide.max = n - 1;
    this.where.textContent = text;
    if ([...this.pending.values()].some((p) => p.sought)) return;   // the thumb is where the user holds it
    const next = this.next;
    this.next = undefined;
    if (next !== undefined && next !== i) this.ask([next], { sought: true }); else this.slide.value = i;
  }
  // What is not a frame must come after the frames before it.
  flush() { for (const one of this.queue.splice(0)) this.page.take(...one); }

  // ---- playing ---------------------------------------------------------------------------------------------
  toggle() {
    this.playing = !this.playing;
    this.button.textContent = this.playing ? "❚❚" : "▶";
    if (this.playing) { Object.assign(this, { lead: this.at, due: performance.now(), gaps: [] }); this.tick(); }
    else { this.flush(); this.page.three?.coarse(1); }
  }
  tick() {
    if (!this.playing || this.page.closed) return;
    const now = performance.now(), step = 1000 / this.rate.value;
    for (const [seq, p] of this.pending) if (now - p.since > UNANSWERED_MS) this.pending.delete(seq);
    if (this.queue.length && now >= this.due - 4) {
      this.due = now - this.due > 2 * step ? now + step : this.due + step;
      this.page.take(...this.queue.shift());
      this.watch(now, step);
    }
    this.refill(step);
    requestAnimationFrame(() => { try { this.tick(); } catch (error) { this.page.fail(error); } });
  }
  refill(step) {                                             // several in one question: each costs the kernel's messages
    const ahead = Math.min(MOST_AHEAD, Math.max(1, Math.ceil((1000 * AHEAD_S) / step))), frames = [];
    const there = this.pending.size + this.queue.length, end = () => this.lead + 1 >= this.n && !this.loop.checked;
    if (this.next !== undefined || there > ahead / 2) return;
    while (there + frames.length < ahead && !end()) frames.push((this.lead = (this.lead + 1) % this.n));
    if (frames.length) this.ask(frames);
    else if (!there && end()) this.toggle();
  }
  // Where drawing is what takes the time, and frames are waiting, fewer pixels are drawn.
  watch(now, step) {
    if (this.drew && this.queue.length) this.gaps.push(now - this.drew);
    this.drew = now;
    if (this.gaps.length < 8) return;
    const gap = this.gaps.sort((a, b) => a - b)[4];
    this.gaps = [];
    if (gap > Math.max(1.15 * step, 25)) this.page.three?.coarser();
  }
}
