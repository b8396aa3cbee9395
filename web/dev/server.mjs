// Imitates `telpher serve` for the development of the page: same routes, same shapes, nothing real.
//
//   node dev/server.mjs [--port 8089] [--scenario empty|busy|failing] [--auth] [--role reader|…]
//
// With --auth it wants a key, tk_dev, or tk_reader, tk_uploader, tk_operator. POST /_dev/restart closes
// everything for three seconds. Sources whose URL has "fail" in it fail twice.

import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { parse_multipart } from './multipart.mjs';
import { STATUSES, World } from './world.mjs';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '8089' },
    scenario: { type: 'string', default: 'busy' },
    auth: { type: 'boolean', default: false },
    role: { type: 'string', default: 'admin' },
  },
});
const DIST = new URL('../dist/', import.meta.url).pathname;
const MIB = 1024 * 1024;
const CSP = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const KEYS = { tk_dev: 'admin', tk_reader: 'reader', tk_uploader: 'uploader', tk_operator: 'operator' };
const RANK = { reader: 0, uploader: 1, operator: 2, admin: 3 };

const world = new World({ scenario: options.scenario });
const events = [];
let event_id = Date.now();
world.on('event', (name, data) => {
  events.push({ id: ++event_id, name, data });
  if (events.length > 2000) events.shift();
});
setInterval(() => world.tick(250), 250);

let keys = [{ id: 'k1', name: 'first', role: 'admin', buckets: null, created: '2026-11-20T10:00:00.000Z', expires: null, lastUsed: new Date().toISOString(), revoked: false },
  { id: 'k2', name: 'camera', role: 'uploader', buckets: ['main/photos/'], created: '2026-11-21T10:00:00.000Z', expires: '2027-01-01T00:00:00.000Z', lastUsed: null, revoked: false }];
const tus = new Map();

class Refusal extends Error {
  constructor(status, code, message, details) {
    super(message);
    Object.assign(this, { status, code, details });
  }
}

function session_of(request) {
  if (!options.auth) return { name: 'open', role: options.role, auth: 'open' };
  const key = /telpher_session=(\w+)/.exec(request.headers.cookie ?? '')?.[1];
  if (!KEYS[key]) throw new Refusal(401, 'UNAUTHORIZED', 'A key is needed.');
  return { name: key.slice(3), role: KEYS[key], auth: 'cookie' };
}

function need(session, role) {
  if (RANK[session.role] < RANK[role]) throw new Refusal(403, 'FORBIDDEN', `This needs the role ${role}.`);
}

async function body_of(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces);
}

function give(response, status, value, headers = {}) {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
  response.end(value === null ? undefined : JSON.stringify(value));
}

