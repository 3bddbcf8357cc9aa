// The result page: copy its address, print it with all its parts open.
(function () {
  "use strict";

  function say(text) {
    const place = document.getElementById("copied");
    if (place) {
      place.textContent = text;
    }
  }

  // Where the clipboard is not allowed the address is selected for the reader to copy.
  function copyAddress(button) {
    const address = window.location.href;
    const done = () => say(button.dataset.done);
    const shown = () => say(address);
    if (navigator.clipboard) {
      navigator.clipboard.writeText(address).then(done, shown);
    } else {
      shown();
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy], [data-print]");
    if (button && button.dataset.copy) {
      copyAddress(button);
    } else if (button) {
      window.print();
    }
  });

  // A native list of choices, kept where a callback reads it.
  document.addEventListener("change", (event) => {
    const list = event.target.closest("select[data-store]");
    if (list) {
      window.dash_clientside.set_props(list.dataset.store, { data: list.value });
    }
  });

  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll(".result details:not([open])")];
    opened.forEach((part) => part.setAttribute("open", ""));
  });
  window.addEventListener("afterprint", () => {
    opened.forEach((part) => part.removeAttribute("open"));
    opened = [];
  });
})();
