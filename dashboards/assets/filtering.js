// A field inside data-filters="ID" leaves visible what holds all its words among the children of ID.
(function () {
  "use strict";

  const plain = (text) => text.toLocaleLowerCase().normalize("NFD").replace(/\p{M}/gu, "");

  document.addEventListener("input", (event) => {
    const frame = event.target.closest("[data-filters]");
    const group = frame && document.getElementById(frame.dataset.filters);
    if (!group) {
      return;
    }
    const words = plain(event.target.value).split(/\s+/).filter(Boolean);
    for (const item of group.children) {
      const text = plain(item.textContent);
      const isChosen = item.getAttribute("aria-pressed") === "true";
      item.hidden = !isChosen && !words.every((word) => text.includes(word));
    }
  });
})();
