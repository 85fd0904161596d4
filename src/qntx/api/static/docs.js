// Shows /openapi.json: operations by tag, with search. Text goes into the page as text nodes only.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];
const LIMIT_DEPTH = 6;
let schemas = {};

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

function resolved(schema) {
  const name = schema?.$ref?.split("/").pop();
  return name ? (schemas[name] ?? {}) : (schema ?? {});
}

/** A schema as a person reads it: an object with the types of its fields. */
function shape(schema, depth = 0) {
  const name = schema?.$ref?.split("/").pop();
  const found = resolved(schema);
  const choices = found.oneOf ?? found.anyOf;
  if (choices) return choices.map((one) => typeOf(one)).join(" | ");
  if (found.properties && depth < LIMIT_DEPTH) {
    const required = new Set(found.required ?? []);
    return Object.fromEntries(
      Object.entries(found.properties).map(([key, value]) => [required.has(key) ? key : `${key}?`, shape(value, depth + 1)]),
    );
  }
  if (found.type === "array") return [shape(found.items ?? {}, depth + 1)];
  return name && found.properties ? name : typeOf(found);
}

function typeOf(schema) {
  const found = resolved(schema);
  const choices = found.oneOf ?? found.anyOf;
  if (choices) return choices.map(typeOf).join(" | ");
  if (found.enum) return found.enum.map((value) => JSON.stringify(value)).join(" | ");
  const type = Array.isArray(found.type) ? found.type.join(" | ") : (found.type ?? (schema?.$ref ? schema.$ref.split("/").pop() : "any"));
  const bounds = [];
  for (const [key, sign] of [["minimum", "≥"], ["maximum", "≤"], ["maxLength", "length ≤"], ["minLength", "length ≥"]]) {
    if (found[key] !== undefined) bounds.push(`${sign} ${found[key]}`);
  }
  return bounds.length ? `${type} (${bounds.join(", ")})` : type;
}

function parameters(list) {
  if (!list.length) return null;
  const rows = list.map((one) =>
    element(
      "tr", {},
      element("td", {}, element("code", {}, one.name), one.required ? " *" : ""),
      element("td", { class: "dim" }, one.in),
      element("td", {}, element("code", {}, typeOf(one.schema)), one.schema?.default !== undefined ? ` = ${JSON.stringify(one.schema.default)}` : ""),
      element("td", {}, one.description ?? one.schema?.description ?? ""),
    ),
  );
  const head = element("tr", {}, ...["parameter", "in", "type", "meaning"].map((text) => element("th", { scope: "col" }, text)));
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function curl(method, path, body) {
  const parts = ["curl"];
  if (method !== "get") parts.push("-X", method.toUpperCase(), "-H", '"Authorization: Bearer $(qntx token show)"');
  if (body) parts.push("-H", "'Content-Type: application/json'", "-d", quoted(JSON.stringify(body)));
  parts.push(quoted(location.origin + path));
  return parts.join(" ");
}

function details(path, method, operation) {
  const content = operation.requestBody?.content?.["application/json"]?.schema;
  const body = content ? shape(content) : null;
  const inside = element("div", {}, element("p", {}, operation.description ?? ""), parameters(operation.parameters ?? []));
  if (body) inside.append(element("h3", {}, "Body"), element("pre", {}, JSON.stringify(body, null, 2)));
  inside.append(element("h3", {}, "From a shell"), element("pre", {}, curl(method, path, body)));
  for (const [status, answer] of Object.entries(operation.responses ?? {})) {
    const kinds = Object.entries(answer.content ?? {});
    const good = status.startsWith("2");
    inside.append(element("h3", {}, `${status} ${answer.description ?? ""} ${kinds.map(([kind]) => kind).join(", ")}`.trim()));
    if (good && kinds.length) inside.append(element("pre", {}, JSON.stringify(shape(kinds[0][1].schema ?? {}), null, 2)));
  }
  return inside;
}

function operation(path, method, found) {
  const summary = element(
    "summary", {},
    element("span", { class: "method" }, method.toUpperCase()),
    element("span", { class: "path" }, path),
    element("span", { class: "summary" }, found.summary ?? ""),
  );
  const made = element("details", { id: `${method}-${path.replace(/[^A-Za-z0-9]+/g, "-")}` }, summary);
  made.addEventListener("toggle", () => {
    if (made.open && made.children.length === 1) made.append(details(path, method, found));
  });
  const words = [path, method, found.summary, found.description, ...(found.parameters ?? []).map((one) => one.name)];
  return { made, text: words.join(" ").toLowerCase(), tag: found.tags?.[0] ?? "other" };
}

function show(description) {
  schemas = description.components?.schemas ?? {};
  const all = [];
  for (const [path, item] of Object.entries(description.paths)) {
    for (const method of METHODS) if (item[method]) all.push(operation(path, method, item[method]));
  }
  const groups = new Map();
  for (const one of all) groups.set(one.tag, [...(groups.get(one.tag) ?? []), one]);
  const main = document.getElementById("operations");
  main.replaceChildren();
  const sections = [...groups].map(([tag, list]) => {
    const section = element("section", {}, element("h2", {}, tag), ...list.map((one) => one.made));
    main.append(section);
    return { section, list };
  });
  const search = document.getElementById("search");
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let number = 0;
    for (const { section, list } of sections) {
      let any = false;
      for (const one of list) {
        const fits = words.every((word) => one.text.includes(word));
        one.made.hidden = !fits;
        any ||= fits;
        number += fits ? 1 : 0;
      }
      section.hidden = !any;
    }
    document.getElementById("found").textContent = `${number} of ${all.length} operations`;
  };
  search.addEventListener("input", filter);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== search) {
      event.preventDefault();
      search.focus();
    }
  });
  filter();
  const wanted = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (wanted) {
    wanted.open = true;
    wanted.scrollIntoView();
  }
}

async function start() {
  const main = document.getElementById("operations");
  try {
    const answer = await fetch("/openapi.json");
    if (answer.status === 401) {
      main.replaceChildren(element("p", {}, "This server asks who you are: ", element("a", { href: "/login?next=/docs" }, "log in"), "."));
      return;
    }
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    show(await answer.json());
  } catch (error) {
    main.replaceChildren(element("p", { class: "bad" }, `The description could not be read: ${error.message}`));
  }
}

start();
