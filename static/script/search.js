// Search while typing: the results take the place of what the page lists, and the address is that of the search.

const searchPause = 150;

const prepareSearch = (form) => {
  const field = form.elements.q;
  const region = document.querySelector("#results");
  if (region === null) return;
  const start = { address: location.pathname + location.search, title: document.title, nodes: [...region.childNodes] };
  let shown = form.action === location.origin + location.pathname ? new URLSearchParams(new FormData(form)).toString() : "";
  const status = form.querySelector("[role='status']");
  let waiting;
  let running;

  const showStart = () => {
    region.replaceChildren(...start.nodes);
    history.replaceState(history.state, "", start.address);
    document.title = start.title;
  };
  // The page of the button says why.
  const showFailure = () => {
    const message = document.createElement("p");
    message.textContent = "The results could not be loaded. Press Search to try again.";
    region.replaceChildren(message);
    status.textContent = message.textContent;
    shown = undefined;
  };
  const search = async () => {
    const query = new URLSearchParams(new FormData(form)).toString();
    running?.abort();
    if (query === shown) return;
    running = new AbortController();
    if (field.value.trim() === "" && start.address.split("?")[0] !== "/search") {
      shown = "";
      showStart();
      return;
    }
    const address = `${form.getAttribute("action")}?${query}`;
    try {
      const answer = await fetch(address, { headers: { Accept: "text/x-fragment" }, signal: running.signal, redirect: "error" });
      if (!answer.ok) return showFailure();
      const results = document.createRange().createContextualFragment(await answer.text());
      region.replaceChildren(results);
      status.textContent = region.querySelector("[data-status]")?.textContent ?? "";
      shown = query;
      history.replaceState(history.state, "", address);
      document.title = field.value.trim() === "" ? start.title : `“${field.value.trim()}” · Pigeonhole`;
    } catch (error) {
      if (error.name !== "AbortError") showFailure();
    }
  };
  form.addEventListener("input", () => {
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
