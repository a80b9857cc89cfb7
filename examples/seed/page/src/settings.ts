// Where Rufaa is, and who one is. `?url=…` and `?token=…` in the page's address win over what it was built with.

const asked = new URLSearchParams(window.location.search);

export const address: string = asked.get("url") ?? import.meta.env.VITE_RUFAA_URL ?? "http://127.0.0.1:8000";

/** A token of an administrator. Without one the demo's administrator is named in every call. */
export const token: string | null = asked.get("token") ?? import.meta.env.VITE_RUFAA_TOKEN ?? null;

export const who: { demoUserId?: string } = token ? {} : { demoUserId: "admin" };
