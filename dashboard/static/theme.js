// The reader's theme, before anything is drawn in another one; src/view/theme.rs keeps it.
try {
  document.documentElement.dataset.theme = localStorage.getItem("afterglow.theme") ?? "system";
} catch {
  // Where nothing can be kept, the system's theme is shown.
}
