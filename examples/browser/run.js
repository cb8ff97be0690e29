// A stream and a learner together: what was forecast, what came, and how far off it was.

const distance = (a, b) => Math.hypot(...a.map((value, k) => value - b[k]));

export class Run {
  /** window: rows over which the running error is a mean. */
  constructor(learner, window, relative = false) {
    this.learner = learner;
    this.window = window;
    this.relative = relative; // forecasts are of how far the truth will have moved
    this.truths = [];
    this.forecasts = []; // made at a row, for `horizon` rows later
    this.times = [];
    this.scored = []; // rows whose forecast has met its truth
    this.sums = [[0], [0]]; // of errors up to each of these: the learner's, the last value's
    this.began = 0; // the row at which the sequence began
    this.cost = 0; // ms that a step takes, of late
  }

  get length() {
    return this.truths.length;
  }

  async take({ x, y, truth, time, reset }) {
    const before = performance.now();
    const said = await this.learner.step(x, y, reset);
    const t = this.length, then = t - this.learner.horizon;
    this.cost += (performance.now() - before - this.cost) / Math.min(t + 1, 100);
    if (reset) this.began = t;
    this.times.push(time);
    this.truths.push(truth);
    this.forecasts.push(Array.from(said, (value, k) => value + (this.relative ? truth[k] : 0)));
    if (then < this.began) return;
    const errors = [distance(this.forecasts[then], truth), distance(this.truths[then], truth)];
    this.scored.push(t);
    this.sums.forEach((sums, k) => sums.push(sums[sums.length - 1] + errors[k]));
  }

  /** The mean error of the learner (0) or of the last value (1) over the window that ends at k. */
  error(which, k = this.scored.length) {
    const from = Math.max(0, k - this.window), sums = this.sums[which];
    return k ? (sums[k] - sums[from]) / (k - from) : NaN;
  }
}
