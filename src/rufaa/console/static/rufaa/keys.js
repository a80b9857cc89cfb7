// Keys of the work list: / to find, n for a new referral, j and k (or arrows) from row to row, Enter opens.
// Whoever dictates or slips can switch them off; that is remembered here.
"use strict";
(() => {
  const KEEP = "rufaa-keys";
  const on = () => localStorage.getItem(KEEP) !== "off";

  function tell() {
    const line = document.getElementById("keys");
    if (!line) return;
    line.hidden = false;
    line.querySelector("span").textContent = on() ? line.dataset.on : line.dataset.off;
  }

  function step(by) {
    const rows = [...document.querySelectorAll("a.row")];
    if (!rows.length) return;
    const at = rows.indexOf(document.activeElement);
    rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by))].focus();
  }

  document.addEventListener("click", (event) => {
    if (!event.target.closest("#keys button")) return;
    localStorage.setItem(KEEP, on() ? "off" : "on");
    tell();
  });
  document.addEventListener("keydown", (event) => {
    if (!on() || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const busy = event.target.closest("input, textarea, select, [contenteditable]");
    if (busy) {
      if (event.key === "ArrowDown" && event.target.id === "q") { event.preventDefault(); step(1); }
      return;
    }
    const steps = {j: 1, ArrowDown: 1, k: -1, ArrowUp: -1};
    if (event.key in steps && (event.key.length === 1 || event.target.closest("a.row"))) {
      event.preventDefault();
      step(steps[event.key]);
      return;
    }
    const aim = [...document.querySelectorAll("[data-key]")].find((each) => each.dataset.key === event.key);
    if (!aim) return;
    event.preventDefault();
    if (aim.matches("input")) { aim.focus(); aim.select(); } else aim.click();
  });
  document.addEventListener("htmx:after:swap", tell);
  tell();
})();
