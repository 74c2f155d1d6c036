
for (const form of document.querySelectorAll("form[data-send]")) form.submit();
for (const button of document.querySelectorAll("button[data-close]"))
  button.addEventListener("click", () => (window.opener || window.parent).postMessage({ subject: "org.imsglobal.lti.close" }, "*"));
