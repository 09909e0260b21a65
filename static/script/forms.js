const kibibyte = 1024;
const shareOfLimitWorthShowing = 0.9;
const encoder = new TextEncoder();

// A request that was stopped or never arrived must not lock its form for ever.
const sendingTimeout = 10_000;

const sendOnce = (form) => {
  form.addEventListener("submit", (event) => {
    if (form.classList.contains("is-sending")) {
      event.preventDefault();
      return;
    }
    form.classList.add("is-sending");
    setTimeout(() => form.classList.remove("is-sending"), sendingTimeout);
  });
};

// A page that is restored from the back-forward cache would otherwise refuse to send its form again.
const allowSendingAgain = () => {
  for (const form of document.querySelectorAll(".is-sending")) form.classList.remove("is-sending");
};

const submitFromKeyboard = (form) => {
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit(form.querySelector("[type=submit]"));
  });
};

const tooLong = "A note holds up to 256 KiB. Shorten it, or split it into several notes.";

const countBytes = (textarea) => {
  const limit = Number(textarea.dataset.byteLimit);
  const count = document.createElement("p");
  count.className = "byte-count";
  count.setAttribute("role", "status");
  textarea.after(count);

  const update = () => {
    // No character takes more than three bytes per UTF-16 unit: short texts need no counting.
    const nearLimit = textarea.value.length * 3 > limit * shareOfLimitWorthShowing;
    const bytes = nearLimit ? encoder.encode(textarea.value).length : 0;
    const shown = bytes > limit * shareOfLimitWorthShowing;
    count.textContent = shown ? `${Math.ceil(bytes / kibibyte)} of ${limit / kibibyte} KiB` : "";
    count.classList.toggle("byte-count-over", bytes > limit);
    textarea.setCustomValidity(bytes > limit ? tooLong : "");
  };
  textarea.addEventListener("input", update);
  update();
};

const growWithText = (textarea) => {
  if (CSS.supports("field-sizing", "content")) return;
  const atLeast = textarea.rows;
  const atMost = 30;
  const update = () => {
    const lines = textarea.value.split("\n").length + 1;
    textarea.rows = Math.min(Math.max(lines, atLeast), Math.max(atMost, atLeast));
  };
  textarea.addEventListener("input", update);
  update();
};

const holdsUnsavedText = (form) => {
  if (form.classList.contains("is-sending")) return false;
  if ("unsaved" in form.dataset) return true;
  return [...form.elements].some((field) => field.defaultValue !== undefined && field.type !== "hidden" && field.value !== field.defaultValue);
};

const warnBeforeLeaving = (forms) => {
  window.addEventListener("beforeunload", (event) => {
    // Browsers log an error when a page asks before the user has interacted with it.
    if (navigator.userActivation?.hasBeenActive === false) return;
    if (forms.some(holdsUnsavedText)) event.preventDefault();
  });
};

const prepareForm = (form) => {
  if ("submitOnce" in form.dataset) sendOnce(form);
  form.querySelectorAll("textarea[data-byte-limit]").forEach((textarea) => {
    countBytes(textarea);
    growWithText(textarea);
  });
  if ("note" in form.dataset) submitFromKeyboard(form);
};
