// Server-Sent Events of a page. Nothing is asked while the page is hidden: then the server need not look at programs.

/** How long a page may be hidden before its stream is closed, and how long to wait after the server refused one. */
const HIDDEN_MS = 5_000;
const AGAIN_MS = 5_000;

/**
 * Calls `onData` with the JSON of each event, and `onState` with 'live', 'waits' or 'paused' when that changes.
 * Returns a function that ends it.
 */
export function listen(address, onData, onState = () => {}) {
  let source = null;
  let timer = 0;
  let hasEnded = false;

  function close() {
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  function open() {
    close();
    if (hasEnded) return;
    source = new EventSource(address);
    source.addEventListener('message', (event) => {
      onState('live');
      onData(JSON.parse(event.data));
    });
    source.addEventListener('error', () => {
      onState('waits');
      // The browser connects again by itself unless the server answered with an error.
      if (source?.readyState === EventSource.CLOSED) timer = setTimeout(open, AGAIN_MS);
    });
  }

  document.addEventListener('visibilitychange', () => {
    clearTimeout(timer);
    if (document.hidden) {
      timer = setTimeout(() => { close(); onState('paused'); }, HIDDEN_MS);
    } else if (!source) {
      open();
    }
  });
  addEventListener('pagehide', close);
  addEventListener('pageshow', (event) => { if (event.persisted) open(); });
  open();
  return () => { hasEnded = true; close(); };
}
