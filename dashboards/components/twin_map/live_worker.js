// The live socket, off the main thread: wire format v1 (dashboards/live/codec.py).
//
// In:  {op: "open", url, channels: {name: {table, version, features}}, maxHz}
//      {op: "table", table, version, features}   a table was loaded again
//      {op: "next"}                               the map can draw: send the newest values
//      {op: "close"}
// Out: {op: "values", frames: [{channel, seq, tMs, values}]}
//      {op: "hello", serverTime, channels}   {op: "tick", serverTime, ages}
//      {op: "state", state}   {op: "reload", table}   {op: "hint", topic, rev}
//      {op: "problem", channel, reason}
"use strict";

const FULL = 0;
const DELTA = 1;
const KEYFRAME_REQUEST = 2;
const CONTROL = 3;
const VERSION = 1;
const HEADER_BYTES = 24;
const SILENCE_MS = 15000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30000;
const LOGIN_EXPIRED = 4401;

let address = "";
let wanted = {};
let maxHz = 2;
let socket = null;
let pauseMs = FIRST_PAUSE_MS;
let retryTimer = 0;
let silenceTimer = 0;
let isStopped = false;
let isAsked = false;
let byNumber = new Map();
const channels = new Map();
const dirty = new Set();

function tell(message, transfer) {
  self.postMessage(message, transfer || []);
}

function channelState(name) {
  if (!channels.has(name)) {
    channels.set(name, { seq: null, tMs: 0, values: null, no: null, asked: false });
  }
  return channels.get(name);
}

function revisionOf(version) {
  return Number.parseInt(String(version).slice(0, 8), 16) >>> 0;
}

function handOver() {
  if (!isAsked || dirty.size === 0) {
    return;
  }
  isAsked = false;
  const frames = [];
  for (const name of dirty) {
    const { seq, tMs, values } = channels.get(name);
    frames.push({ channel: name, seq, tMs, values: values.slice() });
  }
  dirty.clear();
  tell(
    { op: "values", frames },
    frames.map((frame) => frame.values.buffer),
  );
}

function requestKeyframe(name) {
  const state = channelState(name);
  if (state.asked || !socket || socket.readyState !== WebSocket.OPEN) {
    return;
  }
  state.asked = true;
  const view = new DataView(new ArrayBuffer(HEADER_BYTES));
  view.setUint8(0, KEYFRAME_REQUEST);
  view.setUint8(1, VERSION);
  view.setUint16(2, state.no, true);
  view.setUint32(4, state.seq === null ? 0 : state.seq, true);
  view.setUint32(20, revisionOf(wanted[name].version), true);
  socket.send(view.buffer);
}

function reloadTable(name) {
  const { table } = wanted[name];
  for (const [other, entry] of Object.entries(wanted)) {
    if (entry.table === table) {
      channelState(other).values = null;
      dirty.delete(other);
    }
  }
  tell({ op: "reload", table });
}

function isAscending(index, n, features) {
  for (let i = 0; i < n; i += 1) {
    if (index[i] >= features || (i > 0 && index[i] <= index[i - 1])) {
      return false;
    }
  }
  return true;
}

// The frame's indices lie at offset 24, which is a multiple of 4: a view needs no copy.
function applyDelta(state, buffer, n, features) {
  if (buffer.byteLength !== HEADER_BYTES + 5 * n || !state.values) {
    return false;
  }
  const index = new Uint32Array(buffer, HEADER_BYTES, n);
  const value = new Uint8Array(buffer, HEADER_BYTES + 4 * n, n);
  if (!isAscending(index, n, features)) {
    return false;
  }
  for (let i = 0; i < n; i += 1) {
    state.values[index[i]] = value[i];
  }
  return true;
}

function applyValues(kind, view, buffer) {
  const name = byNumber.get(view.getUint16(2, true));
  if (name === undefined || !wanted[name]) {
    return;
  }
  const state = channelState(name);
  const seq = view.getUint32(4, true);
  const n = view.getUint32(16, true);
  const { version, features } = wanted[name];
  if (view.getUint32(20, true) !== revisionOf(version)) {
    reloadTable(name);
    return;
  }
  if (kind === FULL && n === features && buffer.byteLength === HEADER_BYTES + n) {
    state.values = new Uint8Array(buffer, HEADER_BYTES, n).slice();
    state.asked = false;
  } else if (
    kind !== DELTA ||
    state.seq === null ||
    seq !== (state.seq + 1) >>> 0 ||
    !applyDelta(state, buffer, n, features)
  ) {
    requestKeyframe(name);
    return;
  }
  state.seq = seq;
  state.tMs = view.getFloat64(8, true);
  dirty.add(name);
  handOver();
}

