// Where rows come from: {x, y, truth, time, reset}. x are the learner's inputs, y the label that this
// row brings (NaN: none), truth what is drawn.

const HALF_HOUR = 1800, DAY = 86400;

/** The calendar of a moment: what `rtrl_lstm.timestamps.calendar_inputs` says. */
export function calendar(seconds) {
  const angle = ((seconds % DAY) / DAY) * 2 * Math.PI;
  const week = [0, 0, 0, 0, 0, 0, 0];
  week[(Math.floor(seconds / DAY) + 3) % 7] = 1; // 1 January 1970 was a Thursday
  return [
    Math.sin(angle), Math.cos(angle), Math.sin(2 * angle), Math.cos(2 * angle), ...week,
  ];
}

/** Passengers of New York's taxis, and the calendar of the half-hour that is forecast. */
export class Taxi {
  constructor(text, horizon) {
    this.rows = text.trim().split("\n").slice(1).map((line) => {
      const [stamp, value] = line.split(",");
      return { seconds: Date.parse(`${stamp.replace(" ", "T")}Z`) / 1000, value: Number(value) };
    });
    this.ahead = horizon * HALF_HOUR;
    this.next = 0;
  }

  get ended() {
    return this.next === this.rows.length;
  }

  take() {
    const { seconds, value } = this.rows[this.next++];
    const x = [value, ...calendar(seconds + this.ahead)];
    return { x, y: [value], truth: [value], time: seconds, reset: false };
  }
}

const IDLE = 400; // ms without a movement, after which a new sequence begins

/** The pointer over an element, 30 times a second while it moves. */
export class Pointer {
  static RATE = 30;

  constructor(element, horizon) {
    this.horizon = horizon;
    this.path = []; // of this sequence: where it was
    this.at = null;
    this.moved = -Infinity;
    element.addEventListener("pointermove", (event) => this.move(event));
    element.addEventListener("pointerdown", (event) => this.move(event));
  }

  move(event) {
    this.at = [event.offsetX, event.offsetY];
    this.moved = performance.now();
  }

  /** The row of this moment, or nothing where the pointer rests. */
  sample() {
    if (performance.now() - this.moved > IDLE) {
      this.path = [];
      return null;
    }
    const reset = this.path.length === 0;
    this.path.push(this.at);
    return { ...pointerRow(this.path, this.horizon), reset, time: performance.now() / 1000 };
  }
}

/** How a path has moved: in the last sample, over the horizon; and where it is. */
export function pointerRow(path, horizon) {
  const at = path[path.length - 1], last = path.length - 1;
  const since = (samples) => path[Math.max(0, last - samples)].map((before, k) => at[k] - before);
  const far = since(horizon);
  return {
    x: [...since(1), ...far, ...at],
    y: last < horizon ? [NaN, NaN] : far,
    truth: at,
  };
}
