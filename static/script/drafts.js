// The text of a note is kept in this browser while it is typed, until the server says that it was saved. It is
// kept under the user and the form's number, so two forms never share a draft.

const draftPrefix = "pigeonhole.draft.";
const owner = document.body.dataset.owner;
const ownPrefix = `${draftPrefix}${owner}.`;
const sentDraft = "pigeonhole.sent";
const loggedOut = "pigeonhole.logged-out";
const connectionTimeout = 20_000;
const savingPause = 400;
const draftLifetime = 30 * 24 * 60 * 60 * 1000;

// A browser may refuse to store anything, or be full.
const stored = (action, otherwise) => {
  try {
    return action();
  } catch {
    return otherwise;
  }
};

const parseDraft = (text) => {
  const draft = stored(() => JSON.parse(text), null);
  return typeof draft?.content === "string" && typeof draft.once === "string" ? draft : null;
};

const draftKey = (draft) => ownPrefix + draft.once;
const removeDraft = (draft) => stored(() => localStorage.removeItem(draftKey(draft)));
const writeDraft = (draft) => stored(() => localStorage.setItem(draftKey(draft), JSON.stringify(draft)));

// Newest first.
const allDrafts = () => stored(() => {
  const keys = Object.keys(localStorage).filter((key) => key.startsWith(ownPrefix));
  const drafts = keys.map((key) => parseDraft(localStorage.getItem(key))).filter((draft) => draft !== null);
  return drafts.sort((one, other) => other.at - one.at);
}, []);

const removeOldDrafts = () => stored(() => {
  for (const key of Object.keys(localStorage).filter((key) => key.startsWith(draftPrefix))) {
    const at = parseDraft(localStorage.getItem(key))?.at ?? 0;
    if (at < Date.now() - draftLifetime) localStorage.removeItem(key);
  }
});

