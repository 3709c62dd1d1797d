/* Checks, tests and bundles the front end, and writes what the wheel ships.
 *
 *   node build.mjs          types, unit tests, bundle
 *   node build.mjs --test   unit tests alone
 *
 * The outputs are committed, so users and CI need no Node. SOURCE.sha256 holds a hash of the sources
 * and of each output: tests/viewer/test_assets.py recomputes them and fails where a source changed
 * and the bundle did not. Names carry no hash and nothing holds a time, so two builds are equal.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));
const OUT = join(HERE, "../neuroscribe/viewer/assets");
const SOURCES = ["src", "tests", "index.html", "package.json", "package-lock.json", "tsconfig.json", "build.mjs"];
const OUTPUTS = ["index.html", "app.js", "app.css", "THIRD_PARTY_LICENSES.txt"];

if (process.argv.includes("--test")) {
  await test();
} else {
  run(join(HERE, "node_modules/.bin/tsc"), ["--noEmit"]);
  await test();
  const meta = await bundle();
  writeFileSync(join(OUT, "THIRD_PARTY_LICENSES.txt"), licences(meta));
  writeFileSync(join(OUT, "SOURCE.sha256"), hashes());
  for (const name of OUTPUTS) {
    console.log(`${name}: ${readFileSync(join(OUT, name)).length.toLocaleString("en")} bytes`);
  }
}

async function test() {
  const folder = mkdtempSync(join(tmpdir(), "frontend-tests-"));
  const names = readdirSync(join(HERE, "tests")).filter((name) => name.endsWith(".test.ts")).sort();
  try {
    await build({
      entryPoints: names.map((name) => join(HERE, "tests", name)),
      outdir: folder,
      outExtension: { ".js": ".mjs" },
      bundle: true,
      platform: "node",
      format: "esm",
      logLevel: "warning",
    });
    run(process.execPath, ["--test", ...names.map((name) => join(folder, name.replace(/ts$/, "mjs")))]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function bundle() {
  mkdirSync(OUT, { recursive: true });
  const result = await build({
    absWorkingDir: HERE,
    entryPoints: { app: "src/main.tsx" },
    outdir: OUT,
    bundle: true,
    minify: true,
    format: "iife", // a module would not start from file://, where the page tells what to do
    target: ["es2022"],
    jsx: "automatic",
    jsxImportSource: "preact",
    legalComments: "none", // the licences lie beside the bundle
    charset: "utf8",
    metafile: true,
    logLevel: "warning",
  });
  copyFileSync(join(HERE, "index.html"), join(OUT, "index.html"));
  return result.metafile;
}

function licences(meta) {
  const names = new Set();
  for (const path of Object.keys(meta.inputs)) {
    const found = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path);
    if (found) names.add(found[1]);
  }
  const texts = [...names].sort().map((name) => {
    const folder = join(HERE, "node_modules", name);
    const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    if (file === undefined) throw new Error(`${name} ships no licence text`);
    return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
  });
  return `app.js and app.css hold code of these libraries.\n\n${texts.join(`\n${"-".repeat(79)}\n\n`)}`;
}

function hashes() {
  const digest = createHash("sha256");
  for (const path of SOURCES.flatMap(filesOf).sort()) {
    digest.update(`${path}\n${sha256(readFileSync(join(HERE, path)))}\n`);
  }
  const lines = [`${digest.digest("hex")}  frontend`];
  for (const name of OUTPUTS) lines.push(`${sha256(readFileSync(join(OUT, name)))}  ${name}`);
  return `${lines.join("\n")}\n`;
}

function filesOf(path) {
  if (SOURCES.includes(path) && /\./.test(path)) return [path];
  return readdirSync(join(HERE, path), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesOf(`${path}/${entry.name}`) : [`${path}/${entry.name}`],
  );
}

function sha256(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}

function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: HERE, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
