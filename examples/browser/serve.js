// Hands this folder, and the taxi file beside it, to a browser on this machine.

import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".csv": "text/csv; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".wasm": "application/wasm",
};

function fileOf(url) {
  const path = normalize(decodeURIComponent(new URL(url, "http://localhost").pathname));
  if (path === "/nyc_taxi.csv") return join(HERE, "..", path);
  return join(HERE, path === "/" ? "index.html" : path);
}

function answer(request, response) {
  let file;
  try {
    file = fileOf(request.url);
  } catch {
    response.writeHead(400).end("no such address\n");
    return;
  }
  if (!existsSync(file) || !statSync(file).isFile()) {
    response.writeHead(404).end("no such file\n");
    return;
  }
  const type = TYPES[extname(file)] ?? "application/octet-stream";
  response.writeHead(200, { "Content-Type": type, "Cache-Control": "no-cache" });
  createReadStream(file).pipe(response);
}

if (!existsSync(join(HERE, "node_modules", "onnxruntime-web"))) {
  console.error("onnxruntime-web is missing: run npm install first");
  process.exit(1);
}
const port = process.env.PORT ?? 8000;
const server = createServer(answer);
server.on("error", (error) => {
  console.error(`cannot listen on port ${port} (${error.code}): try PORT=8080 npm start`);
  process.exit(1);
});
server.listen(port, "127.0.0.1", () => console.log(`http://localhost:${server.address().port}`));
