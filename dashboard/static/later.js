// Loads the module of what a live board does not need. `xtask` writes `__wasm_split.js`, which calls `prepare` and `load`.
let program;
let module;
let isGone = false;

/** The program runs; these are its exports. */
export function runs(exports) {
  program = exports;
}

/** Has the module at `address` loaded as soon as the reader does anything, so that it is here when it is needed. */
export function prepare(address) {
  for (const kind of ["pointermove", "keydown"]) addEventListener(kind, () => compiled(address), { once: true, passive: true });
}

/** Links the module at `address` to the program, then calls the function at the place `callback` of its table with `data`. */
export async function load(address, callback, data) {
  for (;;) {
    const loaded = await compiled(address);
    if (loaded) {
      await WebAssembly.instantiate(loaded, { __wasm_split: program });
      program.__indirect_function_table.get(callback)(data, 1);
      return;
    }
    // The server has another version by now, and of this one only what is here.
    if (isGone) return location.reload();
    module = undefined;
    await new Promise((resolve) => setTimeout(resolve, 2_000));
  }
}

/** The module, or nothing when it cannot be had. */
function compiled(address) {
  module ??= fetch(address)
    .then((response) => {
      isGone = response.status === 404;
      return response.ok ? WebAssembly.compileStreaming(response) : undefined;
    })
    .catch(() => undefined);
  return module;
}
