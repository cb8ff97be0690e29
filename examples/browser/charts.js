// Lines on a canvas, sharp on any screen, in the page's own colours.

const MARGIN = { left: 46, right: 12, top: 8, bottom: 22 };

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);

/** A canvas made ready: {context, width, height} in CSS pixels. */
function cleared(canvas) {
  const ratio = devicePixelRatio, width = canvas.clientWidth, height = canvas.clientHeight;
  const wide = Math.round(width * ratio), high = Math.round(height * ratio);
  if (canvas.width !== wide || canvas.height !== high) [canvas.width, canvas.height] = [wide, high];
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = "11.5px system-ui, sans-serif";
  context.lineJoin = "round";
  return { context, width, height };
}

/** Round numbers between low and high, about as many as asked for. */
function ticks(low, high, count) {
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high; at += step) found.push(at);
  return found;
}

/**
 * Curves over rows.
 *
 * rows: [first, last]. curves: {points: [[row, value], …], colour, width}. marks: [[row, text], …]
 * under the chart. hair: a row with a line through it. low: what the axis has to reach.
 */
export function drawCurves(canvas, { rows: [first, last], curves, marks, hair, low }) {
  const { context, width, height } = cleared(canvas);
  const values = curves.flatMap(({ points }) => points.map(([, value]) => value));
  if (values.length === 0) return;
  const bottom = Math.min(low ?? Infinity, ...values), top = Math.max(...values);
  const spread = top - bottom || 1;
  const inner = { width: width - MARGIN.left - MARGIN.right,
    height: height - MARGIN.top - MARGIN.bottom };
  const x = (row) => MARGIN.left + (inner.width * (row - first)) / Math.max(1, last - first);
  const y = (value) => MARGIN.top + inner.height * (1 - (value - bottom) / spread);

  context.lineWidth = 1;
  context.fillStyle = colour("soft");
  context.strokeStyle = colour("line");
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const tick of ticks(bottom, top, height / 60)) {
    line(context, [[MARGIN.left, y(tick)], [width - MARGIN.right, y(tick)]]);
    context.fillText(short(tick), MARGIN.left - 6, y(tick));
  }
  context.textAlign = "center";
  let free = MARGIN.left; // where the last text ended
  for (const [row, text] of marks) {
    const half = context.measureText(text).width / 2;
    if (x(row) - half < free || x(row) + half > width) continue;
    context.fillText(text, x(row), height - 8);
    free = x(row) + half + 14;
  }
  if (hair !== undefined) {
    context.setLineDash([3, 3]);
    line(context, [[x(hair), MARGIN.top], [x(hair), MARGIN.top + inner.height]]);
    context.setLineDash([]);
  }
  for (const { points, colour: name, width: thick } of curves) {
    context.strokeStyle = colour(name);
    context.lineWidth = thick;
    line(context, points.map(([row, value]) => [x(row), y(value)]));
  }
}

/** A path that fades, where it is now, and where it is said to be next. */
export function drawPath(canvas, truth, forecast, hint) {
  const { context, width, height } = cleared(canvas);
  context.lineWidth = 3;
  context.lineCap = "round";
  for (const [path, name] of [[truth, "truth"], [forecast, "learner"]]) {
    context.strokeStyle = context.fillStyle = colour(name);
    for (let k = 1; k < path.length; k++) {
      context.globalAlpha = (k / path.length) ** 2;
      line(context, [path[k - 1], path[k]]);
    }
    context.globalAlpha = 1;
    if (path.length) dot(context, path[path.length - 1], 7);
  }
  if (truth.length && forecast.length) {
    context.lineWidth = 1;
    context.setLineDash([3, 3]);
    line(context, [truth[truth.length - 1], forecast[forecast.length - 1]]);
    context.setLineDash([]);
  }
  if (truth.length === 0) {
    context.fillStyle = colour("soft");
    context.textAlign = "center";
    context.font = "16px system-ui, sans-serif";
    context.fillText(hint, width / 2, height / 2);
  }
}

function line(context, points) {
  context.beginPath();
  for (const [x, y] of points) context.lineTo(x, y);
  context.stroke();
}

function dot(context, [x, y], radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

/** A number for an axis; a zero has no sign. */
const short = (value) =>
  Math.abs(value) >= 10000 ? `${value / 1000}k` : (value || 0).toLocaleString("en");
