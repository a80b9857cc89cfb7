// The server sends the whole picture whenever it changes; the browser reconnects by itself.

export function follow(url, show, linked = () => {}) {
  const stream = new EventSource(url);
  stream.onopen = () => linked(true);
  stream.onmessage = (event) => show(JSON.parse(event.data));
  stream.onerror = () => {
    linked(false);
    if (stream.readyState === EventSource.CLOSED) {  // refused outright, for instance by a proxy: try again later
      setTimeout(() => follow(url, show, linked), 3000);
    }
  };
}

// 254708374149 → 0708 374 149
export function local(phone) {
  return `0${phone.slice(3, 6)} ${phone.slice(6, 9)} ${phone.slice(9)}`;
}

// An element with a class and text; text is never read as HTML.
export function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}
