// A browser opens six connections to one address, and a page that listens holds one of them, even in the memory of the back
// button. So only the page that is looked at listens; one that is looked at again fetches its parts anew and listens again.
const listening = new Set();

function stop() {
  listening.forEach((source) => source.close());
  listening.clear();
}

document.addEventListener("htmx:sseOpen", (event) => listening.add(event.detail.source));
window.addEventListener("pagehide", stop);
window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") return stop();
  document.querySelectorAll('[hx-trigger="sse:changed"]').forEach((part) => htmx.trigger(part, "sse:changed"));
});
