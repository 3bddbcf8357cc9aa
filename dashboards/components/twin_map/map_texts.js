// Texts of the map: labels, numbers, tooltip. Everything through textContent, never as HTML.
(function () {
  "use strict";

  class Texts {
    constructor(labels, lang) {
      this.labels = labels;
      this.lang = lang || "en";
    }

    text(key, values) {
      let text = this.labels[key] ?? key;
      for (const [name, value] of Object.entries(values || {})) {
        text = text.replaceAll(`{${name}}`, String(value));
      }
      return text;
    }

    number(value, decimals) {
      const digits = decimals ?? 1;
      const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
      return new Intl.NumberFormat(this.lang, options).format(value);
    }
  }

  // What columns of the table say of a feature, in full precision; a column of texts as it is.
  function factLines(texts, facts, table, row) {
    return facts
      .filter(({ column }) => table.columns[column])
      .map(({ label, column, unit, decimals }) => {
        const value = table.columns[column].at(row);
        const number = Number.isFinite(value) ? texts.number(value, decimals) : "\u2013";
        const shown = typeof value === "string" ? value : `${number} ${unit || ""}`.trim();
        return shown && label ? `${label}: ${shown}` : shown;
      })
      .filter(Boolean);
  }

  // Lines of text about one feature in one layer. No age: a channel knows that of its newest
  // reading, which may be another feature's.
  function describe(texts, live, { table, row, extension }) {
    const { id, name } = table.columns;
    const title = name && name.at(row) ? name.at(row) : id ? id.at(row) : "";
    const lines = [title];
    if (id && id.at(row) !== title) {
      lines.push(id.at(row));
    }
    const channel = extension && live.channels[extension.channel];
    if (!channel) {
      return lines;
    }
    const { unit, label, decimals, classes } = channel.info;
    const { facts, factsTable } = channel.info;
    if (facts) {
      return [...lines, ...factLines(texts, facts, live.tables[factsTable] || table, row)];
    }
    const value = live.valueAt(extension.channel, row);
    const isStale = live.isStale(extension.channel);
    let shown = texts.text("no_value");
    if (value !== null && extension.kind === "class") {
      shown = classes?.[value] ?? String(value);
    } else if (value !== null) {
      shown = `≈ ${texts.number(value, decimals)} ${unit || ""}`.trim();
    }
    lines.push(label ? `${label}: ${shown}` : shown);
    const quality = extension.quality ? live.codeAt(extension.quality, row) : 255;
    if (isStale || quality !== 255) {
      lines.push(texts.text(`quality.${isStale ? 2 : quality}`));
    }
    return lines;
  }

  class Tooltip {
    constructor(parent) {
      this.element = document.createElement("div");
      this.element.className = "twin-map-tooltip";
      this.element.setAttribute("aria-hidden", "true");
      this.element.hidden = true;
      parent.append(this.element);
    }

    show(lines, x, y) {
      this.element.replaceChildren(
        ...lines.map((line, i) => {
          const item = document.createElement(i === 0 ? "strong" : "span");
          item.textContent = line;
          return item;
        }),
      );
      this.element.style.transform = `translate(${Math.round(x + 12)}px, ${Math.round(y + 12)}px)`;
      this.element.hidden = false;
    }

    hide() {
      this.element.hidden = true;
    }
  }

  window.twinTexts = { Texts, Tooltip, describe };
})();
