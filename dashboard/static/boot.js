// Starts the page's program. A file of its own because the page's policy allows no inline script.
import init from "/afterglow.js";

init({ module_or_path: "/afterglow_bg.wasm" }).catch((error) => {
  const page = document.getElementById("page");
  page.textContent = "The dashboard could not be started. It needs a browser with WebAssembly.";
  page.className = "notice";
  console.error(error);
});
