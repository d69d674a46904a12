// Drawing with NGL: atoms, bonds and the cell as buffers of our own, so that every sphere knows its atom.
const MARK = [0.95, 0.0, 0.6], INK = [0.2, 0.23, 0.26];
const AXES = [[0.78, 0.16, 0.16], [0.1, 0.55, 0.25], [0.12, 0.35, 0.75]];
const EMPTY_RADIUS = 1e-6, CLICK_PX = 3, IMAGE_SIZE = 0.62;

// Matrices of 16 numbers, column by column: the versions of NGL name these operations differently.
function times(a, b) {
  return Array.from({ length: 16 }, (_, n) => [0, 1, 2, 3].reduce((sum, k) => sum + a[4 * k + (n % 4)] * b[4 * (n >> 2) + k], 0));
}
function carry(m, p) {
  const out = [0, 1, 2, 3].map((r) => m[r] * p[0] + m[4 + r] * p[1] + m[8 + r] * p[2] + m[12 + r]);
  return out.slice(0, 3).map((v) => v / out[3]);
}
function inverse(m) {
  const rows = [0, 1, 2, 3].map((r) => [0, 1, 2, 3].map((c) => m[4 * c + r]).concat([0, 1, 2, 3].map((c) => Number(c === r))));
  for (let i = 0; i < 4; i++) {
    let best = i;
    for (let r = i + 1; r < 4; r++) if (Math.abs(rows[r][i]) > Math.abs(rows[best][i])) best = r;
    [rows[i], rows[best]] = [rows[best], rows[i]];
    const head = rows[i][i];
    rows[i] = rows[i].map((v) => v / head);
    for (let r = 0; r < 4; r++) if (r !== i) { const f = rows[r][i]; rows[r] = rows[r].map((v, c) => v - f * rows[i][c]); }
  }
  return Array.from({ length: 16 }, (_, n) => rows[n % 4][4 + (n >> 2)]);
}

// A buffer with room to spare: a frame of a trajectory has a few bonds more or fewer than the one before.
class Pool {
  constructor(NGL, stage, kind, options = {}) { Object.assign(this, { NGL, stage, kind, options, room: 0, n: 0 }); }
  clear() {
    if (this.component) this.stage.removeComponent(this.component);
    this.component = this.buffer = null;
    this.room = 0;
  }
  set(n, data) {
    this.n = n;
    if (!n) { this.clear(); return; }
    const fits = this.buffer && n <= this.room && n > 0.4 * this.room;
    if (!fits) this.clear();
    if (!fits) this.room = this.options.exact ? n : Math.ceil(n * 1.15) + 8;
    for (const [name, values] of Object.entries(data)) {
      const width = values.length / n, padded = new Float32Array(this.room * width);
      padded.set(values);
      if (name === "radius") padded.fill(EMPTY_RADIUS, n);
      else for (let i = n * width; i < padded.length; i++) padded[i] = values[i % width];
      data[name] = padded;
    }
    if (fits) { this.buffer.setAttributes(data); this.stage.viewer.requestRender(); return; }
    const Buffer = this.kind === "sphere" ? this.NGL.SphereBuffer : this.NGL.CylinderBuffer;
    this.buffer = new Buffer(data, { openEnded: false, disablePicking: true, ...this.options.params });
    const shape = new this.NGL.Shape(this.options.name ?? this.kind);
    shape.addBuffer(this.buffer);
    this.component = this.stage.addComponentFromObject(shape);
    this.component.addRepresentation("buffer", this.options.params ?? {});
    if (this.options.slow) lightSimply(this.buffer.group);
  }
}

