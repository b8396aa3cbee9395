// Debian's Chromium, a page in it, and what every test of the page expects: no error of a script, and
// nothing that the Content-Security-Policy had to stop.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { extname, join, resolve } from 'node:path';
import { ROOT } from './service.mjs';

const PACKAGES = process.env.TELPHER_PAGE_PACKAGES ?? join(ROOT, 'build', 'page');
const CHROMIUM = process.env.TELPHER_CHROMIUM ?? '/usr/bin/chromium';
const { chromium } = createRequire(`${resolve(PACKAGES)}/`)('playwright-core');

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

export async function start_browser() {
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

export class Visitor {
  troubles = [];

  constructor(context, page, service) {
    Object.assign(this, { context, page, service });
    page.on('pageerror', (error) => this.troubles.push(String(error)));
    page.on('console', (message) => {
      // Answers like 401 and lost connections are told there too, and belong to the tests.
      if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) {
        this.troubles.push(message.text());
      }
    });
  }

  /** Opens the page; signed in when there is a key. */
  static async come(browser, service, { key = service.key, width = 1280, height = 900, theme = 'light', hash = '' } = {}) {
    const context = await browser.newContext({
      viewport: { width, height },
      colorScheme: theme,
      acceptDownloads: true,
      reducedMotion: 'reduce',
    });
    if (process.env.TELPHER_PAGE) await serve_instead(context, resolve(process.env.TELPHER_PAGE));
    const visitor = new Visitor(context, await context.newPage(), service);
    visitor.page.setDefaultTimeout(30_000);
    await visitor.page.goto(`${service.url}/${hash}`);
    if (key) await visitor.sign_in(key);
    return visitor;
  }

  async sign_in(key) {
    await this.page.getByLabel('Access key').fill(key);
    await this.page.getByRole('button', { name: 'Sign in' }).click();
    await this.is_live();
  }

  async is_live() {
    await this.page.locator('.connection-live').waitFor();
  }

  list(name) {
    return this.page.locator(`[data-list=${name}]`);
  }

  /** The row of a transfer or upload in a list, by what it is called. */
  row(list, name) {
    return this.list(list).locator('li.row').filter({ has: this.page.locator('.name', { hasText: name }) });
  }

  async paste(...urls) {
    await this.page.getByLabel('URLs to fetch').fill(urls.join('\n'));
    await this.page.getByRole('button', { name: /^Fetch/ }).click();
    await this.page.getByText(/^[\d,]+ transfers? accepted\.$/).first().waitFor();
  }

  /** Files dropped onto the page, as from the desktop: paths of files and folders on disk. */
  async drop(...paths) {
    const session = await this.context.newCDPSession(this.page);
    const data = { items: [], files: paths, dragOperationsMask: 1 };
    for (const type of ['dragEnter', 'dragOver', 'drop']) {
      await session.send('Input.dispatchDragEvent', { type, x: 400, y: 400, data });
    }
    await session.detach();
  }

  async leave() {
    await this.context.close();
    assert.deepEqual(this.troubles, []);
  }
}

async function serve_instead(context, folder) {
  await context.route(
    (url) => url.pathname === '/' || url.pathname.startsWith('/assets/'),
    async (route) => {
      const { pathname } = new URL(route.request().url());
      const path = join(folder, pathname === '/' ? 'index.html' : pathname);
      if (!existsSync(path)) return route.fulfill({ status: 404 });
      await route.fulfill({
        body: readFileSync(path),
        contentType: TYPES[extname(path)] ?? 'application/octet-stream',
        headers: { 'Content-Security-Policy': "default-src 'self'" },
      });
    },
  );
}

/** Waits until `probe` gives something that is not false, null or undefined. */
export async function until(what, probe, ms = 30_000) {
  const end = Date.now() + ms;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((go) => setTimeout(go, 50));
  }
}
