// URLs: pasted, paused, resumed, cancelled, failed, tried again, followed through a restart.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { start_browser, until, Visitor } from './support/browser.mjs';
import { Service } from './support/service.mjs';
import { Source } from './support/source.mjs';

const MIB = 1024 * 1024;
const service = new Service(); // the embedded store: what it has survives
const source = new Source();
let browser;
before(async () => {
  [browser] = await Promise.all([start_browser(), service.start(), source.start()]);
});
after(async () => {
  await browser?.close();
  await source.end();
  await service.remove();
});

async function stored(name, prefix = '') {
  const { defaultBucket } = await service.call('GET', '/settings');
  const answer = await fetch(`${service.url}/objects/${defaultBucket}/${prefix}${encodeURIComponent(name)}`, {
    headers: { 'X-API-Key': service.key },
  });
  return answer.ok ? Buffer.from(await answer.arrayBuffer()) : null;
}

test('three URLs are pasted and arrive', async () => {
  const visitor = await Visitor.come(browser, service);
  const names = ['first.bin', 'second.bin', 'third.bin'];
  await visitor.paste(...names.map((name) => source.file(name)));
  for (const name of names) {
    await visitor.row('finished', name).and(visitor.page.locator('[data-status=completed]')).waitFor();
    assert.deepEqual(await stored(name), source.bytes(name));
  }
  await visitor.leave();
});

test('what is no URL is named before anything is sent, and stays to be mended', async () => {
  const visitor = await Visitor.come(browser, service);
  const box = visitor.page.getByLabel('URLs to fetch');
  await box.fill(`${source.file('good.bin')}\nftp://old.example/f\nnonsense`);
  await visitor.page.getByText('is not fetched, only https:// and http://').waitFor();
  await visitor.page.getByRole('button', { name: 'Fetch URL' }).click();
  await visitor.row('finished', 'good.bin').waitFor();
  assert.equal(await box.inputValue(), 'ftp://old.example/f\nnonsense');
  await visitor.leave();
});

test('a transfer is paused, resumed, and arrives', async () => {
  const visitor = await Visitor.come(browser, service);
  await visitor.paste(source.file('held.bin', { size: 40 * MIB, held: true }));
  const row = visitor.row('active', 'held.bin');
  await row.and(visitor.page.locator('[data-status=in-progress]')).waitFor();
  await row.getByRole('button', { name: 'Pause held.bin' }).click();
  await row.and(visitor.page.locator('[data-status=paused]')).waitFor();
  await row.getByText('Paused').waitFor();
  source.release('held.bin');
  await row.getByRole('button', { name: 'Resume held.bin' }).click();
  await visitor.row('finished', 'held.bin').and(visitor.page.locator('[data-status=completed]')).waitFor();
  assert.ok(source.bytes('held.bin').equals(await stored('held.bin')));
  await visitor.leave();
});

test('a transfer is cancelled and leaves nothing', async () => {
  const visitor = await Visitor.come(browser, service);
  await visitor.paste(source.file('unwanted.bin', { size: 40 * MIB, held: true }));
  const row = visitor.row('active', 'unwanted.bin');
  await row.and(visitor.page.locator('[data-status=in-progress]')).waitFor();
  await row.getByRole('button', { name: 'Cancel unwanted.bin' }).click();
  await visitor.row('finished', 'unwanted.bin').and(visitor.page.locator('[data-status=cancelled]')).waitFor();
  source.release('unwanted.bin');
  assert.equal(await stored('unwanted.bin'), null);
  await visitor.leave();
});

test('a failed one says why, and a retry brings it', async () => {
  const visitor = await Visitor.come(browser, service);
  const url = source.file('missing.bin');
  source.break_with('missing.bin', 404);
  await visitor.paste(url);
  const row = visitor.row('finished', 'missing.bin');
  await row.and(visitor.page.locator('[data-status=failed]')).waitFor();
  assert.match(await row.locator('.why').innerText(), /404/);
  assert.match(await row.locator('.why').innerText(), /URL_FETCH_ERROR/);
  source.break_with('missing.bin', 200);
  await row.getByRole('button', { name: 'Retry missing.bin' }).click();
  await row.and(visitor.page.locator('[data-status=completed]')).waitFor();
  await row.getByText('attempt 2').waitFor();
  await visitor.leave();
});

test('of a batch only the failed ones are tried again', async () => {
  const visitor = await Visitor.come(browser, service);
  const names = ['batch-1.bin', 'batch-2.bin', 'batch-3.bin', 'batch-4.bin'];
  const urls = names.map((name) => source.file(name));
  for (const name of ['batch-2.bin', 'batch-4.bin']) source.break_with(name, 404);
  await visitor.paste(...urls);
  const partial = visitor.page.locator('.partial').filter({ hasText: '2 failed' }).filter({ hasText: '2 completed' });
  await partial.waitFor();
  for (const name of ['batch-2.bin', 'batch-4.bin']) source.break_with(name, 200);
  await partial.getByRole('button', { name: 'Retry the failed ones' }).click();
  for (const name of names) {
    await visitor.row('finished', name).and(visitor.page.locator('[data-status=completed]')).waitFor();
  }
  assert.equal(await visitor.row('finished', 'batch-1.bin').getByText('attempt 2').count(), 0);
  assert.equal(await visitor.row('finished', 'batch-2.bin').getByText('attempt 2').count(), 1);
  await partial.waitFor({ state: 'detached' });
  await visitor.leave();
});

test('the page follows a transfer through a restart of the service', async () => {
  const visitor = await Visitor.come(browser, service);
  await visitor.paste(source.file('long.bin', { size: 60 * MIB, held: true }));
  const row = visitor.row('active', 'long.bin');
  await row.and(visitor.page.locator('[data-status=in-progress]')).waitFor();
  await service.end('SIGKILL');
  await visitor.page.getByText('Reconnecting …').waitFor();
  // What was known stays to be seen meanwhile.
  assert.equal(await row.count(), 1);
  await service.start();
  await visitor.is_live();
  await row.waitFor();
  source.release('long.bin');
  await visitor.row('finished', 'long.bin').and(visitor.page.locator('[data-status=completed]')).waitFor({ timeout: 60_000 });
  assert.ok(source.bytes('long.bin').equals(await stored('long.bin')));
  const counts = await visitor.list('finished').locator('.list-count').innerText();
  const listed = await service.call('GET', '/transfers?limit=1');
  const { completed, failed, cancelled } = listed.counts;
  await until('the counts of the page are those of the service', async () =>
    Number((await visitor.list('finished').locator('.list-count').innerText()).replace(/,/g, '')) === completed + failed + cancelled);
  assert.ok(counts);
  await visitor.leave();
});