class Stage3D {
  constructor(NGL, host) {
    this.NGL = NGL;
    this.slow = isSlow();
    this.stage = withoutSmoothing(this.slow, () => new NGL.Stage(host, {
      backgroundColor: "white", tooltip: false, hoverTimeout: 1e9, clipNear: 0, clipFar: 100, clipDist: 0, fogNear: 62,
      fogFar: 150, ambientIntensity: 0.32, lightIntensity: 1.1, sampleLevel: 0, cameraFov: 30,
    }));
    this.viewer = this.stage.viewer;
    for (const name of ["clickPick-left", "clickPick-right", "clickPick-middle", "hoverPick", "drag-ctrl-shift-right",
      "drag-ctrl-shift-left"]) this.stage.mouseControls.remove(name);
    this.stage.pickingBehavior?.dispose?.();                // picking is done here, from the spheres themselves
    this.stage.keyBehavior?.dispose?.();
    const pool = (kind, name, params, exact) => new Pool(NGL, this.stage, kind, { name, params, exact, slow: this.slow });
    this.atoms = pool("sphere", "atoms");
    this.sticks = pool("cylinder", "bonds");
    this.frame = pool("cylinder", "cell", {}, true);
    this.lines = pool("cylinder", "measures", {}, true);
    this.halo = pool("sphere", "selection", { side: "back", disableImpostor: true, sphereDetail: 2 });
    this.texts = new Map();
    this.labelEl = Object.assign(document.createElement("div"), { className: "mi-measure-label", hidden: true });
    host.append(this.labelEl);
    this.viewer.signals.rendered.add(() => { if (this.label) this.placeLabel(); });
    this.look = {};
    this.chosen = [];
  }

  dispose() {
    this.closed = true;
    const { renderer, signals } = this.viewer, canvas = renderer?.domElement;
    // NGL keeps one picture of the letters for the page, and that all who have drawn with it.
    for (const { buffer } of this.texts.values()) (buffer.textAtlas?.texture ?? buffer.tex)?.dispose?.();
    this.stage.removeAllComponents?.();
    this.stage.dispose?.();
    signals?.rendered?.removeAll?.();
    renderer?.forceContextLoss?.();                          // a page may hold only a few WebGL contexts
    renderer?.dispose?.();
    canvas?.remove();
    this.data = {};
  }

