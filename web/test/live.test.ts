import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Monitor, Status, Transfer } from '../src/api/types.ts';
import {
  failed_batches, FINISHED_KEPT, is_restarted, lists_of, NOTHING_YET, take_answer, take_events,
  transfer_rate, WAITING_KEPT, with_rate, RATES_KEPT, type Live,
} from '../src/state/live.ts';

const time = (second: number) => new Date(1_800_000_000_000 + second * 1000).toISOString();

function transfer(id: string, status: Status, second = 0, more: Partial<Transfer['metadata']> = {}): Transfer {
  return {
    transferId: id,
    status,
    progress: {
      bytesTransferred: 0, totalBytes: 100, percentage: 0, bytesPerSecond: 10, etaSeconds: null,
      partsDone: 0, partsTotal: 1, partsInFlight: 0, parts: '.',
    },
    metadata: {
      sourceUrl: 'https://example.com/f', bucketName: 'b', keyPrefix: '', s3Key: 'f', s3Location: null,
      checksum: null, startTime: null, endTime: null, lastUpdateTime: time(second), attempt: 1,
      createdTime: time(second), priority: 0, notBefore: null, batchId: null, owner: null, ...more,
    },
    error: null,
  };
}
const changed = (live: Live, ...transfers: Transfer[]) =>
  take_events(live, transfers.map((one) => ({ kind: 'transfer' as const, transfer: one })));

test('a transfer goes through the lists, and the counts go with it', () => {
  let live = changed(NOTHING_YET, transfer('t', 'pending', 1));
  assert.equal(live.counts.pending, 1);
  assert.equal(lists_of(live.transfers).waiting.length, 1);
  live = changed(live, transfer('t', 'starting', 2), transfer('t', 'in-progress', 3));
  assert.deepEqual([live.counts.pending, live.counts.starting, live.counts['in-progress']], [0, 0, 1]);
  assert.equal(lists_of(live.transfers).active.length, 1);
  live = changed(live, transfer('t', 'paused', 4));
  assert.equal(lists_of(live.transfers).active[0]!.status, 'paused');
  live = changed(live, transfer('t', 'failed', 5));
  assert.equal(lists_of(live.transfers).finished.length, 1);
  live = changed(live, transfer('t', 'pending', 6, { attempt: 2 }));
  assert.deepEqual([live.counts.failed, live.counts.pending], [0, 1]);
});

test('what is older than what is known changes nothing', () => {
  const live = changed(NOTHING_YET, transfer('t', 'completed', 5));
  assert.equal(changed(live, transfer('t', 'in-progress', 4)).transfers.get('t')!.status, 'completed');
  const answered = take_answer(live, [transfer('t', 'in-progress', 4)]);
  assert.equal(answered.transfers.get('t')!.status, 'completed');
  // Two changes within a millisecond come in their order.
  assert.equal(changed(live, transfer('t', 'pending', 5)).transfers.get('t')!.status, 'pending');
});

test('progress moves what is under way, and nothing else', () => {
  const progress = { ...transfer('t', 'pending').progress, bytesTransferred: 50 };
  let live = changed(NOTHING_YET, transfer('t', 'in-progress', 1), transfer('done', 'completed', 1));
  live = take_events(live, [
    { kind: 'progress', transferId: 't', progress },
    { kind: 'progress', transferId: 'done', progress },
    { kind: 'progress', transferId: 'unknown', progress },
  ]);
  assert.equal(live.transfers.get('t')!.progress.bytesTransferred, 50);
  assert.equal(live.transfers.get('done')!.progress.bytesTransferred, 0);
  assert.equal(live.transfers.has('unknown'), false);
  assert.equal(transfer_rate(live.transfers), 10);
});

test('a state that was handed out is never changed', () => {
  const before = changed(NOTHING_YET, transfer('t', 'in-progress', 1));
  const map = before.transfers;
  changed(before, transfer('t', 'completed', 2), transfer('u', 'pending', 2));
  assert.equal(map.size, 1);
  assert.equal(map.get('t')!.status, 'in-progress');
  assert.equal(NOTHING_YET.transfers.size, 0);
});

test('a hundred thousand transfers do not pile up', () => {
  let live = NOTHING_YET;
  for (let round = 0; round < 20; round++) {
    live = changed(live, ...Array.from({ length: 500 }, (_, index) => {
      const number = round * 500 + index;
      const status = number === 7 ? 'failed' : number % 2 ? 'completed' : 'pending';
      return transfer(`t${number}`, status, number, { endTime: time(number) });
    }));
  }
  const lists = lists_of(live.transfers);
  assert.equal(lists.waiting.length, WAITING_KEPT);
  assert.equal(lists.finished.length, FINISHED_KEPT / 2 + 1);
  assert.equal(lists.finished.at(-1)!.transferId, 't7'); // long ago, but it failed
  assert.equal(lists.finished[0]!.transferId, 't9999');
  assert.equal(live.counts.completed, 4999);
});

test('lists: what began first, what was asked for last, what ended last stands first', () => {
  const live = changed(NOTHING_YET,
    transfer('a2', 'in-progress', 1, { startTime: time(2) }), transfer('a1', 'paused', 1, { startTime: time(1) }),
    transfer('w1', 'pending', 1), transfer('w2', 'pending', 2),
    transfer('f1', 'failed', 3, { endTime: time(3) }), transfer('f2', 'completed', 4, { endTime: time(4) }));
  const { active, waiting, finished } = lists_of(live.transfers);
  const ids = (list: Transfer[]) => list.map((one) => one.transferId);
  assert.deepEqual([ids(active), ids(waiting), ids(finished)], [['a1', 'a2'], ['w2', 'w1'], ['f2', 'f1']]);
});

test('alerts come and go with their events', () => {
  const monitor = { uptimeSeconds: 5, alerts: { firing: [] } } as unknown as Monitor;
  const alert = { id: 'a', operation: 'upload', metric: 'duration', value: 1, threshold: 1, since: time(1), resolved: null, suppressed: false };
  let live = take_events(NOTHING_YET, [{ kind: 'monitor', monitor }, { kind: 'alert', alert }, { kind: 'alert', alert }]);
  assert.equal(live.monitor!.alerts.firing.length, 1);
  live = take_events(live, [{ kind: 'alert', alert: { ...alert, resolved: time(2) } }]);
  assert.equal(live.monitor!.alerts.firing.length, 0);
});

test('a service that is up for less time than before has been restarted', () => {
  const up = (uptimeSeconds: number) => ({ uptimeSeconds }) as Monitor;
  assert.equal(is_restarted(null, up(1)), false);
  assert.equal(is_restarted(up(10), up(11)), false);
  assert.equal(is_restarted(up(10), up(1)), true);
});

test('batches of which something failed', () => {
  const live = changed(NOTHING_YET,
    transfer('1', 'failed', 1, { batchId: 'b' }), transfer('2', 'completed', 1, { batchId: 'b' }),
    transfer('3', 'pending', 1, { batchId: 'b' }), transfer('4', 'completed', 1, { batchId: 'whole' }),
    transfer('5', 'failed', 1), transfer('6', 'cancelled', 1, { batchId: 'b' }));
  assert.deepEqual(failed_batches(live.transfers), [{ batchId: 'b', failed: 1, completed: 1, unfinished: 1 }]);
});

test('the sparkline keeps its length', () => {
  let rates: number[] = [];
  for (let second = 0; second < 500; second++) rates = with_rate(rates, second);
  assert.equal(rates.length, RATES_KEPT);
  assert.equal(rates.at(-1), 499);
});
