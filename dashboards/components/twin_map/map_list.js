// The features in view as a list for keyboard and screen reader: opened with Enter on the map.
(function () {
  "use strict";

  const MOST = 200;

  let created = 0;

  class FeatureList {
    constructor(parent, { texts, onChoose, onLeave }) {
      Object.assign(this, { texts, onChoose, onLeave });
      created += 1;
      this.element = document.createElement("div");
      this.element.className = "twin-map-list";
      this.element.hidden = true;
      this.box = document.createElement("div");
      this.box.setAttribute("role", "listbox");
      this.note = document.createElement("div");
      this.note.className = "twin-map-list-note";
      this.note.id = `twin-map-list-note-${created}`;
      this.box.setAttribute("aria-describedby", this.note.id);
      this.element.append(this.box, this.note);
      this.element.addEventListener("keydown", (event) => this.onKey(event));
      this.element.addEventListener("focusout", (event) => {
        if (!this.element.contains(event.relatedTarget)) {
          this.element.hidden = true;
        }
      });
      this.box.addEventListener("click", (event) => this.choose(event.target));
      parent.append(this.element);
    }

    // `features`: [{table, row, id, title}]; `selection`: ids.
    open(features, selection) {
      const { texts } = this;
      this.box.setAttribute("aria-label", texts.text("list"));
      this.features = features.slice(0, MOST);
      const options = this.features.map(({ id, title }, i) => {
        const option = document.createElement("div");
        option.setAttribute("role", "option");
        option.setAttribute("aria-selected", String(selection.includes(id)));
        option.setAttribute("aria-setsize", String(features.length));
        option.setAttribute("aria-posinset", String(i + 1));
        option.tabIndex = -1;
        option.textContent = title;
        return option;
      });
      this.box.replaceChildren(...options);
      const more = features.length - options.length;
      this.note.textContent =
        options.length === 0 ? texts.text("empty") : more > 0 ? texts.text("more", { n: more }) : "";
      this.element.hidden = false;
      this.note.tabIndex = -1;
      (options[0] || this.note).focus();
    }

    close() {
      this.element.hidden = true;
      this.onLeave();
    }

    choose(option) {
      const index = [...this.box.children].indexOf(option);
      if (index < 0) {
        return;
      }
      [...this.box.children].forEach((other) =>
        other.setAttribute("aria-selected", String(other === option)),
      );
      this.onChoose(this.features[index]);
    }

    onKey(event) {
      const options = [...this.box.children];
      const here = options.indexOf(document.activeElement);
      const target = {
        ArrowDown: Math.min(here + 1, options.length - 1),
        ArrowUp: Math.max(here - 1, 0),
        Home: 0,
        End: options.length - 1,
      }[event.key];
      if (target !== undefined) {
        options[target]?.focus();
      } else if (event.key === "Enter" || event.key === " ") {
        this.choose(document.activeElement);
      } else if (event.key === "Escape") {
        this.close();
      } else {
        return;
      }
      event.preventDefault();
      event.stopPropagation();
    }
  }

  window.twinList = { FeatureList };
})();
