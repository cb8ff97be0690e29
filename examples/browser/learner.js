// A learner that learns in this tab: a learner graph in onnxruntime-web, and the numbers it carries.

import * as ort from "./node_modules/onnxruntime-web/dist/ort.wasm.bundle.min.mjs";
import { read } from "./graphfile.js";

ort.env.wasm.numThreads = 1; // such a graph is too small for more

const FLUSHED = 256; // rows
const TINY = 2 ** -126; // below it a processor takes many times as long over a number

export class Learner {
  /** From the bytes of a file. */
  static async of(bytes) {
    const file = read(bytes);
    const options = { executionProviders: ["wasm"], logSeverityLevel: 3 };
    return new Learner(file, await ort.InferenceSession.create(file.plain, options));
  }

  constructor(file, session) {
    this.file = file;
    this.session = session;
    this.horizon = file.said.spec.horizon;
    this.type = file.said.precision;
    this.Numbers = this.type === "float64" ? Float64Array : Float32Array;
    this.begin();
  }

  /** Forget everything that was learned here. */
  begin() {
    this.rows = 0;
    this.fed = Object.fromEntries(
      Object.entries(this.file.values).map(([name, { type, data, dims }]) => [
        name, new ort.Tensor(type, data.slice(), dims),
      ]),
    );
  }

  /**
   * The forecast made at row x, after the label y of this row was learned.
   *
   * NaN is no label; reset says that a new sequence begins with this row.
   */
  async step(x, y, reset = false) {
    const row = (values) => new ort.Tensor(this.type, this.Numbers.from(values), [1, values.length]);
    this.fed.reset.data[0] = Number(reset);
    const { y_hat, ...after } = await this.session.run({ ...this.fed, x: row(x), y: row(y) });
    for (const name in after) this.fed[name.slice(0, -"_out".length)] = after[name];
    if (++this.rows % FLUSHED === 0) this.flush();
    return y_hat.data;
  }

  flush() {
    for (const { data } of Object.values(this.fed)) {
      for (let k = 0; k < data.length; k++) if (Math.abs(data[k]) < TINY) data[k] = 0;
    }
  }

  /** A file with what was learned: `rtrl_lstm.export.Session` and this page read it. */
  saved() {
    const state = Object.entries(this.fed).map(([name, { data }]) => [name, data]);
    return this.file.written(Object.fromEntries(state));
  }
}
