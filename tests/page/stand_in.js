// Runs the script of a report's page on a stand-in for a browser, and prints how many elements it
// drew, by the id of the chart: node stand_in.js page.html
const fs = require("fs");

const html = fs.readFileSync(process.argv[2], "utf8");
const figures = html.match(/id="figures">([\s\S]*?)<\/script>/)[1];
const script = html.match(/<script>\n([\s\S]*?)<\/script><\/body>/)[1];

class Element {
  constructor() { Object.assign(this, { children: [], clientWidth: 800, parentElement: this }); }
  style = { setProperty() {} };
  setAttribute(name, value) {
    if (String(value).includes("NaN") || value === undefined) throw new Error(`${name} is ${value}`);
  }
  appendChild(child) { this.children.push(child); return child; }
  append(...children) { this.children.push(...children); }
  replaceChildren() { this.children = []; }
  addEventListener() {}
  querySelector() { return { textContent: "" }; }
  get count() { return this.children.reduce((sum, child) => sum + child.count, 1); }
}

const found = {};
globalThis.document = {
  getElementById(id) {
    if (!html.includes(`id="${id}"`)) throw new Error(`the page has no ${id}`);
    return id === "figures" ? { textContent: figures } : (found[id] ??= new Element());
  },
  createElement: () => new Element(),
  createElementNS: () => new Element(),
};
globalThis.requestAnimationFrame = (draw) => draw();
globalThis.ResizeObserver = class {
  constructor(draw) { this.draw = draw; }
  observe() { this.draw([]); }
};
eval(script);
console.log(JSON.stringify(Object.fromEntries(
  Object.entries(found).map(([id, element]) => [id, element.count]))));
