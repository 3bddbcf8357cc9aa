// Node-RED 4 without editor, for `scripts/bench ingest`. TWIN_BENCH_* come from the benchmark.
module.exports = {
  flowFile: "flows.json",
  uiHost: "127.0.0.1",
  uiPort: Number(process.env.TWIN_BENCH_UI_PORT),
  httpAdminRoot: false,
  httpNodeRoot: false,
  credentialSecret: false,
  runtimeState: { enabled: false, ui: false },
  diagnostics: { enabled: false, ui: false },
  telemetry: { enabled: false, updateNotification: false },
  logging: { console: { level: "warn", metrics: false, audit: false } },
  functionTimeout: 0,
};