const field = (form, name) => form.elements.namedItem(name);
// A form that came back from a request without a number gets one.
const ensureNumber = (form) => {
  const once = field(form, "once");
  if (once.value === "") once.value = [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
};
const draftOf = (form) => ({
  note: form.dataset.note,
  once: field(form, "once").value,
  version: field(form, "version")?.value ?? "",
  title: field(form, "title").value,
  content: field(form, "content").value,
  isSent: "sent" in form.dataset,
  at: Date.now(),
});
const hasSameText = (one, other) => one.title === other.title && one.content === other.content;
const hasText = (draft) => draft.title.trim() !== "" || draft.content.trim() !== "";

const isTyped = (form) => "unsaved" in form.dataset
  || ["title", "content"].some((name) => field(form, name).value !== field(form, name).defaultValue);

const keepDraft = (form) => {
  const draft = draftOf(form);
  if (isTyped(form) && hasText(draft)) {
    writeDraft(draft);
  } else {
    removeDraft(draft);
  }
};

const keepWhileTyping = (form) => {
  let timer = 0;
  const keepNow = () => {
    clearTimeout(timer);
    timer = 0;
    keepDraft(form);
  };
  form.addEventListener("input", () => {
    timer ||= setTimeout(keepNow, savingPause);
  });
  form.addEventListener("submit", () => {
    form.dataset.sent = "";
    keepNow();
    stored(() => sessionStorage.setItem(sentDraft, JSON.stringify(draftOf(form))));
  });
  // A closed tab and a phone that puts the browser away send nothing but these.
  document.addEventListener("visibilitychange", () => {
    if (timer !== 0) keepNow();
  });
  window.addEventListener("pagehide", () => {
    if (timer !== 0) keepNow();
  });
  if ("unsaved" in form.dataset) keepNow();
};

const fillIn = (form, draft) => {
  field(form, "title").value = draft.title;
  field(form, "content").value = draft.content;
  // A text that was sent keeps its number, so that the server knows it if it came through. Another one may still be
  // in an open window, under its own number.
  if (draft.isSent || field(form, "once").value === "") {
    field(form, "once").value = draft.once;
    form.dataset.sent = "";
  } else {
    removeDraft(draft);
  }
  const version = field(form, "version");
  if (version !== null && draft.version !== "") version.value = draft.version;
  form.dataset.unsaved = "";
  field(form, "content").dispatchEvent(new Event("input", { bubbles: true }));
};

const element = (name, properties, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};
const button = (text, action) => {
  const made = element("button", { type: "button", className: "button", textContent: text });
  made.addEventListener("click", action);
  return made;
};

const timeOf = (draft) => new Date(draft.at).toLocaleString(document.documentElement.lang || undefined, {
  dateStyle: "medium",
  timeStyle: "short",
});
const nameOf = (draft) => {
  const name = draft.title.trim() || draft.content.trim().split("\n", 1)[0];
  return name.length > 60 ? `${name.slice(0, 60)}…` : name;
};

// A draft of this form from before. Taking it swaps it with what is in the form, so neither is lost.
const offerDraft = (form, draft) => {
  const version = field(form, "version")?.value ?? "";
  const isOlder = draft.version !== "" && draft.version !== version;
  const notice = element("div", { className: "flash flash-info kept-draft" });
  notice.setAttribute("role", "status");
  const take = () => {
    const current = draftOf(form);
    const isSwapped = isTyped(form) && hasText(current);
    fillIn(form, draft);
    if (isSwapped) {
      const other = draft.isSent ? current : { ...current, once: draft.once };
      writeDraft(other);
      offerDraft(form, other);
    }
    keepDraft(form);
    notice.remove();
    field(form, "content").focus();
  };
  const discard = () => {
    removeDraft(draft);
    notice.remove();
  };
  notice.append(
    element("p", { textContent: `This browser kept text of ${timeOf(draft)} that was not saved: “${nameOf(draft)}”.` }),
    ...(isOlder ? [element("p", { textContent: "The note was changed since. Saving merges both." })] : []),
    element("p", { className: "actions" }, button("Use this text", take), button("Discard", discard)),
  );
  form.before(notice);
};

const offerDrafts = (form) => {
  const shown = draftOf(form);
  for (const draft of allDrafts()) {
    if (draft.note !== shown.note || draft.once === shown.once) continue;
    if (hasSameText(draft, shown)) {
      removeDraft(draft);
    } else {
      offerDraft(form, draft);
    }
  }
};

// On other pages than those with a form for them.
const listDrafts = () => {
  const list = document.querySelector("[data-lists-drafts]");
  const own = document.querySelector("form[data-note]")?.dataset.note;
  const drafts = allDrafts().filter((draft) => draft.note !== own);
  if (list === null || drafts.length === 0) return;
  const lines = drafts.map((draft) => {
    const address = draft.note === "new" ? "/notes/new" : `/notes/${draft.note}/edit`;
    const link = element("a", { href: address, textContent: nameOf(draft) });
    return element("li", {}, link, ` ${timeOf(draft)}`);
  });
  const text = element("p", { textContent: "This browser kept text that was not saved:" });
  const notice = element("div", { className: "flash flash-info kept-draft" }, text, element("ul", {}, ...lines));
  notice.setAttribute("role", "status");
  list.before(notice);
};

// The page of an error has no text. The one that was sent last, or that belongs to the page's note, is shown.
const showKeptText = () => {
  const template = document.getElementById("kept-text");
  if (template === null) return;
  const sent = lastSent()?.once;
  const note = location.pathname.match(/^\/notes\/(\d+)/)?.[1];
  const draft = allDrafts().find((draft) => draft.once === sent || draft.note === note);
  if (draft === undefined) return;
  template.replaceWith(template.content);
  const form = document.querySelector("form[data-note]");
  form.dataset.note = draft.note;
  if (draft.note === "new") {
    form.querySelector("[formaction]").remove();
  } else {
    form.action = `/notes/${draft.note}`;
  }
  fillIn(form, draft);
};

const lastSent = () => parseDraft(stored(() => sessionStorage.getItem(sentDraft), null));

// What was typed after the form was sent stays.
const forgetSavedDraft = () => {
  const saved = document.querySelector("[data-saved]")?.dataset.saved;
  const sent = lastSent();
  if (saved === undefined || sent?.once !== saved) return;
  const kept = allDrafts().find((draft) => draft.once === saved);
  if (kept !== undefined && hasSameText(kept, sent)) removeDraft(kept);
};

// The page after a logout has another user or none. Only then the texts of the one who left are deleted.
const forgetAfterLogout = () => {
  const prefix = stored(() => sessionStorage.getItem(loggedOut), null);
  if (prefix === null) return;
  stored(() => sessionStorage.removeItem(loggedOut));
  if (owner !== undefined && prefix === ownPrefix) return;
  stored(() => {
    for (const key of Object.keys(localStorage)) if (key.startsWith(prefix)) localStorage.removeItem(key);
  });
};

const askAtLogout = (form) => {
  let isAsked = false;
  form.addEventListener("submit", (event) => {
    const drafts = allDrafts();
    if (isAsked || drafts.length === 0) {
      stored(() => sessionStorage.setItem(loggedOut, ownPrefix));
      return;
    }
    event.preventDefault();
    isAsked = true;
    form.classList.remove("is-sending");
    const names = drafts.map((draft) => `“${nameOf(draft)}”`).join(", ");
    const notice = element("p", { className: "flash flash-error" });
    notice.setAttribute("role", "alert");
    notice.textContent = `Not saved yet: ${names}. Log out again to delete this text from this browser.`;
    document.getElementById("main").prepend(notice);
    notice.scrollIntoView({ block: "nearest" });
  });
};

// Without a connection the browser would show a page of its own in place of the text.
const sendOnlyWhenConnected = (form) => {
  let isConnected = false;
  let lastCheck = 0;
  form.addEventListener("submit", (event) => {
    if (event.defaultPrevented || isConnected) return;
    event.preventDefault();
    const { submitter } = event;
    form.querySelector(".not-connected")?.remove();
    lastCheck += 1;
    const check = lastCheck;
    const signal = AbortSignal.timeout(connectionTimeout);
    fetch("/livez", { method: "HEAD", cache: "no-store", signal }).then(() => {
      if (check !== lastCheck) return;
      isConnected = true;
      form.classList.remove("is-sending");
      form.requestSubmit(submitter);
      isConnected = false;
    }, () => {
      if (check !== lastCheck) return;
      form.classList.remove("is-sending");
      const notice = element("p", { className: "flash flash-error not-connected" });
      notice.setAttribute("role", "alert");
      const isKept = allDrafts().some((draft) => draft.once === field(form, "once").value);
      notice.textContent = isKept
        ? "There is no connection to the server. Your text is kept in this browser; save it when you are connected again."
        : "There is no connection to the server, and this browser cannot keep your text. Leave this page open, and save when you are connected again.";
      form.append(notice);
    });
  });
};
