// Replaces only the parts of a page that changed: no flicker, and scroll positions, focus and open details are kept.
const isBeingUsed = (part) => part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea, button");

const keepOpen = (part, fresh) => {
  for (const details of part.querySelectorAll("[id] > details[open], details[id][open]")) {
    const id = details.id || details.parentElement.id;
    const twin = fresh.querySelector(`#${CSS.escape(id)}`);
    const target = twin?.matches("details") ? twin : twin?.querySelector("details");
    if (target) target.open = true;
  }
};

const focusedIn = (part) => {
  const focused = document.activeElement;
  if (!part.contains(focused)) return null;
  return [...part.querySelectorAll("a, summary, [tabindex]")].indexOf(focused);
};

const swap = (part, fresh) => {
  keepOpen(part, fresh);
  if (part.innerHTML === fresh.innerHTML) return;
  const focusedIndex = focusedIn(part);
  const scrolled = [...part.querySelectorAll(".table-scroll, .picture-scroll")].map((box) => box.scrollLeft);
  part.replaceChildren(...fresh.childNodes);
  part.querySelectorAll(".table-scroll, .picture-scroll").forEach((box, index) => { box.scrollLeft = scrolled[index] ?? 0; });
  if (focusedIndex !== null && focusedIndex >= 0) part.querySelectorAll("a, summary, [tabindex]")[focusedIndex]?.focus({ preventScroll: true });
};

const refresh = async () => {
  if (document.hidden) return;
  const parts = [...document.querySelectorAll("[data-part]")];
  if (parts.length === 0 || parts.some(isBeingUsed)) return;
  const address = new URL(location.href);
  address.searchParams.delete("done");
  const answer = await fetch(address, { headers: { accept: "text/html" } });
  if (!answer.ok || answer.redirected) throw new Error(`answered ${answer.status}`);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of parts) {
    const fresh = page.querySelector(`[data-part="${CSS.escape(part.dataset.part)}"]`);
    if (fresh) swap(part, fresh);
  }
};

const tools = document.querySelector("[data-refresh]");
const every = document.querySelector("[data-refresh-every]");
if (tools && every && document.querySelector("[data-part]")) {
  tools.hidden = false;
  const kept = sessionStorage.getItem("refresh-every");
  if (kept !== null && [...every.options].some((option) => option.value === kept)) every.value = kept;
  every.addEventListener("change", () => sessionStorage.setItem("refresh-every", every.value));
  let last = Date.now();
  let running = false;
  setInterval(async () => {
    const seconds = Number(every.value);
    if (seconds === 0 || running || Date.now() - last < seconds * 1000) return;
    running = true;
    try {
      await refresh();
      document.body.classList.remove("is-stale");
    } catch {
      document.body.classList.add("is-stale");
    }
    last = Date.now();
    running = false;
  }, 500);
}

// Shows a block's description beside the map, as a tooltip cannot be reached with a keyboard.
const detail = () => document.querySelector("[data-map-detail]");
const showDetail = (event) => {
  const block = event.target.closest?.(".shard-map a");
  const target = detail();
  if (!block || !target) return;
  target.hidden = false;
  target.textContent = block.getAttribute("aria-label");
};
document.addEventListener("pointerover", showDetail);
document.addEventListener("focusin", showDetail);

// A link from a block of the map opens the row that it leads to.
const openTarget = () => {
  const target = location.hash.length > 1 ? document.getElementById(location.hash.slice(1)) : null;
  const details = target?.querySelector("details");
  if (details) details.open = true;
};
addEventListener("hashchange", openTarget);
openTarget();
