// The file of a learner graph. Every input but x and y has a value of its own in it: where learning
// begins. onnxruntime-web knows plain inputs only, so these values are taken out before it is given
// the graph; and what was learned is put where they were, which makes the same kind of file again.

// Field numbers of onnx.proto.
const MODEL = { graph: 7, metadata: 14 };
const GRAPH = { initializer: 5, input: 11, output: 12 };
const TENSOR = { dims: 1, type: 2, name: 8, raw: 9 };
const ENTRY = { key: 1, value: 2 };
const VALUE_NAME = 1;
const TYPES = { 1: ["float32", Float32Array], 11: ["float64", Float64Array] };

const text = (bytes) => new TextDecoder().decode(bytes);
const bad = () => new Error("not a learner graph, or a damaged one");

/** What a message holds: {number, value, begin, end}; a value is a number or bytes. */
function* fields(bytes) {
  let at = 0;
  const varint = () => {
    for (let value = 0, factor = 1; at < bytes.length; factor *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    throw bad();
  };
  while (at < bytes.length) {
    const begin = at, tag = varint();
    let value = tag % 8 === 2 || tag % 8 === 0 ? varint() : { 1: 8, 5: 4 }[tag % 8];
    if (tag % 8 !== 0) {
      if (!(at + value <= bytes.length)) throw bad();
      value = bytes.subarray(at, (at += value));
    }
    yield { number: Math.floor(tag / 8), value, begin, end: at };
  }
}

const all = (bytes, number) => [...fields(bytes)].filter((field) => field.number === number);
const only = (bytes, number) => {
  const [field] = all(bytes, number);
  if (field === undefined) throw bad();
  return field.value;
};

function tensor(bytes) {
  const [type, Numbers] = TYPES[only(bytes, TENSOR.type)] ?? [];
  const raw = all(bytes, TENSOR.raw)[0]?.value;
  return {
    name: text(only(bytes, TENSOR.name)),
    dims: all(bytes, TENSOR.dims).map((field) => field.value),
    type,
    raw,
    data: type && raw && new Numbers(raw.slice().buffer),
  };
}

function varint(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return [...bytes, value];
}

/**
 * Reads a file.
 *
 * said: what the file says of itself. values: name -> {dims, type, data}, of all inputs that have
 * one. plain: the graph without them. written(state): the file with other data, name -> numbers.
 */
export function read(bytes) {
  const entries = all(bytes, MODEL.metadata).map(({ value }) => [
    text(only(value, ENTRY.key)), text(only(value, ENTRY.value)),
  ]);
  const said = JSON.parse(Object.fromEntries(entries).rtrl_lstm ?? "{}");
  if (said.graph !== "learner") throw bad();
  const graph = only(bytes, MODEL.graph);
  const inputs = new Set(all(graph, GRAPH.input).map(({ value }) => text(only(value, VALUE_NAME))));
  const values = {}, kept = [];
  for (const { number, value, begin, end } of fields(graph)) {
    const found = number === GRAPH.initializer ? tensor(value) : {};
    if (inputs.has(found.name)) values[found.name] = found;
    else kept.push(graph.subarray(begin, end));
  }
  const length = kept.reduce((sum, part) => sum + part.length, 0);
  const around = [...fields(bytes)].filter(({ number }) => number !== MODEL.graph);
  const parts = around.map(({ begin, end }) => bytes.subarray(begin, end));
  const head = Uint8Array.from([MODEL.graph * 8 + 2, ...varint(length)]);
  const plain = joined([...parts, head, ...kept]);

  const written = (state) => {
    const copy = bytes.slice();
    for (const [name, numbers] of Object.entries(state)) {
      const { raw } = values[name];
      if (numbers.byteLength !== raw.length) throw new Error(`${name} has another size`);
      const as = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
      copy.set(as, raw.byteOffset - bytes.byteOffset);
    }
    return copy;
  };
  return { said, values, plain, written };
}

function joined(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