function subscribe(available) {
  const names = Object.keys(wanted).filter((name) => available.has(name));
  for (const name of Object.keys(wanted)) {
    if (!available.has(name)) {
      tell({ op: "problem", channel: name, reason: "the server does not offer it" });
    }
  }
  socket.send(JSON.stringify({ op: "subscribe", channels: names, max_hz: maxHz }));
}

function applyHello(message) {
  byNumber = new Map(message.channels.map((channel) => [channel.no, channel.name]));
  for (const channel of message.channels) {
    const entry = wanted[channel.name];
    if (entry) {
      const state = channelState(channel.name);
      Object.assign(state, { no: channel.no, seq: null, asked: false });
      if (channel.version !== entry.version) {
        reloadTable(channel.name);
      }
    }
  }
  tell({ op: "hello", serverTime: message.server_time, channels: message.channels });
  tell({ op: "state", state: "live" });
  pauseMs = FIRST_PAUSE_MS;
  subscribe(new Set(byNumber.values()));
}

function applyControl(buffer) {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(
    new Uint8Array(buffer, HEADER_BYTES),
  );
  const message = JSON.parse(text);
  if (message.op === "hello") {
    applyHello(message);
  } else if (message.op === "tick") {
    tell({ op: "tick", serverTime: message.server_time, ages: message.age || {} });
  } else if (message.op === "schema") {
    const name = Object.keys(wanted).find((key) => wanted[key].table === message.table);
    if (name && wanted[name].version !== message.version) {
      reloadTable(name);
    }
  } else if (message.op === "hint") {
    tell({ op: "hint", topic: message.topic, rev: message.rev });
  } else if (message.op === "error") {
    tell({ op: "problem", channel: message.channel || "", reason: message.code });
  }
}

function lose(lost, code) {
  if (socket !== lost || isStopped) {
    return;
  }
  socket = null;
  clearTimeout(silenceTimer);
  if (code === LOGIN_EXPIRED) {
    tell({ op: "state", state: "refused" });
    return;
  }
  tell({ op: "state", state: "lost" });
  retryTimer = setTimeout(connect, pauseMs * (0.5 + Math.random() / 2));
  pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
}

// A dead connection may never report its end: after the silence it counts as lost.
function watchForSilence() {
  const current = socket;
  clearTimeout(silenceTimer);
  silenceTimer = setTimeout(() => {
    lose(current, 0);
    current.close();
  }, SILENCE_MS);
}

function receive(buffer) {
  watchForSilence();
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength < HEADER_BYTES) {
    return;
  }
  const view = new DataView(buffer);
  if (view.getUint8(1) !== VERSION) {
    isStopped = true;
    tell({ op: "state", state: "reload" });
    socket.close();
    return;
  }
  const kind = view.getUint8(0);
  if (kind === CONTROL) {
    applyControl(buffer);
  } else if (kind === FULL || kind === DELTA) {
    applyValues(kind, view, buffer);
  }
}

function connect() {
  const current = new WebSocket(address);
  socket = current;
  current.binaryType = "arraybuffer";
  current.onmessage = (event) => {
    try {
      receive(event.data);
    } catch (error) {
      tell({ op: "problem", channel: "", reason: String(error.message) });
    }
  };
  current.onopen = watchForSilence;
  current.onclose = (event) => lose(current, event.code);
}

function open(message) {
  address = message.url;
  wanted = message.channels;
  maxHz = message.maxHz;
  tell({ op: "state", state: "connecting" });
  connect();
}

function tableLoaded({ table, version, features }) {
  for (const [name, entry] of Object.entries(wanted)) {
    if (entry.table === table) {
      Object.assign(entry, { version, features });
      Object.assign(channelState(name), { seq: null, asked: false });
      if (channelState(name).no !== null) {
        requestKeyframe(name);
      }
    }
  }
}

self.onmessage = ({ data }) => {
  if (data.op === "open") {
    open(data);
  } else if (data.op === "next") {
    isAsked = true;
    handOver();
  } else if (data.op === "table") {
    tableLoaded(data);
  } else if (data.op === "close") {
    isStopped = true;
    clearTimeout(retryTimer);
    clearTimeout(silenceTimer);
    if (socket) {
      socket.close();
    }
    self.close();
  }
};
