// Who may do what: signing in and out, and what each role is offered.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { start_browser, Visitor } from './support/browser.mjs';
import { Service } from './support/service.mjs';

const service = new Service(['--store', 'memory']);
let browser;
const keys = {};
before(async () => {
  [browser] = await Promise.all([start_browser(), service.start()]);
  for (const role of ['reader', 'uploader', 'operator']) {
    keys[role] = (await service.call('POST', '/keys', { name: `the ${role}`, role })).key.secret;
  }
  await service.upload('there.txt', 'x');
});
after(async () => {
  await browser?.close();
  await service.remove();
});

test('a wrong key is refused, the right one lets in, and signing out ends it', async () => {
  const visitor = await Visitor.come(browser, service, { key: null });
  const { page } = visitor;
  await page.getByLabel('Access key').fill('tk_' + 'x'.repeat(43));
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').getByText('not known').waitFor();
  await visitor.sign_in(service.key);
  const cookies = await visitor.context.cookies();
  assert.deepEqual(cookies.map(({ name, httpOnly, sameSite }) => [name, httpOnly, sameSite]), [['telpher_session', true, 'Strict']]);
  await page.reload();
  await visitor.is_live();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Access key').waitFor();
  await page.reload();
  await page.getByLabel('Access key').waitFor();
  await visitor.leave();
});

test('the key is kept nowhere in the browser', async () => {
  const visitor = await Visitor.come(browser, service);
  const kept = await visitor.page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }) + document.cookie);
  assert.ok(!kept.includes('tk_'));
  assert.ok(!(await visitor.page.content()).includes(service.key));
  await visitor.leave();
});

test('each role is offered what it may do', async () => {
  const { defaultBucket } = await service.call('GET', '/settings');
  const offered = {};
  for (const role of ['reader', 'uploader', 'operator', 'admin']) {
    const visitor = await Visitor.come(browser, service, { key: keys[role] ?? service.key });
    const { page } = visitor;
    const box = await page.getByLabel('URLs to fetch').count();
    const keys_view = await page.getByRole('link', { name: 'Keys' }).count();
    await page.goto(`${service.url}/#/objects/${defaultBucket}/uploads/`);
    await page.getByRole('link', { name: /^Download .*there\.txt/ }).waitFor();
    const deletes = await page.getByRole('button', { name: /^Delete/ }).count();
    offered[role] = [box, deletes, keys_view];
    await visitor.leave();
  }
  assert.deepEqual(offered, { reader: [0, 0, 0], uploader: [1, 0, 0], operator: [1, 1, 0], admin: [1, 1, 1] });
});

test('an admin makes a key, sees it once, and revokes it', async () => {
  const visitor = await Visitor.come(browser, service, { hash: '#/keys' });
  const { page } = visitor;
  await page.getByLabel('Name').fill('hall camera');
  await page.getByLabel('Role').selectOption('uploader');
  await page.getByRole('button', { name: 'Make key' }).click();
  const secret = await page.locator('.secret .key').innerText();
  assert.match(secret, /^tk_/);
  await page.getByRole('button', { name: 'Done' }).click();
  assert.ok(!(await page.content()).includes(secret));
  const guest = await Visitor.come(browser, service, { key: secret });
  await page.getByRole('button', { name: 'Revoke hall camera' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await page.getByRole('row', { name: /hall camera/ }).getByText('revoked').waitFor();
  // Whoever is signed in with it is out with the next thing they do.
  await guest.page.reload();
  await guest.page.getByLabel('Access key').waitFor();
  await guest.leave();
  await visitor.leave();
});
