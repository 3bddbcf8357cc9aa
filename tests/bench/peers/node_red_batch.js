// Hand-batched by somebody who knows Node-RED well: the payloads stay text, so that nothing is
// parsed twice; 500 rows or 50 ms, whatever comes first, as one parameter of one INSERT.
const rows = context.get("rows");
rows.push(msg.payload);
function flush() {
  const full = context.get("rows");
  context.set("timer", null);
  if (full.length === 0) { return; }
  context.set("rows", []);
  node.send({ params: ["[" + full.join(",") + "]"] });
}
if (rows.length >= 500) {
  clearTimeout(context.get("timer"));
  flush();
} else if (!context.get("timer")) {
  context.set("timer", setTimeout(flush, 50));
}
return null;
