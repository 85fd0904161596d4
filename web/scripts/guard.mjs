// Fails on HTML sinks in the source (--source), and on too much JavaScript, inline code or HTML sinks in the build (--bundle).
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const ROOT = new URL("..", import.meta.url).pathname;
const BUILT = join(ROOT, "../src/qntx/web");
const LIMIT_BYTES = 150 * 1024;
const SINKS =
  /\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc)\b|\{@html|\beval\(|new Function\(/;
const INLINE_STYLE = /\sstyle="[^{]/;

function files(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

function source() {
  const wrong = [];
  for (const file of files(join(ROOT, "src")).concat(join(ROOT, "index.html"))) {
    if (!/\.(ts|svelte|html)$/.test(file)) continue;
    readFileSync(file, "utf8")
      .split("\n")
      .forEach((line, at) => {
        if (SINKS.test(line))
          wrong.push(`${file}:${at + 1}: HTML from a string; build text nodes instead`);
        if (INLINE_STYLE.test(line))
          wrong.push(`${file}:${at + 1}: style attribute; use a class or style:name={…}`);
      });
  }
  return wrong;
}

function bundle() {
  const wrong = [];
  let scripts = 0;
  for (const file of files(BUILT)) {
    const text = readFileSync(file);
    if (file.endsWith(".js")) {
      scripts += gzipSync(text, { level: 9 }).length;
      if (/\.innerHTML\s*=|\.outerHTML\s*=|insertAdjacentHTML/.test(text.toString()))
        wrong.push(`${file}: assigns HTML`);
    }
    if (
      file.endsWith(".html") &&
      /<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=/.test(text.toString())
    )
      wrong.push(`${file}: inline script or style`);
  }
  console.log(
    `JavaScript: ${(scripts / 1024).toFixed(1)} KiB gzip (limit ${LIMIT_BYTES / 1024} KiB)`,
  );
  if (scripts > LIMIT_BYTES)
    wrong.push(`JavaScript is ${scripts} bytes gzip, more than ${LIMIT_BYTES}`);
  return wrong;
}

const wrong = process.argv.includes("--bundle") ? bundle() : source();
for (const sentence of wrong) console.error(sentence);
process.exit(wrong.length === 0 ? 0 : 1);
