// A file that is too large is told of before it is sent, and a form that sends a file says that it does.
"use strict";
(() => {
  const ready = (button) => {
    if (button && button.dataset.ready) button.textContent = button.dataset.ready;
  };

  document.addEventListener("change", (event) => {
    const field = event.target;
    if (!field.matches("input[type=file][data-most-mb]")) return;
    ready(field.form.querySelector("button[data-busy]"));
    const most = Number(field.dataset.mostMb) * 1024 * 1024;
    const large = [...field.files].some((file) => file.size > most);
    field.setCustomValidity(large ? field.dataset.tooLarge : "");
    if (large) field.reportValidity();
  });

  document.addEventListener("submit", (event) => {
    const button = event.target.querySelector("button[data-busy]");
    if (!button) return;
    button.dataset.ready = button.dataset.ready || button.textContent;
    button.textContent = button.dataset.busy;
  });

  // back from the page that it led to
  addEventListener("pageshow", () => document.querySelectorAll("button[data-ready]").forEach(ready));
})();