function stream_events(request, response) {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  const send = ({ id, name, data }) =>
    response.write(`${id ? `id: ${id}\n` : ''}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  const last = Number(request.headers['last-event-id'] ?? 0);
  if (last) {
    if (events.some((event) => event.id === last)) events.filter((event) => event.id > last).forEach(send);
    else send({ name: 'reset', data: {} });
  }
  response.write(': hello\n\n');
  const told = (name, data) => send({ id: event_id, name, data });
  world.on('event', told);
  const timer = setInterval(() => send({ name: 'monitor', data: world.monitor(false) }), 1000);
  request.on('close', () => {
    clearInterval(timer);
    world.off('event', told);
  });
}

async function upload(request, response) {
  const began = Date.now();
  const fields = parse_multipart(await body_of(request), request.headers['content-type']);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const bucket = fields.find((field) => field.name === 'bucket')?.data.toString() || 'main';
  const prefix = fields.find((field) => field.name === 'prefix')?.data.toString() || 'uploads/';
  const sent = fields.filter((field) => field.name === 'files' && field.filename !== undefined);
  const duration = () => Date.now() - began;
  if (sent.length === 0) return give(response, 400, { success: false, error: 'No files uploaded', duration: duration() });
  if (sent.length > 20) return give(response, 400, { success: false, error: 'Maximum 20 files allowed', duration: duration() });
  const files = [];
  const failures = [];
  for (const file of sent) {
    const stamp = new Date().toISOString().slice(0, 19).replace(/:/g, '-');
    const error = file.data.length === 0 ? 'File is empty' : /\.exe$/.test(file.filename) ? 'File type not allowed: application/x-msdownload' : null;
    world.measure('upload', 50 + Math.random() * 100, file.data.length, !error);
    if (error) failures.push({ originalName: file.filename, error });
    else {
      const path = `${prefix}${stamp}_${file.filename.replace(/[^A-Za-z0-9._-]/g, '_')}`;
      world.put(bucket, path, file.data, file.data.length, file.type);
      files.push({ originalName: file.filename, path, size: file.data.length, type: file.type });
      world.emit('event', 'upload', { bucketName: bucket, key: path, size: file.data.length, type: file.type, how: 'batch' });
    }
  }
  if (failures.length === 0) return give(response, 200, { success: true, files, count: files.length, duration: duration() });
  if (files.length === 0) return give(response, 400, { success: false, error: 'All files invalid', failures, duration: duration() });
  give(response, 207, { success: false, partialSuccess: true, files, failures, count: files.length, failureCount: failures.length, duration: duration() });
}

async function resumable(request, response, id) {
  const headers = { 'Tus-Resumable': '1.0.0', 'Cache-Control': 'no-store' };
  if (request.method === 'POST') {
    const metadata = Object.fromEntries((request.headers['upload-metadata'] ?? '').split(',').map((pair) => {
      const [name, value = ''] = pair.trim().split(' ');
      return [name, Buffer.from(value, 'base64').toString()];
    }));
    id = Math.random().toString(36).slice(2);
    tus.set(id, { length: Number(request.headers['upload-length']), data: [], offset: 0, metadata });
    headers.Location = `/tus/${id}`;
  }
  const one = tus.get(id);
  if (!one) return response.writeHead(404, headers).end();
  if (request.method === 'DELETE') {
    tus.delete(id);
    return response.writeHead(204, headers).end();
  }
  if (request.method === 'POST' || request.method === 'PATCH') {
    try {
      for await (const piece of request) {
        one.data.push(piece);
        one.offset += piece.length;
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    } catch {
      return;
    }
    if (one.offset === one.length) {
      const { bucket = 'main', prefix = 'uploads/', key, filename, filetype } = one.metadata;
      const stored = key || `${prefix}${filename}`;
      world.put(bucket, stored, Buffer.concat(one.data), one.length, filetype);
      world.measure('upload', 200, one.length);
      world.emit('event', 'upload', { bucketName: bucket, key: stored, size: one.length, type: filetype, how: 'tus' });
    }
  }
  headers['Upload-Offset'] = String(one.offset);
  headers['Upload-Length'] = String(one.length);
  response.writeHead(request.method === 'POST' ? 201 : request.method === 'HEAD' ? 200 : 204, headers).end();
}

async function transfers(request, response, url, session) {
  const [, , id, verb] = url.pathname.split('/');
  const query = url.searchParams;
  if (request.method === 'POST' && id === 'batch') {
    need(session, 'uploader');
    const rows = (await body_of(request)).toString().trim().split('\n').map((line) => JSON.parse(line));
    const wrong = rows.flatMap((row, index) => /forbidden/.test(row.sourceUrl) ? [{ row: index + 1, message: 'This host is not allowed.' }] : []);
    if (wrong.length) throw new Refusal(400, 'VALIDATION_ERROR', `${wrong.length} of ${rows.length} rows cannot be accepted.`, wrong);
    const batchId = `b_${Math.random().toString(36).slice(2, 8)}`;
    world.batches.set(batchId, { batchId, created: new Date().toISOString(), count: rows.length });
    for (const row of rows) world.add({ bucketName: query.get('bucketName'), keyPrefix: query.get('keyPrefix'), ...row }, session.name, { batchId });
    return give(response, 202, { success: true, batchId, count: rows.length });
  }
  if (id === 'batches') return give(response, 200, { success: true, ...world.batches.get(verb), counts: world.counts(verb) });
  if (request.method === 'POST' && !id) {
    need(session, 'uploader');
    const wanted = JSON.parse(await body_of(request));
    if (/forbidden/.test(wanted.sourceUrl)) throw new Refusal(403, 'FORBIDDEN_ADDRESS', 'This host is not allowed.');
    return give(response, 202, { success: true, transferId: world.add(wanted, session.name).transferId });
  }
  if (!id) {
    const status = query.get('status');
    if (status && !STATUSES.includes(status)) throw new Refusal(400, 'VALIDATION_ERROR', 'Not a status.', { status: 'unknown' });
    const limit = Number(query.get('limit') ?? 50);
    const from = Number(query.get('cursor') ?? 0);
    const found = [...world.transfers.values()].reverse().filter((transfer) =>
      (!status || transfer.status === status) && (!query.get('batch') || transfer.metadata.batchId === query.get('batch')));
    return give(response, 200, { success: true, transfers: found.slice(from, from + limit),
      nextCursor: from + limit < found.length ? String(from + limit) : null, counts: world.counts() });
  }
  const transfer = world.transfers.get(id);
  if (!transfer) throw new Refusal(404, 'TRANSFER_NOT_FOUND', 'There is no such transfer.');
  if (request.method === 'GET') return give(response, 200, { success: true, ...transfer });
  need(session, 'uploader');
  const what = request.method === 'DELETE' ? 'cancel' : verb;
  if (!world.order(what, transfer)) throw new Refusal(409, 'CONFLICT', `It is ${transfer.status}: it cannot be given the order ${what}.`);
  give(response, 200, { success: true, ...transfer });
}

async function objects(request, response, url, session) {
  const [, , bucket_name, ...rest] = url.pathname.split('/');
  if (!bucket_name) {
    const bucket = world.buckets.get(url.searchParams.get('bucket'));
    if (!bucket) throw new Refusal(404, 'NOT_FOUND', 'There is no such bucket.');
    const prefix = url.searchParams.get('prefix') ?? '';
    const prefixes = new Set();
    const found = [];
    for (const object of [...bucket.values()].sort((a, b) => (a.key < b.key ? -1 : 1))) {
      if (!object.key.startsWith(prefix)) continue;
      const slash = object.key.indexOf('/', prefix.length);
      if (slash >= 0) prefixes.add(object.key.slice(0, slash + 1));
      else found.push({ key: object.key, size: object.size, lastModified: object.lastModified, etag: object.etag });
    }
    return give(response, 200, { success: true, bucket: url.searchParams.get('bucket'), prefix, prefixes: [...prefixes], objects: found, nextCursor: null });
  }
  const bucket = world.buckets.get(decodeURIComponent(bucket_name));
  const key = decodeURIComponent(rest.join('/'));
  const object = bucket?.get(key);
  if (!object) throw new Refusal(404, 'NOT_FOUND', 'There is no such object.');
  if (request.method === 'DELETE') {
    need(session, 'operator');
    bucket.delete(key);
    return response.writeHead(204).end();
  }
  const disposition = url.searchParams.has('download') ? { 'Content-Disposition': `attachment; filename="${encodeURIComponent(key.split('/').pop())}"` } : {};
  response.writeHead(200, { 'Content-Type': object.type, 'Content-Security-Policy': 'sandbox', 'X-Content-Type-Options': 'nosniff', ...disposition });
  response.end(object.bytes);
}

async function sessions(request, response) {
  if (request.method === 'DELETE') return response.writeHead(204, { 'Set-Cookie': 'telpher_session=; Max-Age=0; Path=/' }).end();
  if (request.method === 'POST') {
    const { key } = JSON.parse(await body_of(request));
    if (!KEYS[key]) throw new Refusal(401, 'UNAUTHORIZED', 'This key is not known.');
    return give(response, 200, { success: true, name: key.slice(3), role: KEYS[key], buckets: null, auth: 'key', version: 'dev' },
      { 'Set-Cookie': `telpher_session=${key}; HttpOnly; SameSite=Strict; Path=/` });
  }
  give(response, 200, { success: true, ...session_of(request), buckets: null, version: 'dev' });
}

async function access_keys(request, response, url, session) {
  need(session, 'admin');
  if (request.method === 'POST') {
    const made = { id: `k${keys.length + 1}`, created: new Date().toISOString(), buckets: null, expires: null, lastUsed: null, revoked: false, ...JSON.parse(await body_of(request)) };
    keys.push(made);
    return give(response, 201, { success: true, key: { ...made, secret: 'tk_' + 'x'.repeat(43) } });
  }
  if (request.method === 'DELETE') {
    keys = keys.map((key) => (key.id === url.pathname.split('/')[2] ? { ...key, revoked: true } : key));
    return response.writeHead(204).end();
  }
  give(response, 200, { success: true, keys });
}

async function monitor(request, response, url, session) {
  const [, , what, name, history] = url.pathname.split('/');
  if (!what) return give(response, 200, { success: true, ...world.monitor(true) });
  if (what === 'alerts' && name === 'suppress') {
    need(session, 'operator');
    const { operation } = JSON.parse(await body_of(request));
    for (const alert of world.firing) if (!operation || alert.operation === operation) alert.suppressed = true;
    return response.writeHead(204).end();
  }
  if (what === 'alerts') return give(response, 200, { success: true, firing: world.firing, resolved: world.resolved });
  if (what === 'operations' && request.method === 'DELETE') {
    need(session, 'operator');
    world.measured.clear();
    return response.writeHead(204).end();
  }
  if (what === 'operations' && history) return give(response, 200, { success: true, samples: world.measured.get(name) ?? [] });
  give(response, 200, { success: true, ...world.monitor(true) });
}

async function faults(request, response, session) {
  need(session, 'operator');
  if (request.method === 'PUT') {
    const { rules = [] } = JSON.parse(await body_of(request));
    if (rules.some((rule) => !rule.do)) throw new Refusal(400, 'VALIDATION_ERROR', 'rule 0 has no "do".');
    world.faults = { rules: rules.map((rule, index) => ({ ...rule, index, acted: 0, met: false })) };
  } else if (request.method === 'DELETE') world.faults = { rules: [] };
  give(response, 200, { ...world.faults, all_met: false });
}

async function answer(request, response) {
  const url = new URL(request.url, 'http://localhost');
  const first = url.pathname.split('/')[1];
  if (first === '_dev') {
    give(response, 200, {});
    return restart();
  }
  if (first === 'session') return sessions(request, response);
  if (first === '' || first === 'assets') return page(response, url.pathname);
  const session = session_of(request);
  switch (first) {
    case 'events': return stream_events(request, response);
    case 'settings': return give(response, 200, { success: true, defaultBucket: 'main', upload: { filesMax: 20, fileBytesMax: 100 * MIB, allow: [], block: [] }, transfers: { max: 4 }, faults: options.scenario === 'failing' });
    case 'transfers': return transfers(request, response, url, session);
    case 'upload': need(session, 'uploader'); return upload(request, response);
    case 'tus': need(session, 'uploader'); return resumable(request, response, url.pathname.split('/')[2]);
    case 'buckets': return give(response, 200, { success: true, buckets: [...world.buckets.keys()].map((name) => ({ name, created: '2026-11-20T10:00:00.000Z' })), defaultBucket: 'main' });
    case 'objects': return objects(request, response, url, session);
    case 'monitor': return monitor(request, response, url, session);
    case 'keys': return access_keys(request, response, url, session);
    case 'faults': return faults(request, response, session);
    default: throw new Refusal(404, 'NOT_FOUND', 'There is nothing here.');
  }
}

function page(response, path) {
  const file = join(DIST, path === '/' ? 'index.html' : path);
  if (!file.startsWith(DIST) || !existsSync(file) || !statSync(file).isFile()) throw new Refusal(404, 'NOT_FOUND', 'There is nothing here.');
  response.writeHead(200, { 'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream', 'Content-Security-Policy': CSP, 'X-Content-Type-Options': 'nosniff' });
  createReadStream(file).pipe(response);
}

const sockets = new Set();
function serve() {
  const server = createServer((request, response) => {
    answer(request, response).catch((error) => {
      const { status = 500, code = 'INTERNAL_ERROR', message, details } = error;
      if (status === 500) console.error(error);
      if (!response.headersSent) give(response, status, { success: false, error: { code, message, details, retryable: status >= 500 } });
    });
  });
  server.on('connection', (socket) => sockets.add(socket.on('close', () => sockets.delete(socket))));
  server.listen(Number(options.port), '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
  return server;
}
let server = serve();
function restart() {
  options.port = String(server.address().port);
  server.close();
  for (const socket of sockets) socket.destroy();
  setTimeout(() => {
    world.started = Date.now();
    events.length = 0;
    server = serve();
  }, 3000);
}
