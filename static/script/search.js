// Search while typing: the results take the place of what the page lists, and the address is that of the search.

const searchPause = 150;

const prepareSearch = (form) => {
  const field = form.elements.q;
  const region = document.querySelector("#results");
  if (region === null) return;
  const start = { address: location.pathname + location.search, title: document.title, nodes: [...region.childNodes] };
  let shown = form.action === location.origin + location.pathname ? new URLSearchParams(new FormData(form)).toString() : "";
  let waiting;
  let running;

  const showStart = () => {
    region.replaceChildren(...start.nodes);
    history.replaceState(history.state, "", start.address);
    document.title = start.title;
  };
  const search = async () => {
    const query = new URLSearchParams(new FormData(form)).toString();
    if (query === shown) return;
    running?.abort();
    running = new AbortController();
    if (field.value.trim() === "" && start.address.split("?")[0] !== "/search") {
      shown = "";
      showStart();
      return;
    }
    const address = `${form.getAttribute("action")}?${query}`;
    try {
      const answer = await fetch(address, { headers: { Accept: "text/x-fragment" }, signal: running.signal, redirect: "error" });
      // Without an answer of this kind the button still leads to the page, which says why.
      if (!answer.ok) return;
      const results = document.createRange().createContextualFragment(await answer.text());
      region.replaceChildren(results);
      shown = query;
      history.replaceState(history.state, "", address);
      document.title = field.value.trim() === "" ? start.title : `“${field.value.trim()}” · Pigeonhole`;
    } catch {
      // The next letter or the button tries again.
    }
  };
  form.addEventListener("input", (event) => {
    if (event.isComposing) return;
    clearTimeout(waiting);
    waiting = setTimeout(search, searchPause);
  });
  field.addEventListener("compositionend", () => {
    clearTimeout(waiting);
    waiting = setTimeout(search, searchPause);
  });
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest?.("input, textarea, select, [contenteditable]") !== null;
    if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    field.focus();
    field.select();
  });
};
