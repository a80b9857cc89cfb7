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

// Ask a control route. Its answer, or an Error with words that a person can read.
export async function ask(path, body, method = "POST") {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Error("The simulator cannot be reached. Try again.");
  }
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.message);
  return answer;
}

// An element with a class and text; text is never read as HTML.
export function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}
