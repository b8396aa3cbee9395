// A real `telpher serve`, started for a test and ended with it.
//
//   TELPHER_BUILD    dev (default) or release: which build is tested
//   TELPHER_BINARY   or this very binary
//   TELPHER_PAGE     a folder, such as web/dist, whose files take the place of the embedded page

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export const ROOT = new URL('../../../', import.meta.url).pathname;
export const BINARY =
  process.env.TELPHER_BINARY ??
  join(ROOT, 'build', process.env.TELPHER_BUILD ?? 'dev', 'src', 'telpher');
/** A start that takes longer has failed; builds with sanitizers are slow. */
const START_MS_MAX = 30_000;

export class Service {
  #home = mkdtempSync(join(tmpdir(), 'telpher-page-'));
  #child = null;
  #options;
  #environment;
  url = '';
  /** The admin key that the first start prints. */
  key = '';
  output = '';

  constructor(options = [], environment = {}) {
    this.#options = options;
    this.#environment = environment;
  }

  /** At the same address as before, when it was running before. */
  async start() {
    const listen = this.url ? new URL(this.url).host : '127.0.0.1:0';
    const environment = { PATH: process.env.PATH, TELPHER_HOME: this.#home, HOME: this.#home, ...this.#environment };
    const child = spawn(BINARY, ['serve', '--listen', listen, '--log', 'none', '--allow-private-sources', ...this.#options], {
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.output = '';
    const keep = (line) => {
      this.output += `${line}\n`;
      this.key ||= /tk_[A-Za-z0-9_-]{43}/.exec(line)?.[0] ?? '';
    };
    createInterface({ input: child.stderr }).on('line', keep);
    const lines = createInterface({ input: child.stdout });
    await new Promise((resolve, reject) => {
      const fail = (why) => reject(new Error(`telpher serve ${why}:\n${this.output}`));
      const timer = setTimeout(() => fail('did not say where it listens'), START_MS_MAX);
      child.once('error', (error) => fail(error.message));
      child.once('exit', (code, signal) => fail(`ended (${code ?? signal})`));
      lines.on('line', (line) => {
        keep(line);
        const found = /^listening on (http:\/\/\S+)/.exec(line);
        if (!found) return;
        this.url = found[1];
        clearTimeout(timer);
        resolve();
      });
    });
    // The key is printed by the first start, after the line that says where it listens.
    for (let wait = 0; !this.key && wait < 100; wait++) await new Promise((go) => setTimeout(go, 20));
    if (!this.key) throw new Error(`no admin key was printed:\n${this.output}`);
    return this;
  }

  async end(signal = 'SIGTERM') {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  async remove() {
    await this.end();
    rmSync(this.#home, { recursive: true, force: true });
  }

  /** A call of the API as admin. */
  async call(method, path, body) {
    const answer = await fetch(this.url + path, {
      method,
      headers: { 'X-API-Key': this.key, ...(body ? { 'Content-Type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }

  /** A file, stored under a key that the service makes up. */
  async upload(name, bytes, fields = {}) {
    const form = new FormData();
    for (const [field, value] of Object.entries(fields)) form.append(field, value);
    form.append('files', new Blob([bytes]), name);
    const answer = await fetch(`${this.url}/upload`, {
      method: 'POST', headers: { 'X-API-Key': this.key }, body: form,
    });
    const said = await answer.json();
    if (!said.success) throw new Error(`upload of ${name}: ${JSON.stringify(said)}`);
    return said.files[0];
  }
}
