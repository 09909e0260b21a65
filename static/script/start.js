// After a form was answered with a page, a reload would send it again; the form's own address is asked instead.
const showAddressOfForm = () => {
  const address = document.querySelector("form[data-address]")?.dataset.address;
  if (address !== undefined) history.replaceState(history.state, "", address);
};

forgetAfterLogout();
if (owner !== undefined) {
  removeOldDrafts();
  forgetSavedDraft();
  showKeptText();
}
document.querySelectorAll("form").forEach(prepareForm);
document.querySelectorAll("form[data-editor]").forEach(prepareEditor);
document.querySelectorAll("form[data-search]").forEach(prepareSearch);
const noteForms = [...document.querySelectorAll("form[data-note]")];
if (noteForms.length > 0) warnBeforeLeaving(noteForms);
if (owner !== undefined) {
  for (const form of noteForms) {
    ensureNumber(form);
    offerDrafts(form);
    keepWhileTyping(form);
    sendOnlyWhenConnected(form);
  }
  listDrafts();
  document.querySelectorAll("form[action='/logout']").forEach(askAtLogout);
}
showAddressOfForm();
window.addEventListener("pageshow", allowSendingAgain);
