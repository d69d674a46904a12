// All that a view itself brings: a page keeps the code of every widget for ever, so the rest comes once for all of them.
const shared = (globalThis.__mi_structures ??= { pages: new Set() });
const WAIT_S = 600;  // while other cells run, the kernel answers nobody

function load(model) {
  return (shared[VERSION] ??= new Promise((resolve, reject) => {
    const fail = (text) => { delete shared[VERSION]; clearTimeout(timer); model.off("msg:custom", listen); reject(new Error(text)); };
    const timer = setTimeout(() => fail("The kernel does not answer. Run the cell again."), 1000 * WAIT_S);
    const listen = (msg, buffers) => {
      if (msg.k !== "page") return;
      clearTimeout(timer);
      model.off("msg:custom", listen);
      const url = URL.createObjectURL(new Blob([buffers[0]], { type: "text/javascript" }));
      import(url).then((code) => resolve(code.render), (error) => fail(error.message)).finally(() => URL.revokeObjectURL(url));
    };
    model.on("msg:custom", listen);
    try { model.send({ k: "need-page" }); } catch { fail("The kernel of this view is gone. Run the cell again."); }
  }));
}

function render({ model, el }) {
  let close, gone = false;
  const waiting = setTimeout(() => { el.textContent = "Waiting for the kernel …"; }, 1500);
  load(model).finally(() => { clearTimeout(waiting); el.textContent = ""; }).then(
    (draw) => { if (!gone) close = draw({ model, el }); }, (error) => { el.textContent = error.message; });
  return () => { gone = true; clearTimeout(waiting); close?.(); };
}

export default { render };
