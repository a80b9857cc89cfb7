// Passkeys: <form data-passkey="create|get" data-options="id of the options" | data-from="address of the options">.
// The browser asks the device; what it answers goes into the form's "credential", and the form to the server.
"use strict";
(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (each) => each.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  function unpacked(options) {
    const asked = options.publicKey;
    asked.challenge = bytes(asked.challenge);
    if (asked.user) asked.user.id = bytes(asked.user.id);
    for (const list of [asked.excludeCredentials, asked.allowCredentials]) for (const each of list || []) each.id = bytes(each.id);
    return options;
  }

  function packed(credential) {
    const answer = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (credential.response[name]) answer[name] = text(credential.response[name]);
    }
    return JSON.stringify({
      id: credential.id, rawId: text(credential.rawId), type: credential.type, response: answer,
      authenticatorAttachment: credential.authenticatorAttachment, clientExtensionResults: credential.getClientExtensionResults(),
    });
  }

  async function options(form) {
    if (form.dataset.options) return JSON.parse(document.getElementById(form.dataset.options).textContent);
    const answer = await fetch(form.dataset.from, {headers: {Accept: "application/json"}});
    return (await answer.json()).request_options;
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target, way = form.dataset.passkey;
    if (!way) return;
    event.preventDefault();
    const trouble = form.querySelector("[data-passkey-trouble]"), button = form.querySelector("button");
    button.disabled = true;
    trouble.hidden = true;
    try {
      form.elements.credential.value = packed(await navigator.credentials[way](unpacked(await options(form))));
      form.submit();
    } catch (error) {
      trouble.hidden = false;
      button.disabled = false;
    }
  });

  // where a browser knows no passkeys, none is offered
  if (!window.PublicKeyCredential) for (const each of document.querySelectorAll("[data-passkey-offer]")) each.hidden = true;
})();
