// What everybody can use: keyboard only, 360 pixels, both themes, and a page that runs nothing inline.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { start_browser, Visitor } from './support/browser.mjs';
import { Service } from './support/service.mjs';
import { Source } from './support/source.mjs';

const MIB = 1024 * 1024;
const service = new Service(['--store', 'memory']);
const source = new Source();
let browser;
let bucket;
before(async () => {
  [browser] = await Promise.all([start_browser(), service.start(), source.start()]);
  ({ defaultBucket: bucket } = await service.call('GET', '/settings'));
});
after(async () => {
  await browser?.close();
  await source.end();
  await service.remove();
});

async function begin(name, options) {
  return service.call('POST', '/transfers', { sourceUrl: source.file(name, options), bucketName: bucket, keyPrefix: 'incoming/' });
}

test('keyboard only: sign in, fetch, pause, resume, cancel, delete', async () => {
  const visitor = await Visitor.come(browser, service, { key: null });
  const { page } = visitor;
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? '');
  /** Tab until what has the focus is called so; it must be seen that it has. */
  const tab_to = async (name) => {
    for (let step = 0; step < 60; step++) {
      await page.keyboard.press('Tab');
      if (name.test(await focused())) {
        const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
        assert.notEqual(outline, 'none', `no outline on ${name}`);
        return;
      }
    }
    assert.fail(`no way to ${name} with the Tab key`);
  };
  await page.getByLabel('Access key').waitFor();
  await page.keyboard.type(service.key); // it has the focus
  await page.keyboard.press('Enter');
  await visitor.is_live();
  await page.getByLabel('URLs to fetch').focus();
  await page.keyboard.type(source.file('keys.bin', { size: 30 * MIB, held: true }));
  await page.keyboard.press('Enter');
  const row = visitor.row('active', 'keys.bin');
  await row.and(page.locator('[data-status=in-progress]')).waitFor();
  await tab_to(/^Pause keys\.bin$/);
  await page.keyboard.press('Enter');
  await row.and(page.locator('[data-status=paused]')).waitFor();
  await page.locator('[data-list=active] h2').focus();
  await tab_to(/^Resume keys\.bin$/);
  await page.keyboard.press('Space');
  await row.and(page.locator('[data-status=in-progress]')).waitFor();
  await page.locator('[data-list=active] h2').focus();
  await tab_to(/^Cancel keys\.bin$/);
  await page.keyboard.press('Enter');
  await visitor.row('finished', 'keys.bin').waitFor();
  source.release('keys.bin');
  // The row that had the focus is gone from its list: the keyboard goes on beside it.
  assert.notEqual(await page.evaluate(() => document.activeElement?.tagName), 'BODY');

  await service.upload('victim.txt', 'x');
  await page.goto(`${service.url}/#/objects/${bucket}/uploads/`);
  await page.getByRole('button', { name: /^Delete .*victim\.txt/ }).waitFor();
  await tab_to(/^Delete .*victim\.txt/);
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.match(await focused(), /^Delete .*victim\.txt/);
  await page.keyboard.press('Enter');
  await tab_to(/^Delete$/);
  await page.keyboard.press('Enter');
  await page.getByText('Nothing here').waitFor();
  await visitor.leave();
});

test('360 pixels are wide enough for every view', async () => {
  await begin('a-rather-long-name-of-a-file-that-somebody-made-up-2026-11-22.bin', { size: 30 * MIB, held: true });
  const visitor = await Visitor.come(browser, service, { width: 360, height: 740 });
  for (const view of ['transfers', 'objects', `objects/${bucket}/`, 'operations', 'alerts', 'keys']) {
    await visitor.page.goto(`${service.url}/#/${view}`);
    await visitor.page.locator('main h1, main h2').first().waitFor({ state: 'attached' });
    const width = await visitor.page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 360, `${view} is ${width} wide`);
  }
  await visitor.leave();
  source.release('a-rather-long-name-of-a-file-that-somebody-made-up-2026-11-22.bin');
});

test('nothing on the page is inline, and nothing comes from elsewhere', async () => {
  const answer = await fetch(service.url);
  const policy = answer.headers.get('content-security-policy') ?? '';
  assert.match(policy, /default-src 'self'/);
  assert.doesNotMatch(policy, /unsafe/);
  const page = await answer.text();
  assert.doesNotMatch(page, /<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|https?:\/\//);
  for (const [, path] of page.matchAll(/(?:src|href)="([^"]+)"/g)) {
    const asset = await fetch(service.url + path);
    assert.equal(asset.status, 200, path);
    assert.match(asset.headers.get('cache-control') ?? '', /immutable/, path);
  }
});

test('the switch of themes wins over the system, and is kept', async () => {
  const visitor = await Visitor.come(browser, service, { theme: 'dark' });
  const { page } = visitor;
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const dark = await ground();
  await page.getByRole('button', { name: /^Colours/ }).click();
  const light = await ground();
  assert.notEqual(light, dark);
  await page.reload();
  await visitor.is_live();
  assert.equal(await ground(), light);
  await visitor.leave();
});
