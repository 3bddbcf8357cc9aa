// Bundles the third-party JavaScript and writes VERSIONS.json, LICENSES/ and SHA256SUMS beside it.
// Arguments: folder of the bundles that are served, folder of what only the tests need.
import {createHash} from "node:crypto";
import {existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import {join} from "node:path";
import {build} from "esbuild";

const LIMIT_BYTES = 1_000_000;
const lock = JSON.parse(readFileSync("package-lock.json", "utf8")).packages;

// deck.gl names script hosts for debuggers and parser workers that the map never uses. They are
// taken out, so that no bundle holds an address that could be fetched.
const FOREIGN = [
  [/https:\/\/cdn\.jsdelivr\.net\/npm\/spectorjs@[\d.]+\/dist\/spector\.bundle\.js/g, "/not-shipped/spector.js"],
  [/https:\/\/unpkg\.com\/webgl-debug@[\d.]+\/index\.js/g, "/not-shipped/webgl-debug.js"],
  [/https:\/\/unpkg\.com\/@loaders\.gl/g, "/not-shipped/loaders.gl"],
];

function withoutForeignAddresses(text) {
  for (const [pattern, replacement] of FOREIGN) {
    text = text.replaceAll(pattern, replacement);
  }
  const left = text.match(/https?:\/\/[a-z0-9][^"'`\s]*/gi);
  if (left) {
    throw new Error(`the bundle still holds foreign addresses: ${left.join(" ")}`);
  }
  return text;
}

function packageOf(path) {
  const parts = path.split("node_modules/").at(-1).split("/");
  return parts[0].startsWith("@") ? parts.slice(0, 2).join("/") : parts[0];
}

function licenceText(name) {
  const folder = join("node_modules", name);
  const file = readdirSync(folder).find((entry) => /^licen[sc]e/i.test(entry));
  if (file) {
    return readFileSync(join(folder, file), "utf8");
  }
  // Packages of one family share a licence, but not each carries the file.
  const family = name.split("/")[0];
  const relative = readdirSync("node_modules/" + family).find((sibling) =>
    existsSync(join("node_modules", family, sibling, "LICENSE")),
  );
  if (!name.startsWith("@") || !relative) {
    throw new Error(`package ${name} carries no licence text; add one by hand`);
  }
  return readFileSync(join("node_modules", family, relative, "LICENSE"), "utf8");
}

function write(folder, files, packages) {
  rmSync(folder, {recursive: true, force: true});
  mkdirSync(join(folder, "LICENSES"), {recursive: true});
  const sums = [];
  for (const [name, text] of Object.entries(files).sort()) {
    const bytes = Buffer.from(text);
    if (bytes.length >= LIMIT_BYTES) {
      throw new Error(`${name} has ${bytes.length} bytes, the limit is ${LIMIT_BYTES}`);
    }
    writeFileSync(join(folder, name), bytes);
    sums.push(`${createHash("sha256").update(bytes).digest("hex")}  ${name}\n`);
  }
  writeFileSync(join(folder, "SHA256SUMS"), sums.join(""));
  const versions = [...packages].sort().map((name) => {
    const {version, license, integrity} = lock["node_modules/" + name];
    writeFileSync(join(folder, "LICENSES", name.replace("/", "__") + ".txt"), licenceText(name));
    return {package: name, version, license, integrity};
  });
  writeFileSync(join(folder, "VERSIONS.json"), JSON.stringify(versions, null, 1) + "\n");
}

const bundled = await build({
  entryPoints: ["twin-deck.js"],
  bundle: true,
  minify: true,
  format: "iife",
  globalName: "twinDeck",
  target: "es2022",
  legalComments: "none",
  metafile: true,
  write: false,
});
const packages = new Set(
  Object.entries(Object.values(bundled.metafile.outputs)[0].inputs)
    .filter(([path, {bytesInOutput}]) => bytesInOutput > 0 && path.includes("node_modules/"))
    .map(([path]) => packageOf(path)),
);
packages.add("uplot");
const [served, tests] = process.argv.slice(2);
const uplot = "node_modules/uplot/dist/";
write(
  served,
  {
    "twin-deck.min.js": withoutForeignAddresses(bundled.outputFiles[0].text),
    "uPlot.min.js": withoutForeignAddresses(
      readFileSync(uplot + "uPlot.iife.min.js", "utf8").replace(/^\/\*!.*\*\/\s*/, ""),
    ),
    "uPlot.min.css": readFileSync(uplot + "uPlot.min.css", "utf8"),
  },
  packages,
);
write(tests, {"axe.min.js": readFileSync("node_modules/axe-core/axe.min.js", "utf8")}, ["axe-core"]);