  // Which colours and sizes each site has, from those of its atom.
  drawAtoms() {
    const { position, parent, image, rgb, radius } = this.data, n = parent.length;
    const color = new Float32Array(3 * n), size = new Float32Array(n), look = this.look;
    const paper = this.paper();
    for (let i = 0; i < n; i++) {
      const a = parent[i], pale = image[i] ? 0.3 : 0;
      for (let k = 0; k < 3; k++) color[3 * i + k] = (rgb[3 * a + k] / 255) * (1 - pale) + paper[k] * pale;
      size[i] = this.sizeOf(radius[a]) * (image[i] ? (look.style === "spacefill" ? 0 : IMAGE_SIZE) : 1);
    }
    this.color = color;
    this.size = size;
    this.atoms.set(n, { position, color, radius: size });
  }
  sizeOf(radius) {
    const s = this.look.size ?? 1;
    if (this.look.style === "licorice") return 0.19 * s;
    return s * (this.look.style === "spacefill" ? 1.15 * radius : 0.33 * radius + 0.11);
  }
  paper() {
    const c = new this.NGL.Color(this.look.background ?? "white");
    return [c.r, c.g, c.b];
  }
  drawBonds() {
    const { position, bonds } = this.data;
    const n = this.look.style === "spacefill" ? 0 : bonds.length / 2;
    const p1 = new Float32Array(3 * n), p2 = new Float32Array(3 * n), c1 = new Float32Array(3 * n), c2 = new Float32Array(3 * n);
    const radius = new Float32Array(n).fill((this.look.style === "licorice" ? 0.19 : 0.1) * (this.look.size ?? 1));
    for (let b = 0; b < n; b++) for (let k = 0; k < 3; k++) {
      const i = 3 * bonds[2 * b] + k, j = 3 * bonds[2 * b + 1] + k;
      p1[3 * b + k] = position[i]; p2[3 * b + k] = position[j];
      c1[3 * b + k] = this.color[i]; c2[3 * b + k] = this.color[j];
    }
    this.sticks.set(n, { position1: p1, position2: p2, color: c1, color2: c2, radius });
  }
  drawCell() {
    const { edges, cell } = this.data, n = this.look.cell === false ? 0 : edges.length / 6;
    const p1 = new Float32Array(3 * n), p2 = new Float32Array(3 * n), color = new Float32Array(3 * n);
    const first = cell.map((v) => v.map((x) => Math.round(1e4 * x)).join());
    for (let e = 0; e < n; e++) {
      p1.set(edges.subarray(6 * e, 6 * e + 3), 3 * e);
      p2.set(edges.subarray(6 * e + 3, 6 * e + 6), 3 * e);
      const fromOrigin = p1.subarray(3 * e, 3 * e + 3).every((x) => Math.abs(x) < 1e-4);
      const axis = fromOrigin ? first.indexOf([...p2.subarray(3 * e, 3 * e + 3)].map((x) => Math.round(1e4 * x)).join()) : -1;
      color.set(axis >= 0 ? AXES[axis] : [0.45, 0.5, 0.54], 3 * e);
    }
    const radius = new Float32Array(n).fill(Math.max(0.03, 0.0024 * this.extent()));
    this.frame.set(n, { position1: p1, position2: p2, color, color2: color.slice(), radius });
    const shown = n ? cell.map((v, k) => [v, "abc"[k], AXES[k]]).filter(([v]) => v.some((x) => Math.abs(x) > 1e-6)) : [];
    this.drawText("axes", shown.map(([v]) => v.map((x) => 1.04 * x)), shown.map(([, t]) => t), shown.map(([, , c]) => c), this.textSize());
  }
  // In steps that are far apart: another size is another text, and that with every frame of a trajectory.
  textSize() {
    const size = 0.05 * this.extent() + 1;
    if (!this.text || Math.abs(size / this.text - 1) > 0.2) this.text = size;
    return this.text;
  }
  extent() {
    const { position } = this.data;
    let low = Infinity, high = -Infinity;
    for (const x of position) { if (x < low) low = x; if (x > high) high = x; }
    return Number.isFinite(high - low) ? high - low : 1;
  }
  drawText(name, points, text, colors, size, params = {}) {
    const key = JSON.stringify([text, size]), where = JSON.stringify(points), old = this.texts.get(name);
    if (old?.key === key && old.where === where) return;     // text costs more than all atoms
    const flat = Float32Array.from(points.flat());
    if (old?.key === key) { old.buffer.setAttributes({ position: flat }); old.where = where; this.viewer.requestRender(); return; }
    if (old) this.stage.removeComponent(old.component);
    this.texts.delete(name);
    if (!text.length) return;
    const n = text.length;
    const buffer = new this.NGL.TextBuffer(
      { position: flat, color: Float32Array.from(colors.flat()), size: new Float32Array(n).fill(size), text },
      { attachment: "middle-center", zOffset: 1.2, fontWeight: "bold", disablePicking: true, showBorder: true, borderColor: "white",
        borderWidth: 0.25, ...params });
    const shape = new this.NGL.Shape(name);
    shape.addBuffer(buffer);
    const component = this.stage.addComponentFromObject(shape);
    component.addRepresentation("buffer");
    this.texts.set(name, { component, buffer, key, where });
  }
  drawLabels() {
    const { labels } = this.data, { position, parent, image } = this.data, points = [], text = [], colors = [];
    if (labels) for (let i = 0; i < parent.length && text.length < 3000; i++) if (!image[i]) {
      points.push([...position.subarray(3 * i, 3 * i + 3)]);
      text.push(String(labels[parent[i]]).slice(0, 24));
      colors.push([0.1, 0.12, 0.14]);
    }
    const size = Math.min(2.6, 1.15 * this.textSize());      // legible from where all of it is seen
    this.drawText("labels", points, text, colors, size, { zOffset: 1.8, borderWidth: 0.2 });
  }
  select(atoms) {
    this.chosen = atoms;
    const wanted = new Set(atoms), { position, parent } = this.data, at = [];
    if (wanted.size) for (let i = 0; i < parent.length; i++) if (wanted.has(parent[i]) && this.size[i]) at.push(i);
    const xyz = new Float32Array(3 * at.length), color = new Float32Array(3 * at.length), radius = new Float32Array(at.length);
    at.forEach((i, j) => {
      xyz.set(position.subarray(3 * i, 3 * i + 3), 3 * j);
      color.set(MARK, 3 * j);                                   // an outline: the atom keeps its colour
      radius[j] = 1.16 * this.size[i] + 0.07;
    });
    this.halo.set(at.length, { position: xyz, color, radius });
  }
  measure({ points, text }) {
    const n = Math.max(0, points.length - 1), p1 = points.slice(0, n).flat(), p2 = points.slice(1).flat();
    const color = Float32Array.from(Array(n).fill(INK).flat());
    this.lines.set(n, { position1: Float32Array.from(p1), position2: Float32Array.from(p2), color, color2: color.slice(),
      radius: new Float32Array(n).fill(0.05) });
    this.label = n ? { text, at: points.reduce((sum, p) => sum.map((x, k) => x + p[k] / points.length), [0, 0, 0]) } : null;
    this.placeLabel();
  }
  // Text of the page, which is sharp at every distance, at a point of the drawing.
  placeLabel() {
    this.labelEl.hidden = !this.label;
    if (!this.label) return;
    const { full, width, height } = this.matrices(), [x, y] = carry(full, this.label.at);
    this.labelEl.textContent = this.label.text;
    this.labelEl.style.transform = `translate(${((x + 1) * width) / 2 + 10}px, ${((1 - y) * height) / 2 - 30}px)`;
  }

