// The object browser: through prefixes, download, delete.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { start_browser, Visitor } from './support/browser.mjs';
import { Service } from './support/service.mjs';
import { content, Source } from './support/source.mjs';

const service = new Service(['--store', 'memory']);
const source = new Source();
let browser;
let bucket;
before(async () => {
  [browser] = await Promise.all([start_browser(), service.start(), source.start()]);
  ({ defaultBucket: bucket } = await service.call('GET', '/settings'));
  for (const [prefix, name] of [['logs/2026/', 'a b&c.bin'], ['logs/2026/', 'plain.bin'], ['logs/', 'top.bin']]) {
    const { transferId } = await service.call('POST', '/transfers', {
      sourceUrl: source.file(name, { size: 5000 }), bucketName: bucket, key: prefix + name,
    });
    for (let status = ''; status !== 'completed'; ) {
      ({ status } = await service.call('GET', `/transfers/${transferId}`));
      assert.ok(!['failed', 'cancelled'].includes(status), status);
    }
  }
});
after(async () => {
  await browser?.close();
  await source.end();
  await service.remove();
});

test('from the buckets down to an object and back', async () => {
  const visitor = await Visitor.come(browser, service, { hash: '#/objects' });
  const { page } = visitor;
  await page.getByRole('link', { name: bucket, exact: true }).click();
  await page.getByRole('link', { name: 'logs/' }).click();
  await page.locator('[data-key="logs/top.bin"]').waitFor();
  await page.getByRole('link', { name: '2026/' }).click();
  const row = page.locator('[data-key="logs/2026/a b&c.bin"]');
  assert.match(await row.innerText(), /4\.88 KiB/);
  await page.getByRole('navigation', { name: 'Folder' }).getByRole('link', { name: 'logs' }).click();
  await page.locator('[data-key="logs/top.bin"]').waitFor();
  await page.goBack();
  await row.waitFor();
  await visitor.leave();
});

test('a download brings the bytes under the right name', async () => {
  const visitor = await Visitor.come(browser, service, { hash: `#/objects/${bucket}/logs/2026/` });
  const [download] = await Promise.all([
    visitor.page.waitForEvent('download'),
    visitor.page.getByRole('link', { name: 'Download a b&c.bin' }).click(),
  ]);
  assert.equal(download.suggestedFilename(), 'a b&c.bin');
  assert.ok(content(5000).equals(readFileSync(await download.path())));
  await visitor.leave();
});

test('deleting asks first, and a no changes nothing', async () => {
  const visitor = await Visitor.come(browser, service, { hash: `#/objects/${bucket}/logs/2026/` });
  const { page } = visitor;
  const row = page.locator('[data-key="logs/2026/plain.bin"]');
  await row.getByRole('button', { name: 'Delete plain.bin' }).click();
  const dialog = page.getByRole('dialog', { name: 'Delete this object?' });
  await dialog.getByText('logs/2026/plain.bin').waitFor();
  await dialog.getByRole('button', { name: 'Keep' }).click();
  await dialog.waitFor({ state: 'detached' });
  assert.equal(await row.count(), 1);
  await row.getByRole('button', { name: 'Delete plain.bin' }).click();
  await dialog.getByRole('button', { name: 'Delete' }).click();
  await row.waitFor({ state: 'detached' });
  const { objects } = await service.call('GET', `/objects?bucket=${bucket}&prefix=logs/2026/`);
  assert.deepEqual(objects.map((object) => object.key), ['logs/2026/a b&c.bin']);
  await visitor.leave();
});
