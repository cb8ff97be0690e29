// The page: takes rows from a stream, lets the learner have them, and draws.

import { drawCurves, drawPath } from "./charts.js";
import { Learner } from "./learner.js";
import { Run } from "./run.js";
import { Pointer, Taxi } from "./streams.js";

const $ = (id) => document.getElementById(id);
const PACES = [
  [8, "4 hours a second"], [24, "12 hours a second"], [48, "a day a second"],
  [336, "a week a second"], [Infinity, "as fast as it can"],
];
const FRAME = 30; // ms of learning between two pictures, at most
const STRETCH = 240; // half-hours that are drawn

const STREAMS = {
  taxi: {
    title: "Passengers of taxis, two and a half hours ahead",
    what: "Half-hours of New York City from July 2014 to January 2015, replayed. The forecast runs "
      + "ahead of the truth: its end has yet to come.",
    measure: "Passengers that a forecast is off by, mean of the last week.",
    window: 336,
  },
  pointer: {
    title: "Your pointer, a quarter of a second ahead",
    what: "Move it over the field, in circles, say: it learns how you move. It starts from nothing.",
    measure: "Pixels that a forecast is off by, mean of the last ten seconds of movement.",
    window: 300,
  },
};

/** What is going on; `name` is the stream's. */
export const now = { name: "taxi", run: null, stream: null, paused: false };

async function bytesOf(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}

let asked = 0; // how often a beginning was asked for: the last one counts

/** Begin with a stream, and with a learner that knows nothing of it. */
async function begin(name) {
  const mine = ++asked, pointing = name === "pointer";
  now.stream = now.run = null;
  const learner = await Learner.of(await bytesOf(`${name}.onnx`));
  const rows = pointing ? null : new TextDecoder().decode(await bytesOf("nyc_taxi.csv"));
  if (mine !== asked) return;
  const { title, what, measure, window } = STREAMS[name];
  const old = $("stretch"), canvas = old.cloneNode(); // without what listens to the old one
  old.replaceWith(canvas);
  const stream = pointing ? new Pointer(canvas, learner.horizon) : new Taxi(rows, learner.horizon);
  canvas.classList.toggle("pad", pointing);
  canvas.setAttribute("aria-label", title);
  $("title").textContent = title;
  $("what").textContent = what;
  $("measure").textContent = measure;
  $("file").textContent = `${name}-learned.onnx`;
  document.querySelector(".speed").hidden = pointing;
  for (const one of Object.keys(STREAMS)) $(one).setAttribute("aria-pressed", one === name);
  Object.assign(now, { name, stream, run: new Run(learner, window, pointing), due: 0 });
  pause(false);
}

function pause(paused) {
  now.paused = paused;
  $("pause").textContent = paused ? "Go on" : "Pause";
}

/** Learn the rows that are due after so many seconds. */
async function learn(seconds) {
  const { run, stream, name } = now;
  if (!run || now.paused) return;
  const pace = name === "pointer" ? Pointer.RATE : PACES[$("speed").value][0];
  // A pointer is where it is now; of a file no more than a second is made up for.
  const most = name === "pointer" ? 1 : pace;
  now.due = most === Infinity ? most : Math.min(now.due + pace * seconds, most);
  const begin = performance.now();
  while (now.due >= 1 && !stream.ended && performance.now() - begin < FRAME) {
    const row = name === "pointer" ? stream.sample() : stream.take();
    if (row) await run.take(row);
    now.due -= 1;
  }
}

function draw() {
  const { run, name } = now;
  if (!run) return;
  const error = run.error(0), naive = run.error(1);
  const said = (value, digits) =>
    Number.isNaN(value) ? "–" : value.toLocaleString("en", { maximumFractionDigits: digits });
  const digits = name === "taxi" ? 0 : 1;
  $("error").textContent = said(error, digits);
  $("naive").textContent = said(naive, digits);
  $("better").textContent = error < naive ? `${said(100 * (1 - error / naive), 0)} %` : "–";
  $("rows").textContent = said(run.length, 0);
  $("cost").textContent = run.length ? `${run.cost.toFixed(1)} ms` : "–";
  $("pace").textContent = PACES[$("speed").value][1];
  $("pause").disabled = Boolean(now.stream.ended);
  if (name === "taxi") drawTaxi(run);
  else drawPointer(run);
  drawErrors(run);
}

/** The last days: the truth up to now, the forecast beyond it. */
function drawTaxi(run) {
  const last = run.length - 1, first = last - STRETCH, ahead = run.learner.horizon;
  const truth = [], forecast = [], marks = [];
  for (let t = Math.max(0, first); t <= last; t++) {
    truth.push([t, run.truths[t][0]]);
    if (t + ahead > last - STRETCH + ahead) forecast.push([t + ahead, run.forecasts[t][0]]);
    if (run.times[t] % 86400 === 0) marks.push([t, day(run.times[t], "weekday")]);
  }
  drawCurves($("stretch"), {
    rows: [Math.max(0, first), Math.max(last, 47) + ahead],
    curves: [
      { points: truth, colour: "truth", width: 1.6 },
      { points: forecast, colour: "learner", width: 2 },
    ],
    marks, hair: last, low: 0,
  });
}

function drawPointer(run) {
  const sequence = run.truths.slice(Math.max(run.began, run.length - 30));
  const forecasts = run.forecasts.slice(Math.max(run.began, run.length - 12));
  const moving = performance.now() / 1000 - run.times[run.length - 1] < 1;
  drawPath($("stretch"), moving ? sequence : [], moving ? forecasts : [], "move here");
}

function drawErrors(run) {
  const count = run.scored.length, every = Math.max(1, Math.floor(count / 300));
  const points = [[], []], marks = [];
  for (let k = 1; k <= count; k += k + every > count ? 1 : every) {
    for (const which of [0, 1]) points[which].push([run.scored[k - 1], run.error(which, k)]);
  }
  if (now.name === "taxi") {
    run.times.forEach((time, t) => {
      if (time % 86400 === 0 && new Date(1000 * time).getUTCDate() === 1) {
        marks.push([t, day(time, "month")]);
      }
    });
  }
  drawCurves($("errors"), {
    rows: [0, Math.max(run.length, 100)],
    curves: [
      { points: points[1], colour: "grey", width: 1.8 },
      { points: points[0], colour: "learner", width: 2 },
    ],
    marks, low: 0,
  });
}

/** A moment's weekday and day, or its month. */
function day(seconds, unit) {
  const options = unit === "month" ? { month: "short" } : { weekday: "short", day: "numeric" };
  return new Date(1000 * seconds).toLocaleDateString("en-GB", { timeZone: "UTC", ...options });
}

function download() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([now.run.learner.saved()]));
  link.download = $("file").textContent;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // some browsers read it later
}

function fail(error) {
  $("trouble").textContent = `This does not work here: ${error.message}`;
}

let last = performance.now();
async function frame(time) {
  try {
    await learn(Math.max(0, time - last) / 1000);
    draw();
  } catch (error) {
    fail(error);
    return;
  }
  last = time;
  requestAnimationFrame(frame);
}

for (const name of Object.keys(STREAMS)) $(name).onclick = () => begin(name).catch(fail);
$("again").onclick = () => begin(now.name).catch(fail);
$("pause").onclick = () => pause(!now.paused);
$("download").onclick = () => now.run && download();
begin("taxi").then(() => requestAnimationFrame(frame), fail);
