// The field for the text of a note: formatting by buttons and keys, lists that go on, a preview, the number of words.

const listItem = /^(\s*)([-*+]|\d+[.)])( \[[ xX]\])?( +)(.*)$/;
const previewPause = 300;

const lineAround = (textarea) => {
  const { value, selectionStart } = textarea;
  const start = value.lastIndexOf("\n", selectionStart - 1) + 1;
  const end = value.indexOf("\n", selectionStart);
  return { start, end: end === -1 ? value.length : end };
};

// execCommand is the only way that keeps the browser's own undo; where it is gone, the text is set.
const replaceRange = (textarea, start, end, text) => {
  textarea.focus();
  textarea.setSelectionRange(start, end);
  const isDone = text === "" ? document.execCommand("delete") : document.execCommand("insertText", false, text);
  if (!isDone) {
    textarea.setRangeText(text, start, end, "end");
    textarea.dispatchEvent(new Event("input", { bubbles: true }));
  }
};

const surround = (textarea, mark, otherwise) => {
  const { selectionStart: start, selectionEnd: end, value } = textarea;
  const selected = value.slice(start, end);
  const isMarked = value.slice(start - mark.length, start) === mark && value.slice(end, end + mark.length) === mark;
  if (isMarked) {
    replaceRange(textarea, start - mark.length, end + mark.length, selected);
    textarea.setSelectionRange(start - mark.length, end - mark.length);
    return;
  }
  const text = selected || otherwise;
  replaceRange(textarea, start, end, mark + text + mark);
  textarea.setSelectionRange(start + mark.length, start + mark.length + text.length);
};

const link = (textarea) => {
  const { selectionStart: start, selectionEnd: end, value } = textarea;
  const selected = value.slice(start, end) || "text";
  replaceRange(textarea, start, end, `[${selected}](https://)`);
  const address = start + selected.length + 3;
  textarea.setSelectionRange(address, address + "https://".length);
};

// Changes each line of the selection.
const changeLines = (textarea, change) => {
  const start = textarea.value.lastIndexOf("\n", textarea.selectionStart - 1) + 1;
  const behind = textarea.value.indexOf("\n", Math.max(textarea.selectionEnd - 1, start));
  const end = behind === -1 ? textarea.value.length : behind;
  const text = textarea.value.slice(start, end).split("\n").map(change).join("\n");
  replaceRange(textarea, start, end, text);
  textarea.setSelectionRange(text.includes("\n") ? start : start + text.length, start + text.length);
};

const prefix = (textarea, mark, other) => {
  const lines = textarea.value.slice(lineAround(textarea).start, Math.max(textarea.selectionEnd, lineAround(textarea).end)).split("\n");
  const isMarked = lines.every((line) => line.trimStart().startsWith(mark));
  changeLines(textarea, (line) => {
    const indent = line.match(/^\s*/)[0];
    const rest = line.slice(indent.length);
    return isMarked ? indent + rest.slice(mark.length) : indent + mark + rest.replace(other, "");
  });
};

const code = (textarea) => {
  const selected = textarea.value.slice(textarea.selectionStart, textarea.selectionEnd);
  if (!selected.includes("\n")) {
    surround(textarea, "`", "code");
    return;
  }
  replaceRange(textarea, textarea.selectionStart, textarea.selectionEnd, `\`\`\`\n${selected.replace(/\n$/, "")}\n\`\`\`\n`);
};

const formats = [
  { name: "Bold", sign: "B", key: "b", run: (textarea) => surround(textarea, "**", "bold") },
  { name: "Italic", sign: "I", key: "i", run: (textarea) => surround(textarea, "*", "italic") },
  { name: "Heading", sign: "H", run: (textarea) => prefix(textarea, "## ", /^#+ /) },
  { name: "Link", sign: "Link", key: "k", run: link },
  { name: "List", sign: "List", run: (textarea) => prefix(textarea, "- ", /^([-*+]|\d+[.)])( \[[ xX]\])? /) },
  { name: "Task", sign: "Task", run: (textarea) => prefix(textarea, "- [ ] ", /^([-*+]|\d+[.)]) /) },
  { name: "Code", sign: "Code", key: "e", run: code },
];