  // Fewer pixels while a trajectory is played, where the processor draws them.
  coarser() { if (this.slow) this.coarse(Math.max(0.5, 0.75 * (this.part ?? 1))); }
  coarse(part) {
    if (part === (this.part ?? 1)) return;
    this.part = part;
    const { renderer, width, height } = this.viewer;
    renderer.setPixelRatio(part * globalThis.devicePixelRatio);
    renderer.setSize(width, height);
    this.viewer.requestRender();
  }

  setLook(look) {
    this.look = { ...this.look, ...look };
    const background = look.background ?? this.look.background ?? "white";
    this.stage.setParameters({ backgroundColor: background, cameraType: this.look.projection ?? "perspective" });
  }
  redraw() { this.drawAtoms(); this.drawBonds(); this.drawCell(); this.drawLabels(); this.select(this.chosen); }

  // ---- camera: NGL looks along +z with x to the left -------------------------------------------------------
  view(name) {
    const unit = (v) => { const l = Math.hypot(...v); return v.map((x) => x / l); };
    const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
    const to = { top: [0, 0, 1], bottom: [0, 0, -1], front: [0, -1, 0], side: [1, 0, 0], oblique: unit([0.42, -1, 0.4]) }[name] ?? [0, 0, 1];
    const right = name === "top" ? [1, 0, 0] : name === "bottom" ? [-1, 0, 0] : unit(cross([0, 0, 1], to));
    const up = cross(to, right), { position, parent, edges, radius } = this.data;
    const dot = (v, a, i) => v[0] * a[i] + v[1] * a[i + 1] + v[2] * a[i + 2];
    const n = parent.length, points = [], axes = [right, up, to];   // along the picture's axes, with a radius
    for (let i = 0; i < n; i++) if (!this.size || this.size[i]) points.push([...axes.map((v) => dot(v, position, 3 * i)), this.sizeOf(radius[parent[i]])]);
    if (this.look.cell !== false) for (let i = 0; i < edges.length; i += 3) points.push([...axes.map((v) => dot(v, edges, i)), 0.4 * this.textSize()]);
    if (!points.length) points.push([0, 0, 0, 3]);
    const middle2 = [0, 1, 2].map((k) => {
      let low = Infinity, high = -Infinity;
      for (const p of points) { low = Math.min(low, p[k] - p[3]); high = Math.max(high, p[k] + p[3]); }
      return (low + high) / 2;
    });
    const middle = [0, 1, 2].map((k) => axes.reduce((sum, v, j) => sum + v[k] * middle2[j], 0));
    const tan = Math.tan((this.viewer.perspectiveCamera.fov * Math.PI) / 360), wide = (tan * this.viewer.width) / this.viewer.height;
    const deep = this.look.projection === "orthographic" ? 0 : 1;
    let z = 2;
    for (const [x, y, d, r] of points) {
      z = Math.max(z, (Math.abs(x - middle2[0]) + r) / wide + deep * (d - middle2[2]), (Math.abs(y - middle2[1]) + r) / tan + deep * (d - middle2[2]));
    }
    z *= 1.05;
    const m = new this.NGL.Matrix4(), [r, u, t] = [right, up, to];
    m.set(-r[0] * z, -r[1] * z, -r[2] * z, 0, u[0] * z, u[1] * z, u[2] * z, 0, -t[0] * z, -t[1] * z, -t[2] * z, 0, 0, 0, 0, 1);
    m.setPosition(new this.NGL.Vector3(...middle.map((x) => -x)));
    this.orient(m.elements);
  }
  orient(elements) { this.stage.viewerControls.orient(new this.NGL.Matrix4().fromArray(elements)); }
  orientation() { return [...this.stage.viewerControls.getOrientation().elements]; }

