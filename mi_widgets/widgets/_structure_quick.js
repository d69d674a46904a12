// Where the processor draws in place of a graphics card; asked once, for a page may have only a few contexts.
const isSlow = () => (globalThis.__mi_structures.slow ??= findSlow());
function findSlow() {
  const gl = document.createElement("canvas").getContext("webgl"), info = gl?.getExtension("WEBGL_debug_renderer_info");
  const name = String((info && gl.getParameter(info.UNMASKED_RENDERER_WEBGL)) ?? "");
  gl?.getExtension("WEBGL_lose_context")?.loseContext();
  return /swiftshader|llvmpipe|software|basic render/i.test(name);
}
// Smooth edges cost more there than all the rest.
function withoutSmoothing(slow, make) {
  const proto = HTMLCanvasElement.prototype, real = proto.getContext;
  if (!slow) return make();
  proto.getContext = function (kind, more) { return real.call(this, kind, String(kind).includes("webgl") ? { ...more, antialias: false } : more); };
  try { return make(); } finally { proto.getContext = real; }
}

// NGL's spheres and cylinders are lit by a physical model, hidden ones too, which takes two thirds of a picture's time.
// The same light from the same side in a few lines; a version of NGL that is written otherwise is left as it is.
const LIGHT = `
vec3 n = normalize( vNormal ), toEye = normalize( vViewPosition ), toLight = toEye, light = vec3( 0.95 );
#if NUM_SPOT_LIGHTS > 0
toLight = normalize( spotLights[ 0 ].position + vViewPosition );
light = spotLights[ 0 ].color;
#elif NUM_DIR_LIGHTS > 0
toLight = directionalLights[ 0 ].direction;
light = directionalLights[ 0 ].color;
#endif
float shine = pow( max( dot( n, normalize( toLight + toEye ) ), 0.0 ), 110.0 );
vec3 outgoingLight = diffuseColor.rgb * ( ambientLightColor + light * max( dot( n, toLight ), 0.0 ) ) + 0.38 * shine * light;`;
function lightSimply(group) {
  group?.traverse((part) => {
    const code = part.material?.fragmentShader ?? "", from = code.indexOf("float roughnessFactor"), to = code.indexOf("vec3 outgoingLight");
    if (from < 0 || to < from || !code.includes("ambientLightColor")) return;
    part.material.fragmentShader = code.slice(0, from) + LIGHT + code.slice(code.indexOf(";", to) + 1);
    part.material.needsUpdate = true;
  });
}
