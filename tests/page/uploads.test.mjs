// Files from the browser: dropped, chosen, whole folders, some refused, tried again.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { start_browser, Visitor } from './support/browser.mjs';
import { Service } from './support/service.mjs';
import { content } from './support/source.mjs';

const service = new Service(); // the embedded store: what it has survives
let browser;
let folder;
before(async () => {
  [browser] = await Promise.all([start_browser(), service.start()]);
  folder = mkdtempSync(join(tmpdir(), 'telpher-drop-'));
});
after(async () => {
  await browser?.close();
  await service.remove();
  rmSync(folder, { recursive: true, force: true });
});

function on_disk(name, bytes) {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, bytes);
  return path;
}

async function keys_of(bucket, prefix) {
  const { objects, prefixes } = await service.call('GET', `/objects?bucket=${bucket}&delimiter=/&prefix=${encodeURIComponent(prefix)}`);
  return { keys: objects.map((object) => object.key), prefixes };
}

test('five files are dropped, one is refused: four are stored, the fifth says why', async () => {
  const visitor = await Visitor.come(browser, service);
  const names = ['one.txt', 'two.txt', 'three.txt', 'four.txt'];
  const paths = names.map((name) => on_disk(name, `this is ${name}\n`));
  paths.splice(2, 0, on_disk('empty.txt', ''));
  await visitor.drop(...paths);
  const row = visitor.row('finished', '5 files');
  await row.getByText('4 of 5 files stored').waitFor();
  const refused = row.locator('[data-file="empty.txt"]');
  assert.equal(await refused.getAttribute('data-status'), 'failed');
  assert.match(await refused.innerText(), /empty/i);
  for (const name of names) {
    assert.equal(await row.locator(`[data-file="${name}"]`).getAttribute('data-status'), 'done');
  }
  const { defaultBucket } = await service.call('GET', '/settings');
  const { keys } = await keys_of(defaultBucket, 'uploads/');
  assert.equal(keys.length, 4, String(keys));
  // What was refused for good is refused again; what was stored is not sent twice.
  await row.getByRole('button', { name: 'Retry the failed one' }).click();
  await row.getByText('4 of 5 files stored').waitFor();
  assert.equal((await keys_of(defaultBucket, 'uploads/')).keys.length, 4);
  await visitor.leave();
});

test('a batch that was cut off is tried again as a whole', async () => {
  const visitor = await Visitor.come(browser, service);
  let cut = true;
  await visitor.context.route('**/upload', (route) => (cut ? route.abort('connectionreset') : route.continue()));
  await visitor.drop(on_disk('a.bin', content(1000)), on_disk('b.bin', content(2000)));
  const row = visitor.row('finished', '2 files');
  await row.getByText('0 of 2 files stored').waitFor();
  await row.getByText('The connection was lost').first().waitFor();
  cut = false;
  await row.getByRole('button', { name: 'Retry the failed ones' }).click();
  await visitor.row('finished', '2 files').getByText('2 of 2 files stored').waitFor();
  await visitor.leave();
});

test('a folder is dropped and keeps its paths', async () => {
  const visitor = await Visitor.come(browser, service);
  on_disk('album/cover.bin', content(3000));
  on_disk('album/disc 1/track.bin', content(70_000));
  await visitor.page.getByLabel('Prefix of the keys').fill('music');
  await visitor.drop(join(folder, 'album'));
  await visitor.row('finished', 'album/').getByText('2 of 2 files stored').waitFor();
  const { defaultBucket } = await service.call('GET', '/settings');
  assert.deepEqual(await keys_of(defaultBucket, 'music/album/'), {
    keys: ['music/album/cover.bin'],
    prefixes: ['music/album/disc 1/'],
  });
  const answer = await fetch(`${service.url}/objects/${defaultBucket}/music/album/disc%201/track.bin`, {
    headers: { 'X-API-Key': service.key },
  });
  assert.deepEqual(Buffer.from(await answer.arrayBuffer()), content(70_000));
  await visitor.leave();
});

test('what is dropped into a folder of the object browser goes there', async () => {
  const visitor = await Visitor.come(browser, service);
  const { defaultBucket } = await service.call('GET', '/settings');
  on_disk('inbox/letter.txt', 'dear');
  await visitor.page.goto(`${service.url}/#/objects/${defaultBucket}/post/`);
  await visitor.page.getByText('Nothing here').waitFor();
  await visitor.drop(join(folder, 'inbox'));
  await visitor.page.locator('[data-prefix="post/inbox/"]').waitFor();
  await visitor.leave();
});

