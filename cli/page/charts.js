"use strict";
// Draws the page's charts as SVG from the numbers in #figures (see charts.py).

const figures = JSON.parse(document.getElementById("figures").textContent);
const COLOURS = { truth: "--truth", forecast: "--learner", learner: "--learner",
  "last value": "--grey", "same time last day": "--orange", "same time last week": "--green",
  "same time last season": "--green", "class frequency": "--plum", "covered": "--learner",
  "asked for": "--grey" };
// Distances between marks on an axis of time.
const SECONDS = [1, 5, 15, 60, 300, 900, 3600, 10800, 21600, 43200, 86400, 172800, 259200,
  604800, 1209600,
  2629800, 7889400, 31557600, 157788000];
const MARGIN = { left: 54, right: 10, top: 8, bottom: 26 };

function element(parent, name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

function box(parent, name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

// Draw now, and again whenever the width is another. Not within the observer: drawing may change the
// height, and a browser complains of that.
function onResize(host, draw) {
  let width = 0;
  const look = () => {
    if (host.clientWidth === width) return;
    width = host.clientWidth;
    draw();
  };
  look();
  new ResizeObserver(() => requestAnimationFrame(look)).observe(host);
}

// Round numbers between two numbers, about `count` of them.
function ticks(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((k) => k * power >= rough);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) found.push(k * step);
  return found;
}

function short(value) {
  const size = Math.abs(value);
  if (size >= 1e4) return new Intl.NumberFormat("en", { notation: "compact" }).format(value);
  return String(Number(value.toPrecision(3)));
}

const exact = (value) => (value === null || value === undefined ? "–"
  : value.toLocaleString("en", { maximumSignificantDigits: 5 }));

function moment(seconds, how) {
  const text = new Date(1000 * seconds).toISOString().replace("T", " ");
  return { day: text.slice(0, 10), short: text.slice(5, 16), long: text.slice(0, 16) }[how];
}

// A chart of curves over rows, or what is `called` otherwise. `series`: [{name, values}], also
// `dots`: their radius, and `against`: values that these should equal. `names`: of whole numbers on
// the vertical axis. `zooms`: pinch, drag, double click, wheel with Ctrl and buttons choose the
// stretch that is shown.
class Lines {
  constructor(host, { rows, times, series, names, zooms, zero, bad, lower, upper, called = "row" }) {
    Object.assign(this, { host, rows, times, series, names, zooms, zero, bad, lower, upper, called });
    this.from = 0;
    this.to = rows.length - 1;
    this.head = box(host, "div", "head");
    for (const one of series) {
      one.key = box(this.head, "span", "key", one.name);
      one.key.style.setProperty("--colour", this.colour(one));
    }
    this.where = box(this.head, "span", "where");
    if (zooms) this.addButtons();
    const label = host.parentElement.querySelector("h2").textContent;
    this.svg = element(host, "svg", { role: "img", "aria-label": label });
    this.pointers = new Map();
    this.svg.addEventListener("pointerdown", (event) => this.press(event));
    this.svg.addEventListener("pointermove", (event) => this.move(event));
    for (const kind of ["pointerup", "pointercancel", "pointerleave"])
      this.svg.addEventListener(kind, (event) => this.release(event));
    if (zooms) {
      this.svg.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
      this.svg.addEventListener("dblclick", (event) => this.zoom(this.index(event), 0.5));
    }
    onResize(host, () => this.draw());
  }

  colour(one) { return `var(${COLOURS[one.name] || "--plum"})`; }

  addButtons() {
    const buttons = box(this.head, "span", "buttons");
    const all = this.rows.length;
    for (const [sign, scale] of [["−", 2], ["+", 0.5]]) {
      const button = box(buttons, "button", "", sign);
      button.setAttribute("aria-label", scale < 1 ? "zoom in" : "zoom out");
      button.addEventListener("click", () => this.zoom((this.from + this.to) / 2, scale));
    }
    for (const count of [100, 300, 1000, all].filter((n, k) => k === 3 || n < all)) {
      const button = box(buttons, "button", "", count === all ? "all" : `last ${count}`);
      button.addEventListener("click", () => this.show(all - count, all - 1));
    }
  }

  show(from, to) {
    const last = this.rows.length - 1, least = Math.min(10, last);
    const width = Math.min(Math.max(to - from, least), last);
    this.from = Math.min(Math.max(from, 0), last - width);
    this.to = this.from + width;
    this.draw();
  }

  zoom(at, scale) { this.show(at + (this.from - at) * scale, at + (this.to - at) * scale); }

  x(k) { return MARGIN.left + (k - this.from) / (this.to - this.from || 1) * this.width; }
  y(value) { return MARGIN.top + (this.high - value) / (this.high - this.low || 1) * this.height; }
  index(event) {
    const at = event.clientX - this.svg.getBoundingClientRect().left - MARGIN.left;
    return this.from + at / this.width * (this.to - this.from);
  }

  range() {
    let low = this.zero ? 0 : Infinity, high = -Infinity;
    if (this.names) return [-0.05 * (this.names.length - 1), 1.05 * (this.names.length - 1)];
    for (const values of [...this.series.map((one) => one.values), this.lower, this.upper])
      for (let k = Math.floor(this.from); k <= Math.ceil(this.to); k++)
        if (values && values[k] !== null && values[k] !== undefined) {
          low = Math.min(low, values[k]);
          high = Math.max(high, values[k]);
        }
    if (low > high) return [0, 1];
    const pad = 0.05 * (high - low || Math.abs(high) || 1);
    return [this.zero ? low : low - pad, high + pad];
  }

  draw() {
    const full = this.host.clientWidth;
    this.width = full - MARGIN.left - MARGIN.right;
    this.height = Math.min(280, Math.max(170, 0.5 * full));
    this.bottom = MARGIN.top + this.height;
    this.svg.setAttribute("height", this.bottom + MARGIN.bottom);
    this.svg.replaceChildren();
    [this.low, this.high] = this.range();
    this.drawAxes();
    if (this.lower) this.drawBand();
    for (const one of [...this.series].reverse()) this.drawSeries(one);
    this.hair = element(this.svg, "line", { class: "hair", y1: MARGIN.top, y2: this.bottom,
      visibility: "hidden" });
  }

  drawAxes() {
    const levels = this.names ? this.names.map((_, k) => k).filter((k) =>
      k % Math.ceil(this.names.length / 12) === 0) : ticks(this.low, this.high, 7);
    for (const value of levels) {
      const y = this.y(value);
      element(this.svg, "line", { class: "grid", x1: MARGIN.left, x2: MARGIN.left + this.width,
        y1: y, y2: y });
      const label = this.names ? this.names[value].slice(0, 8) : short(value);
      element(this.svg, "text", { class: "tick", x: MARGIN.left - 8, y: y + 4,
        "text-anchor": "end" }, label);
    }
    for (const [k, label] of this.marks(Math.max(3, Math.floor(this.width / 110)))) {
      const x = Math.min(Math.max(this.x(k), MARGIN.left + 14), MARGIN.left + this.width - 24);
      element(this.svg, "text", { class: "tick", x, y: this.bottom + 18,
        "text-anchor": "middle" }, label);
    }
    (this.bad || []).forEach((count, k) => count && element(this.svg, "line", { class: "bad",
      x1: this.x(k), x2: this.x(k), y1: this.bottom - 7, y2: this.bottom }));
  }

  // Places on the horizontal axis, at round times or row numbers, and what to write there.
  marks(count) {
    const first = Math.ceil(this.from), last = Math.floor(this.to), at = this.times || this.rows;
    const rough = (at[last] - at[first]) / count || 1;
    const steps = this.times ? SECONDS : [1, 2, 5, 10].map((k) => k * 10 ** Math.floor(Math.log10(rough)));
    const step = steps.find((one) => one >= rough) || steps[steps.length - 1];
    const found = [];
    for (let k = Math.max(first, 1); k <= last; k++)
      if (Math.floor(at[k] / step) > Math.floor(at[k - 1] / step))
        found.push([k, this.times ? moment(at[k], step < 86400 ? "short" : "day")
          : (Math.floor(at[k] / step) * step).toLocaleString("en")]);
    return found;
  }

  // The intervals of the forecasts, a stretch without a gap at a time.
  drawBand() {
    const first = Math.max(Math.floor(this.from), 0), last = Math.ceil(this.to);
    let up = [], down = [];
    const close = () => {
      if (up.length) element(this.svg, "path", { class: "band", d: `M${up.concat(down.reverse()).join("L")}Z` });
      up = []; down = [];
    };
    for (let k = first; k <= last; k++) {
      if (this.lower[k] === null || this.lower[k] === undefined) { close(); continue; }
      up.push(`${this.x(k).toFixed(1)} ${this.y(this.upper[k]).toFixed(1)}`);
      down.push(`${this.x(k).toFixed(1)} ${this.y(this.lower[k]).toFixed(1)}`);
    }
    close();
  }

  drawSeries(one) {
    const style = `--colour:${this.colour(one)}`;
    const first = Math.max(Math.floor(this.from), 0), last = Math.ceil(this.to);
    let path = "", pen = false;
    for (let k = first; k <= last; k++) {
      const value = one.values[k];
      if (value === null || value === undefined) { pen = false; continue; }
      const at = `${this.x(k).toFixed(1)} ${this.y(value).toFixed(1)}`;
      const alone = !pen && (one.values[k + 1] === null || one.values[k + 1] === undefined);
      if (one.dots || alone) {
        const wrong = one.against && one.against[k] !== null && one.against[k] !== value;
        element(this.svg, "circle", { class: "dot", cx: this.x(k), cy: this.y(value),
          style: wrong ? "--colour:var(--bad)" : style, r: one.dots || 2.5,
          opacity: one.faint ? 0.35 : 1 });
      }
      path += `${pen ? "L" : "M"}${at}`;
      pen = true;
    }
    const strong = one.name === "learner" || one.name === "forecast" ? " first" : "";
    if (!one.dots) element(this.svg, "path", { class: `curve${strong}`, style, d: path });
  }

  tell(k) {
    const value = (one) => this.names && this.names.length !== 2 && one.values[k] !== null
      ? this.names[one.values[k]] || "–" : exact(one.values[k]);
    for (const one of this.series)
      one.key.textContent = k === null ? one.name : `${one.name} ${value(one)}`;
    const time = k !== null && this.times ? `, ${moment(this.times[k], "long")}` : "";
    this.where.textContent = k === null ? "" : `${this.called} ${this.rows[k].toLocaleString("en")}${time}`;
    if (k !== null) {
      this.hair.setAttribute("x1", this.x(k));
      this.hair.setAttribute("x2", this.x(k));
    }
    this.hair.setAttribute("visibility", k === null ? "hidden" : "visible");
  }

  press(event) {
    this.tellAt(event);
    if (!this.zooms) return;
    this.svg.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.index(event));
  }

  move(event) {
    const held = this.pointers.get(event.pointerId);
    if (held === undefined) {
      this.tellAt(event);
    } else if (this.pointers.size === 1) {
      const shift = held - this.index(event);
      this.show(this.from + shift, this.to + shift);
    } else {
      const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId);
      const now = this.index(event);
      const scale = (held - other[1]) / (now - other[1] || 1);
      if (scale > 0.2 && scale < 5) this.zoom(other[1], scale);
    }
  }

  tellAt(event) {
    const k = Math.round(this.index(event));
    this.tell(k >= this.from && k <= this.to ? k : null);
  }

  release(event) {
    this.pointers.delete(event.pointerId);
    // A finger leaves with each tap: what it pointed at stays.
    if (event.type === "pointerleave" && event.pointerType === "mouse") this.tell(null);
  }

  // Turned without a key the wheel scrolls the page; a pinch on a trackpad comes with ctrlKey.
  wheel(event) {
    if (!(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    this.zoom(this.index(event), Math.exp(0.0015 * event.deltaY));
  }
}

function drawCalibration(host, bins) {
  const svg = element(host, "svg", { role: "img", "aria-label": "Calibration" });
  const most = Math.max(...bins.map((bin) => bin[2]));
  onResize(host, () => {
    const size = Math.min(host.clientWidth - MARGIN.left - MARGIN.right, 320);
    const x = (p) => MARGIN.left + p * size, y = (p) => MARGIN.top + (1 - p) * size;
    svg.setAttribute("height", size + MARGIN.top + MARGIN.bottom);
    svg.replaceChildren();
    for (const p of [0, 0.25, 0.5, 0.75, 1]) {
      element(svg, "line", { class: "grid", x1: x(0), x2: x(1), y1: y(p), y2: y(p) });
      element(svg, "text", { class: "tick", x: x(0) - 8, y: y(p) + 4, "text-anchor": "end" }, `${100 * p} %`);
      element(svg, "text", { class: "tick", x: x(p), y: y(0) + 18, "text-anchor": "middle" }, `${100 * p} %`);
    }
    element(svg, "line", { class: "hair", x1: x(0), x2: x(1), y1: y(0), y2: y(1) });
    const style = "--colour:var(--learner)";
    element(svg, "path", { class: "curve", style,
      d: bins.map((bin, k) => `${k ? "L" : "M"}${x(bin[0])} ${y(bin[1])}`).join("") });
    for (const [said, true_, count] of bins) {
      const dot = element(svg, "circle", { class: "dot", style, cx: x(said), cy: y(true_),
        r: 3 + 6 * Math.sqrt(count / most) });
      element(dot, "title", {}, `${exact(count)} forecasts: said ${(100 * said).toFixed(1)} %, true ${(100 * true_).toFixed(1)} %`);
    }
  });
}

const { stretch, coverage, calibration } = figures;
if (stretch) {
  const { truth, forecast, names } = stretch, many = names && names.length !== 2;
  const chart = new Lines(document.getElementById("stretch"), { ...stretch, zooms: true, series: [
    { name: "forecast", values: forecast, dots: many && 2.2, against: many && truth },
    { name: "truth", values: truth, dots: names && (many ? 5 : 2), faint: many }] });
  chart.show(stretch.rows.length - (names ? 100 : 300), stretch.rows.length - 1);
}
for (const name of ["errors", "by-step"])
  if (figures[name]) {
    const series = Object.entries(figures[name].series).map(([name, values]) =>
      ({ name: name.replaceAll("_", " "), values }));
    new Lines(document.getElementById(name), { ...figures[name], series, zero: true });
  }
if (coverage) {
  const series = Object.entries(coverage.series).map(([name, values]) => ({ name, values }));
  new Lines(document.getElementById("coverage"), { ...coverage, series, zero: true });
}
if (calibration) drawCalibration(document.getElementById("calibration"), calibration);
