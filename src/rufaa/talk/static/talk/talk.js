// A file that is too large is told of before it is sent, and a form that sends a file says that it does.
"use strict";
(() => {
  document.addEventListener("change", (event) => {
    const field = event.target;
    if (!field.matches("input[type=file][data-most-mb]")) return;
    const most = Number(field.dataset.mostMb) * 1024 * 1024;
    const large = [...field.files].some((file) => file.size > most);
    field.setCustomValidity(large ? field.dataset.tooLarge : "");
    if (large) field.reportValidity();
  });

  document.addEventListener("submit", (event) => {
    const button = event.target.querySelector("button[data-busy]");
    if (!button || event.defaultPrevented) return;
    button.dataset.ready = button.textContent;
    button.textContent = button.dataset.busy;
    button.setAttribute("aria-disabled", "true");
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "yes";
  });

  // back from the next page, or stopped half-way
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
      const button = form.querySelector("button[data-busy]");
      button.textContent = button.dataset.ready;
      button.removeAttribute("aria-disabled");
    }
  });
})();
