// A web server to fetch from. Files can be held back in the middle, and be broken and mended, so that
// tests never wait for a time.

import { createServer } from 'node:http';

const MIB = 1024 * 1024;

/** What a file holds: the same bytes each time, different ones at each place. */
export function content(size) {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at + 4 <= Math.min(size, MIB); at += 4) bytes.writeUInt32LE((at * 2654435761) % 2 ** 32, at);
  for (let at = MIB; at < size; at += MIB) bytes.copy(bytes, at, 0, Math.min(MIB, size - at));
  for (let at = MIB; at + 8 <= size; at += 4096) bytes.writeDoubleLE(at, at);
  return bytes;
}

function drained(response) {
  return new Promise((resolve) => {
    const over = () => {
      response.off('drain', over).off('close', over);
      resolve();
    };
    response.on('drain', over).on('close', over);
  });
}

export class Source {
  #server;
  #files = new Map();
  url = '';

  async start() {
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
    await new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${this.#server.address().port}`;
    return this;
  }

  async end() {
    for (const file of this.#files.values()) file.release();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** A file's URL. `held`: only its first MiB arrives before release(). `drip`: it comes slowly, at
   *  so many bytes a second and connection; for pictures only, as tests wait for no time. */
  file(name, { size = 64 * 1024, held = false, drip = 0 } = {}) {
    const file = { bytes: content(size), status: 200, sent: 0, held, drip };
    file.gate = held ? new Promise((resolve) => (file.release = resolve)) : Promise.resolve();
    file.release ??= () => {};
    this.#files.set(name, file);
    return `${this.url}/${encodeURIComponent(name)}`;
  }

  release(name) {
    const file = this.#files.get(name);
    file.held = false;
    file.release();
  }

  break_with(name, status) {
    this.#files.get(name).status = status;
  }

  bytes(name) {
    return this.#files.get(name).bytes;
  }

  async #answer(request, response) {
    const file = this.#files.get(decodeURIComponent(request.url.slice(1)));
    const status = file?.status ?? 404;
    if (status !== 200) return response.writeHead(status).end();
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const from = range ? Number(range[1]) : 0;
    const to = range && range[2] ? Math.min(Number(range[2]), file.bytes.length - 1) : file.bytes.length - 1;
    if (range && from >= file.bytes.length) {
      return response.writeHead(416, { 'Content-Range': `bytes */${file.bytes.length}` }).end();
    }
    response.writeHead(range ? 206 : 200, {
      'Content-Length': to - from + 1,
      'Content-Type': 'application/octet-stream',
      'Accept-Ranges': 'bytes',
      ETag: `"${file.bytes.length}"`,
      'Last-Modified': 'Sat, 21 Nov 2026 10:00:00 GMT',
      ...(range ? { 'Content-Range': `bytes ${from}-${to}/${file.bytes.length}` } : {}),
    });
    if (request.method === 'HEAD') return response.end();
    for (let at = from; at <= to; ) {
      if (file.held && file.sent >= MIB) await file.gate;
      const piece = file.bytes.subarray(at, Math.min(at + 64 * 1024, to + 1));
      file.sent += piece.length;
      at += piece.length;
      if (!response.write(piece)) await drained(response);
      if (response.destroyed) return;
      if (file.drip) await new Promise((go) => setTimeout(go, (1000 * piece.length) / file.drip));
    }
    response.end();
  }
}