const addToolbar = (textarea) => {
  const toolbar = element("div", { className: "toolbar" });
  toolbar.setAttribute("role", "toolbar");
  toolbar.setAttribute("aria-label", "Formatting");
  for (const { name, sign, key, run } of formats) {
    const made = button(sign, () => run(textarea));
    made.className = `tool tool-${name.toLowerCase()}`;
    made.title = key === undefined ? name : `${name} (Ctrl+${key.toUpperCase()})`;
    made.setAttribute("aria-label", name);
    toolbar.append(made);
  }
  textarea.before(toolbar);
};

// Enter behind an item begins the next one; on an empty item it ends the list.
const continueList = (textarea, event) => {
  const { start } = lineAround(textarea);
  const { selectionStart, selectionEnd, value } = textarea;
  const item = value.slice(start, selectionStart).match(listItem);
  if (item === null || selectionStart !== selectionEnd) return;
  event.preventDefault();
  const [, indent, bullet, task, space, text] = item;
  if (text === "") {
    replaceRange(textarea, start, selectionStart, "");
    return;
  }
  const number = Number.parseInt(bullet, 10);
  const next = Number.isNaN(number) ? bullet : `${number + 1}${bullet.slice(String(number).length)}`;
  replaceRange(textarea, selectionStart, selectionEnd, `\n${indent}${next}${task === undefined ? "" : " [ ]"}${space}`);
};

// Tab moves items only: elsewhere, and after Escape, it leaves the field (WCAG 2.2, 2.1.2).
const indent = (textarea, event) => {
  const { start, end } = lineAround(textarea);
  if (!listItem.test(textarea.value.slice(start, end))) return;
  event.preventDefault();
  changeLines(textarea, event.shiftKey ? (line) => line.replace(/^ {1,2}/, "") : (line) => `  ${line}`);
};

const listenToKeys = (form, textarea) => {
  let leavesWithTab = false;
  textarea.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (event.key === "Escape") {
      leavesWithTab = true;
      return;
    }
    if (event.key === "Tab" && isPlain && !leavesWithTab) indent(textarea, event);
    if (event.key === "Enter" && isPlain && !event.shiftKey) continueList(textarea, event);
    if (event.key !== "Tab" && event.key !== "Shift") leavesWithTab = false;
    const format = formats.find(({ key }) => key === event.key.toLowerCase());
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && format !== undefined) {
      event.preventDefault();
      format.run(textarea);
    }
  });
  form.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "s" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
    event.preventDefault();
    form.requestSubmit(form.querySelector("[type=submit]"));
  });
};

const countWords = (textarea) => {
  const count = element("p", { className: "word-count" });
  textarea.after(count);
  const update = () => {
    const words = textarea.value.match(/[\p{L}\p{N}][\p{L}\p{N}\p{M}'’-]*/gu)?.length ?? 0;
    count.textContent = words === 1 ? "1 word" : `${words} words`;
  };
  textarea.addEventListener("input", update);
  update();
};

// The server renders the preview, as it renders the page of the note.
const addPreview = (form, textarea) => {
  const send = form.querySelector("[formaction^='/notes/preview']");
  const pane = element("div", { className: "preview prose", tabIndex: 0 });
  pane.setAttribute("role", "region");
  pane.setAttribute("aria-label", "Preview");
  pane.hidden = true;
  textarea.closest(".field").after(pane);
  let timer = 0;
  let shown = null;
  const render = async () => {
    timer = 0;
    const text = textarea.value;
    if (pane.hidden || text === shown) return;
    const body = new URLSearchParams({ title: field(form, "title").value, content: text });
    const answer = await fetch("/notes/preview", { method: "POST", body, headers: { accept: "text/x-fragment" } }).catch(() => null);
    if (answer === null || !answer.ok) {
      pane.textContent = "The preview is not available right now.";
      return;
    }
    pane.innerHTML = await answer.text();
    shown = text;
    if (textarea.value !== text) timer ||= setTimeout(render, previewPause);
  };
  textarea.addEventListener("input", () => {
    timer ||= setTimeout(render, previewPause);
  });
  send.addEventListener("click", (event) => {
    event.preventDefault();
    pane.hidden = !pane.hidden;
    send.setAttribute("aria-pressed", String(!pane.hidden));
    form.classList.toggle("has-preview", !pane.hidden);
    render();
  });
};

const prepareEditor = (form) => {
  const textarea = field(form, "content");
  addToolbar(textarea);
  listenToKeys(form, textarea);
  countWords(textarea);
  addPreview(form, textarea);
};