  // Model to pixel of the canvas, column by column; a test does the same arithmetic outside.
  matrices() {
    const { camera, modelGroup, scene, width, height } = this.viewer;
    scene.updateMatrixWorld(true);
    camera.updateMatrixWorld(true);
    const full = times(times(camera.projectionMatrix.elements, camera.matrixWorldInverse.elements), modelGroup.matrixWorld.elements);
    return { full, width, height };
  }

  // The first sphere on the ray through a pixel, then the nearer end of a bond, then a sphere a few pixels away.
  pick(x, y) {
    const { full, width, height } = this.matrices(), back = inverse(full);
    const at = (z, dx = 0) => carry(back, [(2 * (x + dx)) / width - 1, 1 - (2 * y) / height, z]);
    const start = at(-1), end = at(1), d = end.map((v, k) => v - start[k]), length = Math.hypot(...d);
    const o = start, u = d.map((v) => v / length);
    const near = this.hit(o, u, 0);
    if (near) return near;
    const p = at(0), q = at(0, 1), slack = CLICK_PX * Math.hypot(...p.map((v, k) => v - q[k]));
    return this.hitBond(o, u) ?? this.hit(o, u, slack);
  }
  hit(o, d, slack) {
    const { position, parent } = this.data;
    let best = Infinity, site = -1;
    for (let i = 0; i < parent.length; i++) {
      const x = position[3 * i] - o[0], y = position[3 * i + 1] - o[1], z = position[3 * i + 2] - o[2];
      const along = x * d[0] + y * d[1] + z * d[2], r = this.size[i] + slack, off = x * x + y * y + z * z - along * along;
      if (off > r * r || along < 0 || !this.size[i]) continue;
      const t = slack ? off : along - Math.sqrt(r * r - off);
      if (t < best) { best = t; site = i; }
    }
    return site < 0 ? null : { site, atom: parent[site] };
  }
  hitBond(o, d) {
    const { position, parent, bonds } = this.data, r = this.sticks.n ? this.sizeOfStick() : 0;
    const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    let best = Infinity, site = -1;
    if (r) for (let b = 0; b < bonds.length; b += 2) {
      const i = 3 * bonds[b], j = 3 * bonds[b + 1], u = [0, 1, 2].map((k) => position[j + k] - position[i + k]);
      const w = [0, 1, 2].map((k) => position[i + k] - o[k]), ud = dot(u, d), wd = dot(w, d);
      const s = Math.min(1, Math.max(0, (wd * ud - dot(w, u)) / (dot(u, u) - ud * ud || 1e-9))), t = wd + s * ud;
      const gap = Math.hypot(...w.map((v, k) => v + s * u[k] - t * d[k]));
      if (gap < r && t < best) { best = t; site = bonds[b + (s > 0.5 ? 1 : 0)]; }
    }
    return site < 0 ? null : { site, atom: parent[site] };
  }
  sizeOfStick() { return (this.look.style === "licorice" ? 0.19 : 0.1) * (this.look.size ?? 1); }
  image(factor = 2) { return this.stage.makeImage({ factor, antialias: true, trim: false, transparent: false }); }
}