test('a name that looks like markup is text', async () => {
  const visitor = await Visitor.come(browser, service);
  const name = '<img src=x onerror=document.title=1>.txt';
  await visitor.page.setInputFiles('[data-choose=files]', { name, mimeType: 'text/plain', buffer: Buffer.from('x') });
  await visitor.row('finished', name).getByText('1 of 1 file stored').waitFor();
  assert.equal(await visitor.page.locator('img').count(), 0);
  await visitor.leave();
});

/** What the service says it takes in a batch, made small: larger files go over tus. */
async function small_batches(visitor) {
  await visitor.context.route('**/settings', async (route) => {
    const answer = await route.fetch();
    const settings = await answer.json();
    settings.upload.fileBytesMax = 1024 * 1024;
    await route.fulfill({ json: settings });
  });
  await visitor.page.reload();
  await visitor.is_live();
}

/** Lets the browser send so many bytes a second; 0 = as many as it can. */
async function throttle(visitor, bytes_per_second) {
  visitor.network ??= await visitor.context.newCDPSession(visitor.page);
  await visitor.network.send('Network.enable');
  await visitor.network.send('Network.emulateNetworkConditions', {
    offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: bytes_per_second || -1,
  });
}

async function stored_as(pattern) {
  const { defaultBucket } = await service.call('GET', '/settings');
  const found = [];
  for (const prefix of ['', 'uploads/']) {
    const { keys } = await keys_of(defaultBucket, prefix);
    found.push(...keys.filter((key) => pattern.test(key)));
  }
  assert.equal(found.length, 1, String(found));
  const answer = await fetch(`${service.url}/objects/${defaultBucket}/${found[0]}`, { headers: { 'X-API-Key': service.key } });
  return Buffer.from(await answer.arrayBuffer());
}

test('a large file is paused in the middle, continued, and is whole', async () => {
  const visitor = await Visitor.come(browser, service);
  await small_batches(visitor);
  const bytes = content(20 * 1024 * 1024);
  await throttle(visitor, 4 * 1024 * 1024);
  await visitor.drop(on_disk('large.bin', bytes));
  const row = visitor.row('active', 'large.bin');
  await row.locator('[role=progressbar]:not([aria-valuenow="0"])').waitFor();
  await row.getByRole('button', { name: 'Pause large.bin' }).click();
  await row.getByText('Paused').waitFor();
  await throttle(visitor, 0);
  await row.getByRole('button', { name: 'Resume large.bin' }).click();
  await visitor.row('finished', 'large.bin').getByText('1 of 1 file stored').waitFor();
  assert.ok(bytes.equals(await stored_as(/large\.bin$/)));
  await visitor.leave();
});

test('a large file that is cancelled leaves nothing', async () => {
  const visitor = await Visitor.come(browser, service);
  await small_batches(visitor);
  await throttle(visitor, 4 * 1024 * 1024);
  await visitor.drop(on_disk('regretted.bin', content(20 * 1024 * 1024)));
  const row = visitor.row('active', 'regretted.bin');
  await row.locator('[role=progressbar]:not([aria-valuenow="0"])').waitFor();
  await row.getByRole('button', { name: 'Cancel regretted.bin' }).click();
  await visitor.row('finished', 'regretted.bin').and(visitor.page.locator('[data-status=cancelled]')).waitFor();
  await throttle(visitor, 0);
  const { defaultBucket } = await service.call('GET', '/settings');
  const { keys } = await keys_of(defaultBucket, 'uploads/');
  assert.equal(keys.filter((key) => key.includes('regretted')).length, 0);
  await visitor.leave();
});

test('a large file goes on by itself when the service has been restarted', async () => {
  const visitor = await Visitor.come(browser, service);
  await small_batches(visitor);
  const bytes = content(24 * 1024 * 1024);
  await throttle(visitor, 4 * 1024 * 1024);
  await visitor.drop(on_disk('stubborn.bin', bytes));
  await visitor.row('active', 'stubborn.bin').locator('[role=progressbar]:not([aria-valuenow="0"])').waitFor();
  await service.end('SIGKILL');
  await visitor.page.getByText('Reconnecting …').waitFor();
  await service.start();
  await throttle(visitor, 0);
  await visitor.row('finished', 'stubborn.bin').getByText('1 of 1 file stored').waitFor({ timeout: 60_000 });
  assert.ok(bytes.equals(await stored_as(/stubborn\.bin$/)));
  await visitor.leave();
});
