// The channels of one map: newest values, textures, ages. Values come from the worker that holds
// the socket, or once from a table.
(function () {
  "use strict";

  const { ValueTextures, rampTexture, byteTexture } = window.twinLive;
  const BLEND_MS = 300;
  const STALE_INTERVALS = 3;
  const NO_VALUE = 255;
  const TOP = 254;
  const MIDDLE = 127;

  function toRgb(colour) {
    const number = Number.parseInt(colour.slice(1), 16);
    return [number >> 16, (number >> 8) & 255, number & 255];
  }

  // The same 255 colours as dashboards.theme.ramp_colours; entry 255 is never looked up.
  function rampColours(ramp, noData) {
    const stops = ramp.stops.map(toRgb);
    const colours = new Uint8Array(4 * 256);
    for (let i = 0; i < 256; i += 1) {
      let rgb = noData;
      if (ramp.kind === "class") {
        rgb = stops[i] || noData;
      } else if (i <= TOP) {
        const position = (i / TOP) * (stops.length - 1);
        const low = Math.min(Math.floor(position), stops.length - 2);
        const share = position - low;
        rgb = stops[low].map((c, k) => Math.floor(c + share * (stops[low + 1][k] - c) + 0.5));
      }
      colours.set([...rgb, 255], 4 * i);
    }
    return colours;
  }

  function decodeValue(code, info) {
    if (code === NO_VALUE || code === undefined) {
      return null;
    }
    if (info.kind === "class") {
      return code;
    }
    if (info.kind === "difference") {
      return ((code - MIDDLE) / MIDDLE) * info.vmax;
    }
    if (info.scale === "log") {
      return info.vmin * (info.vmax / info.vmin) ** (code / TOP);
    }
    return info.vmin + (code / TOP) * (info.vmax - info.vmin);
  }

  function toMilliseconds(serverTime) {
    return typeof serverTime === "number" ? serverTime : Date.parse(serverTime);
  }

  class LiveChannels {
    constructor({ noData, ramps, workerUrl, on }) {
      this.noData = [...toRgb(noData).map((c) => c / 255), 1];
      this.noDataRgb = toRgb(noData);
      this.ramps = ramps;
      this.workerUrl = workerUrl;
      this.on = on;
      this.channels = {};
      this.seqs = {};
      this.textures = new Map();
      this.rampTextures = new Map();
      this.isBlending = true;
      this.isPaused = false;
      this.state = "off";
      this.server = null;
    }

    // The declared channels; `tables` are the loaded ones.
    declare(channels, tables) {
      this.tables = tables;
      for (const [name, entry] of Object.entries(channels)) {
        const known = this.channels[name] || { values: null, changedAt: 0, age: null };
        const info = { ...entry, vmin: entry.vmin ?? 0, vmax: entry.vmax ?? TOP };
        info.kind = entry.kind || known.info?.kind || "magnitude";
        this.channels[name] = { ...known, info: { ...info, ...known.hello } };
      }
    }

    featuresOf(name) {
      const table = this.tables[this.channels[name]?.info.table];
      return table ? table.n : 0;
    }

    set(name, values, seq) {
      const channel = this.channels[name];
      if (!channel || values.length !== this.featuresOf(name)) {
        return;
      }
      channel.values = values;
      channel.changedAt = performance.now();
      if (seq !== undefined) {
        this.seqs[name] = seq;
      }
      const textures = this.textures.get(name);
      if (textures) {
        textures.write(values);
      }
    }

    // --- for the extension ---------------------------------------------------------------

    texturesOf(name, device) {
      const channel = this.channels[name];
      if (!channel || !channel.values) {
        return null;
      }
      let textures = this.textures.get(name);
      if (!textures) {
        textures = new ValueTextures(device, channel.values.length);
        this.textures.set(name, textures);
        textures.write(channel.values);
      }
      return textures;
    }

    rampTexture(name, device) {
      if (!this.rampTextures.has(name)) {
        const ramp = this.ramps[name] || { kind: "class", stops: [] };
        this.rampTextures.set(name, rampTexture(device, rampColours(ramp, this.noDataRgb)));
      }
      return this.rampTextures.get(name);
    }

    setRamps(ramps) {
      this.ramps = ramps;
      this.rampTextures.forEach((texture) => texture.destroy());
      this.rampTextures.clear();
    }

    emptyTexture(device) {
      if (!this.filler) {
        this.filler = byteTexture(device, 1, 1, "r8unorm");
        this.filler.writeData(new Uint8Array([NO_VALUE]));
      }
      return this.filler;
    }

    blendOf(name) {
      const since = performance.now() - (this.channels[name]?.changedAt || 0);
      return this.isBlending ? Math.min(1, since / BLEND_MS) : 1;
    }

    forgetTextures() {
      for (const textures of [...this.textures.values(), ...this.rampTextures.values()]) {
        textures.destroy();
      }
      this.filler?.destroy();
      this.filler = null;
      this.textures.clear();
      this.rampTextures.clear();
    }

    forgetTable(table) {
      for (const [name, channel] of Object.entries(this.channels)) {
        if (channel.info.table === table && !channel.info.url) {
          channel.values = null;
          this.textures.get(name)?.destroy();
          this.textures.delete(name);
        }
      }
    }

    // --- values, and ages for the connection -------------------------------------------------

    // Seconds since the newest reading by the server's clock; null if unknown.
    ageOf(name) {
      const channel = this.channels[name];
      if (!channel || channel.age === null) {
        return null;
      }
      return Math.max(0, channel.age + (performance.now() - channel.ageAt) / 1000);
    }

    // Whether no channel that knows its interval and has a reading is current.
    get isAllStale() {
      const timed = Object.keys(this.channels).filter(
        (name) => this.channels[name].info.interval_s && this.ageOf(name) !== null,
      );
      return timed.length > 0 && timed.every((name) => this.isStale(name));
    }

    isStale(name) {
      const interval = this.channels[name]?.info.interval_s;
      const age = this.ageOf(name);
      return Boolean(interval) && age !== null && age > STALE_INTERVALS * interval;
    }

    valueAt(name, row) {
      const channel = this.channels[name];
      return channel && channel.values ? decodeValue(channel.values[row], channel.info) : null;
    }

    codeAt(name, row) {
      return this.channels[name]?.values?.[row] ?? NO_VALUE;
    }

    // --- the worker ----------------------------------------------------------------------

    open(url, { maxHz, tables }) {
      const wanted = {};
      for (const [name, { info }] of Object.entries(this.channels)) {
        const table = tables[info.table];
        if (!info.url && table) {
          wanted[name] = { table: info.table, version: table.version, features: table.n };
        }
      }
      if (Object.keys(wanted).length === 0) {
        return;
      }
      this.worker = new Worker(this.workerUrl);
      this.worker.onmessage = ({ data }) => this.receive(data);
      this.worker.postMessage({ op: "open", url, channels: wanted, maxHz });
    }

    next() {
      this.worker?.postMessage({ op: "next" });
    }

    tableLoaded(name, table) {
      const { version, n } = table;
      this.worker?.postMessage({ op: "table", table: name, version, features: n });
    }

    serverNow() {
      return this.server && this.server.time + (performance.now() - this.server.at);
    }

    setAge(name, age) {
      if (this.channels[name]) {
        const known = Number.isFinite(age) ? age : null;
        Object.assign(this.channels[name], { age: known, ageAt: performance.now() });
      }
    }

    hear(serverTime) {
      const time = toMilliseconds(serverTime);
      if (Number.isFinite(time)) {
        this.server = { time, at: performance.now() };
      }
    }

    receive(message) {
      if (message.op === "hello") {
        this.hear(message.serverTime);
        for (const { name, vmin, vmax, scale, kind, interval_s } of message.channels) {
          if (this.channels[name]) {
            const hello = { vmin, vmax, scale, kind, interval_s };
            this.channels[name].hello = hello;
            Object.assign(this.channels[name].info, hello);
          }
        }
      } else if (message.op === "tick") {
        this.hear(message.serverTime);
        // The ages of a frozen picture run on by themselves; those of the tick are not its own.
        if (!this.isPaused) {
          Object.entries(message.ages).forEach(([name, age]) => this.setAge(name, age));
        }
      } else if (message.op === "state") {
        this.state = message.state;
      }
      this.on(message);
    }

    apply(frames) {
      const now = this.serverNow();
      for (const { channel, seq, tMs, values } of frames) {
        this.set(channel, values, seq);
        if (now !== null) {
          // Time 0: a static channel, or one that has no reading yet.
          this.setAge(channel, tMs > 0 ? (now - tMs) / 1000 : null);
        }
      }
    }

    close() {
      this.worker?.postMessage({ op: "close" });
      this.worker = null;
    }
  }

  window.twinLive.LiveChannels = LiveChannels;
  window.twinLive.rampColours = rampColours;
})();
