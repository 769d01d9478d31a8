// The reader's theme, before anything is drawn in another one; src/view/theme.rs keeps it.
try {
  document.documentElement.dataset.theme = localStorage.getItem("afterglow.theme") ?? "system";
} catch {
  // Where nothing can be kept, the system's theme is shown.
}

// The program first asks for the reader's zone. That takes tens of milliseconds the first time, and is done here while the
// program is on its way.
setTimeout(() => new Intl.DateTimeFormat());
