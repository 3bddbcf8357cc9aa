// Time series with uPlot: gaps as gaps, keyboard cursor, readout as text.
(function () {
  "use strict";

  const React = window.React;
  const COLOURS = { line: "#00429d", band: "rgba(0, 66, 157, 0.18)", suspect: "#b35806" };
  const FAST_STEP = 10;
  const ZOOM = 0.5;
  const HIDDEN = {
    position: "absolute",
    width: "1px",
    height: "1px",
    margin: "-1px",
    overflow: "hidden",
    clipPath: "inset(50%)",
    whiteSpace: "nowrap",
  };

  function formatters({ lang = "en", timezone, decimals = 1 }) {
    const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
    const number = new Intl.NumberFormat(lang, digits);
    const zone = timezone ? { timeZone: timezone } : {};
    const time = new Intl.DateTimeFormat(lang, { ...zone, dateStyle: "medium", timeStyle: "medium" });
    const clock = { hour: "2-digit", minute: "2-digit" };
    const form = (parts) => new Intl.DateTimeFormat(lang, { ...parts, ...zone });
    // The longest span [s] for which each form tells neighbouring ticks apart.
    const axisForms = [
      [10, form({ minute: "2-digit", second: "2-digit", fractionalSecondDigits: 1 })],
      [300, form({ ...clock, second: "2-digit" })],
      [2 * 86400, form(clock)],
      [400 * 86400, form({ day: "2-digit", month: "2-digit" })],
      [Infinity, form({ month: "2-digit", year: "numeric" })],
    ];
    const axisNumber = new Intl.NumberFormat(lang, { maximumFractionDigits: 4 });
    return {
      number: (value) => number.format(value),
      time: (ms) => time.format(ms),
      axisTime: (ms, spanS) => axisForms.find(([longestS]) => spanS <= longestS)[1].format(ms),
      axisNumber: (value) => axisNumber.format(value),
    };
  }

  function orGap(values) {
    return Array.from(values, (value) => (Number.isFinite(value) ? value : null));
  }

  // Columns of the table as uPlot data: seconds, then one or three value series.
  function toData({ columns }) {
    const seconds = Array.from(columns.t, (ms) => ms / 1000);
    return columns.v
      ? [seconds, orGap(columns.v)]
      : [seconds, orGap(columns.avg), orGap(columns.min), orGap(columns.max)];
  }

  class Chart {
    constructor(root, props, emit) {
      Object.assign(this, { root, props, emit });
      this.plotBox = document.createElement("div");
      this.plotBox.className = "series-chart-plot";
      this.plotBox.tabIndex = 0;
      this.plotBox.setAttribute("role", "img");
      this.readout = document.createElement("p");
      this.readout.className = "series-chart-readout";
      // Spoken only when the reader moves the cursor, not with every refresh.
      this.spoken = document.createElement("p");
      this.spoken.className = "series-chart-spoken";
      this.spoken.setAttribute("role", "status");
      Object.assign(this.spoken.style, HIDDEN);
      root.append(this.plotBox, this.readout, this.spoken);
      this.plotBox.addEventListener("keydown", (event) => this.onKey(event));
      this.plotBox.addEventListener("mousemove", () => this.onPointer());
      this.plotBox.addEventListener("dblclick", () => this.showAll());
      this.observer = new ResizeObserver(() => this.resize());
      this.observer.observe(root);
      this.data = [[], []];
      this.time = null;
      this.setState("loading");
      this.say(this.text("loading"));
      this.load();
    }

    text(key, values) {
      let text = this.props.labels?.[key] ?? key;
      for (const [name, value] of Object.entries(values || {})) {
        text = text.replaceAll(`{${name}}`, String(value));
      }
      return text.trim();
    }

    say(text) {
      this.readout.textContent = text;
    }

    setState(state) {
      this.root.dataset.state = state;
      this.root.dataset.points = String(this.data[0].length);
    }

    // --- data ----------------------------------------------------------------------------

    async load() {
      clearTimeout(this.timer);
      const { url, refresh_s: refresh = 0 } = this.props;
      if (!url) {
        return;
      }
      this.aborter?.abort();
      const aborter = new AbortController();
      this.aborter = aborter;
      try {
        const response = await fetch(url, { signal: aborter.signal });
        if (!response.ok) {
          throw new Error(`status ${response.status}`);
        }
        this.accept(window.twinTable.decodeTable(await response.arrayBuffer(), url));
      } catch (error) {
        if (error.name === "AbortError") {
          return;
        }
        this.fail(error.message);
      }
      if (refresh > 0) {
        this.timer = setTimeout(() => this.load(), 1000 * refresh);
      }
    }

    fail(reason) {
      const text = this.text("failed", { reason });
      this.setState("error");
      this.say(text);
      this.plotBox.setAttribute("aria-label", text);
      this.tellError(text);
    }

    tellError(text) {
      if ((this.error || "") !== text) {
        this.error = text;
        this.emit({ error: text });
      }
    }

    accept(table) {
      this.data = toData(table);
      this.flags = table.columns.flag;
      this.tellError("");
      this.draw();
      const hasValues = this.data[1].some((value) => value !== null);
      this.setState(hasValues ? "ready" : "empty");
      this.plotBox.setAttribute("aria-label", hasValues ? this.summary() : this.emptyText());
      if (!hasValues) {
        this.say(this.text("empty"));
      } else {
        this.moveCursor(this.indexOfTime());
      }
    }

    // The cursor stays at the time that the reader chose; without one it follows the newest value.
    indexOfTime() {
      const [seconds] = this.data;
      if (this.time === null) {
        return seconds.length - 1;
      }
      const after = seconds.findIndex((time) => time >= this.time);
      if (after <= 0) {
        return after === 0 ? 0 : seconds.length - 1;
      }
      return this.time - seconds[after - 1] < seconds[after] - this.time ? after - 1 : after;
    }

    emptyText() {
      return `${this.props.label || ""}: ${this.text("empty")}`;
    }

    summary() {
      const { label = "", unit = "" } = this.props;
      const format = formatters(this.props);
      const [seconds, middle, low = middle, high = middle] = this.data;
      const known = (values) => values.filter((value) => value !== null);
      const least = known(low).reduce((a, b) => Math.min(a, b));
      const most = known(high).reduce((a, b) => Math.max(a, b));
      const values = {
        label,
        unit,
        n: seconds.length,
        from: format.time(1000 * seconds[0]),
        to: format.time(1000 * seconds.at(-1)),
        low: format.number(least),
        high: format.number(most),
        last: format.number(known(middle).at(-1)),
      };
      return `${this.text("summary", values)}. ${this.text("keys")}`;
    }

    // --- drawing -------------------------------------------------------------------------

    options() {
      const { unit = "", label = "", height = 220 } = this.props;
      const format = formatters(this.props);
      const isBand = this.data.length === 4;
      const line = { label, stroke: COLOURS.line, width: 1.5, spanGaps: false };
      const edge = { stroke: "transparent", points: { show: false }, spanGaps: false };
      return {
        width: Math.max(160, this.root.clientWidth),
        height,
        legend: { show: false },
        scales: { x: { time: true } },
        cursor: { drag: { x: true, y: false }, dataIdx: (_plot, _series, index) => index },
        axes: [
          {
            values: (plot, ticks) => {
              const spanS = plot.scales.x.max - plot.scales.x.min;
              return ticks.map((tick) => format.axisTime(1000 * tick, spanS));
            },
          },
          { label: unit, size: 64, values: (_plot, ticks) => ticks.map(format.axisNumber) },
        ],
        series: isBand
          ? [{}, line, edge, edge]
          : [{}, { ...line, points: { show: undefined } }],
        bands: isBand ? [{ series: [3, 2], fill: COLOURS.band }] : [],
        hooks: {
          setSelect: [(plot) => this.onSelect(plot)],
          draw: [(plot) => this.drawSuspect(plot)],
        },
      };
    }

    draw() {
      const signature = `${this.data.length}|${JSON.stringify(this.props.labels)}|${this.props.unit}|${this.props.lang}|${this.props.timezone}|${this.props.height}`;
      if (!this.plot || signature !== this.signature) {
        this.plot?.destroy();
        this.signature = signature;
        this.plot = new window.uPlot(this.options(), this.data, this.plotBox);
        return;
      }
      const { min, max } = this.plot.scales.x;
      this.plot.setData(this.data, !this.isZoomed);
      if (this.isZoomed) {
        this.plot.setScale("x", { min, max });
      }
    }

    drawSuspect(plot) {
      if (!this.flags) {
        return;
      }
      const { ctx } = plot;
      ctx.save();
      ctx.strokeStyle = COLOURS.suspect;
      ctx.lineWidth = 2 * (window.devicePixelRatio || 1);
      this.flags.forEach((flag, i) => {
        const value = this.data[1][i];
        if (flag && value !== null) {
          const x = plot.valToPos(this.data[0][i], "x", true);
          const y = plot.valToPos(value, "y", true);
          ctx.beginPath();
          ctx.moveTo(x - 5, y - 5);
          ctx.lineTo(x + 5, y + 5);
          ctx.moveTo(x - 5, y + 5);
          ctx.lineTo(x + 5, y - 5);
          ctx.stroke();
        }
      });
      ctx.restore();
    }

    resize() {
      const width = Math.max(160, this.root.clientWidth);
      if (this.plot && width !== this.plot.width) {
        this.plot.setSize({ width, height: this.props.height || 220 });
      }
    }

    // --- cursor and span -----------------------------------------------------------------

    describePoint(i) {
      const { unit = "" } = this.props;
      const format = formatters(this.props);
      const [seconds, middle, low, high] = this.data;
      const time = format.time(1000 * seconds[i]);
      if (middle[i] === null) {
        return `${time}: ${this.text("gap")}`;
      }
      if (low) {
        const shown = [middle[i], low[i], high[i]].map((value) => format.number(value));
        return this.text("band", { time, unit, avg: shown[0], low: shown[1], high: shown[2] });
      }
      const text = this.text("point", { time, unit, value: format.number(middle[i]) });
      return this.flags?.[i] ? `${text} (${this.text("suspect")})` : text;
    }

    onCursor(index) {
      this.index = index;
      this.root.dataset.cursor = String(index);
      this.say(this.describePoint(index));
    }

    onPointer() {
      const index = this.plot?.cursor.idx ?? null;
      if (index !== null && index < this.data[0].length) {
        this.onCursor(index);
        this.choose();
      }
    }

    // The reader has moved the cursor.
    choose() {
      this.time = this.data[0][this.index] ?? null;
      const text = this.readout.textContent;
      if (this.spoken.textContent !== text) {
        this.spoken.textContent = text;
      }
    }

    moveCursor(index) {
      const last = this.data[0].length - 1;
      if (last < 0) {
        return;
      }
      this.onCursor(Math.min(last, Math.max(0, index)));
      // uPlot takes over new data and scales in a microtask.
      queueMicrotask(() => this.placeCursor());
    }

    placeCursor() {
      const time = this.data[0][this.index];
      const value = this.data[1][this.index];
      if (this.plot && time !== undefined) {
        const top = value === null ? 0 : this.plot.valToPos(value, "y");
        this.plot.setCursor({ left: this.plot.valToPos(time, "x"), top }, false);
      }
    }

    onSelect(plot) {
      const { left, width } = plot.select;
      if (width > 0) {
        const span = [left, left + width].map((x) => plot.posToVal(x, "x"));
        this.showSpan(...span);
      }
    }

    showSpan(min, max) {
      this.isZoomed = true;
      this.plot.setScale("x", { min, max });
      this.emit({ range: { t0: Math.round(1000 * min), t1: Math.round(1000 * max) } });
    }

    showAll() {
      const [seconds] = this.data;
      if (seconds.length > 0) {
        this.showSpan(seconds[0], seconds.at(-1));
        this.isZoomed = false;
      }
    }

    zoom(factor) {
      const { min, max } = this.plot.scales.x;
      const [seconds] = this.data;
      const centre = seconds[this.index] ?? (min + max) / 2;
      const span = Math.max((max - min) * factor, 1);
      const from = Math.max(seconds[0], centre - span / 2);
      const to = Math.min(seconds.at(-1), centre + span / 2);
      if (to > from) {
        this.showSpan(from, to);
        this.moveCursor(this.index);
      }
    }

    onKey(event) {
      if (!this.plot || this.data[0].length === 0 || event.ctrlKey || event.metaKey) {
        return;
      }
      const step = event.shiftKey ? FAST_STEP : 1;
      const actions = {
        ArrowLeft: () => this.moveCursor(this.index - step),
        ArrowRight: () => this.moveCursor(this.index + step),
        Home: () => this.moveCursor(0),
        End: () => this.moveCursor(this.data[0].length - 1),
        "+": () => this.zoom(ZOOM),
        "-": () => this.zoom(1 / ZOOM),
        Escape: () => this.showAll(),
      };
      if (Object.hasOwn(actions, event.key)) {
        event.preventDefault();
        actions[event.key]();
        this.choose();
      }
    }

    // --- properties ----------------------------------------------------------------------

    update(props) {
      const old = this.props;
      this.props = props;
      const texts = ["unit", "label", "lang", "timezone", "decimals", "height", "labels"];
      if (old.url !== props.url) {
        this.time = null;
        this.isZoomed = false;
        this.setState("loading");
        this.load();
      } else if (old.refresh_s !== props.refresh_s) {
        this.load();
      } else if (this.plot && texts.some((key) => JSON.stringify(old[key]) !== JSON.stringify(props[key]))) {
        this.draw();
        this.moveCursor(this.index);
        this.plotBox.setAttribute("aria-label", this.summary());
      }
    }

    destroy() {
      clearTimeout(this.timer);
      this.aborter?.abort();
      this.observer.disconnect();
      this.plot?.destroy();
      this.plot = null;
      this.root.replaceChildren();
    }
  }

  function SeriesChart(props) {
    const root = React.useRef(null);
    const chart = React.useRef(null);
    const newest = React.useRef(props);
    newest.current = props;

    React.useEffect(() => {
      chart.current = new Chart(root.current, props, (values) => newest.current.setProps?.(values));
      return () => chart.current.destroy();
    }, []);

    React.useEffect(() => {
      chart.current.update(props);
    });

    const className = props.className ? `series-chart ${props.className}` : "series-chart";
    return React.createElement("div", { id: props.id, className, ref: root });
  }

  window.twin_map = { ...window.twin_map, SeriesChart };
})();
