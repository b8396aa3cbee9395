// What the page knows of the service, and how events change it. Pure functions: events go in as
// they came, a new state comes out.

import type { Alert, Counts, Monitor, Progress, Status, Transfer } from '../api/types.ts';

export const NO_COUNTS: Counts = {
  pending: 0,
  starting: 0,
  'in-progress': 0,
  paused: 0,
  completed: 0,
  failed: 0,
  cancelled: 0,
};

/** Of each list so many are kept; the service has the rest. */
export const WAITING_KEPT = 500;
export const FINISHED_KEPT = 1000;
/** Points of the sparkline: two minutes at one a second. */
export const RATES_KEPT = 120;

export interface Live {
  transfers: ReadonlyMap<string, Transfer>;
  counts: Counts;
  monitor: Monitor | null;
  /** Bytes per second, the latest last. */
  rates: readonly number[];
}

export const NOTHING_YET: Live = {
  transfers: new Map(),
  counts: NO_COUNTS,
  monitor: null,
  rates: [],
};

export type LiveEvent =
  | { kind: 'transfer'; transfer: Transfer }
  | { kind: 'progress'; transferId: string; progress: Progress }
  | { kind: 'alert'; alert: Alert }
  | { kind: 'monitor'; monitor: Monitor };

export function is_finished(status: Status): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled';
}

export function is_active(status: Status): boolean {
  return status === 'starting' || status === 'in-progress' || status === 'paused';
}

/** Does `next` say something later than what is known? Answers and events cross each other. */
export function is_news(known: Transfer | undefined, next: Transfer): boolean {
  if (!known) return true;
  const before = known.metadata.lastUpdateTime;
  const after = next.metadata.lastUpdateTime;
  return !before || !after || after >= before;
}

/** Takes in events, in the order in which they came. */
export function take_events(live: Live, events: readonly LiveEvent[]): Live {
  let transfers: Map<string, Transfer> | null = null;
  let { counts, monitor } = live;
  const known = (id: string) => (transfers ?? live.transfers).get(id);
  const put = (transfer: Transfer) => {
    transfers ??= new Map(live.transfers);
    transfers.set(transfer.transferId, transfer);
  };
  for (const event of events) {
    if (event.kind === 'transfer') {
      const before = known(event.transfer.transferId);
      if (!is_news(before, event.transfer)) continue;
      counts = recounted(counts, before?.status, event.transfer.status);
      put(event.transfer);
    } else if (event.kind === 'progress') {
      const before = known(event.transferId);
      if (before && !is_finished(before.status)) put({ ...before, progress: event.progress });
    } else if (event.kind === 'monitor') {
      monitor = event.monitor;
    } else if (monitor) {
      monitor = { ...monitor, alerts: { firing: with_alert(monitor.alerts.firing, event.alert) } };
    }
  }
  return { ...live, transfers: transfers ? kept(transfers) : live.transfers, counts, monitor };
}

/** Of a transfer that was not known, the list it was in before is not known either: the service's
 *  own counts, asked for soon after, settle it. */
function recounted(counts: Counts, before: Status | undefined, after: Status): Counts {
  if (before === after) return counts;
  const next = { ...counts, [after]: (counts[after] ?? 0) + 1 };
  if (before) next[before] = Math.max(0, (counts[before] ?? 0) - 1);
  return next;
}

function with_alert(firing: readonly Alert[], alert: Alert): Alert[] {
  const others = firing.filter((other) => other.id !== alert.id);
  return alert.resolved ? others : [alert, ...others];
}

function kept(transfers: Map<string, Transfer>): Map<string, Transfer> {
  if (transfers.size <= WAITING_KEPT + FINISHED_KEPT) return transfers;
  const drop = (list: Transfer[], most: number) => {
    for (const transfer of list.slice(most)) transfers.delete(transfer.transferId);
  };
  const lists = lists_of(transfers);
  const failed = lists.finished.filter((transfer) => transfer.status === 'failed');
  drop(lists.waiting, WAITING_KEPT);
  // One that failed among thousands is what people look for.
  drop(failed, FINISHED_KEPT / 2);
  drop(lists.finished.filter((transfer) => transfer.status !== 'failed'), FINISHED_KEPT / 2);
  return transfers;
}

/** Takes in what the service answered; what events have told since stays. */
export function take_answer(live: Live, answered: readonly Transfer[], counts?: Counts): Live {
  const transfers = new Map(live.transfers);
  for (const transfer of answered) {
    if (is_news(transfers.get(transfer.transferId), transfer)) {
      transfers.set(transfer.transferId, transfer);
    }
  }
  return { ...live, transfers, counts: counts ? { ...NO_COUNTS, ...counts } : live.counts };
}

export interface Lists {
  active: Transfer[];
  waiting: Transfer[];
  finished: Transfer[];
}

/** The three lists: what began first, what was asked for last, what ended last stands first. */
export function lists_of(transfers: ReadonlyMap<string, Transfer>): Lists {
  const lists: Lists = { active: [], waiting: [], finished: [] };
  for (const transfer of transfers.values()) {
    if (is_active(transfer.status)) lists.active.push(transfer);
    else if (is_finished(transfer.status)) lists.finished.push(transfer);
    else lists.waiting.push(transfer);
  }
  const by = (time: (transfer: Transfer) => string | null) => (a: Transfer, b: Transfer) => {
    const first = time(a) ?? '';
    const second = time(b) ?? '';
    if (first !== second) return first < second ? -1 : 1;
    return a.transferId < b.transferId ? -1 : 1;
  };
  const began = by((t) => t.metadata.startTime ?? t.metadata.createdTime);
  const created = by((t) => t.metadata.createdTime);
  const ended = by((t) => t.metadata.endTime ?? t.metadata.lastUpdateTime);
  lists.active.sort(began);
  lists.waiting.sort((a, b) => created(b, a));
  lists.finished.sort((a, b) => ended(b, a));
  return lists;
}

/** Bytes per second of all that is being transferred. */
export function transfer_rate(transfers: ReadonlyMap<string, Transfer>): number {
  let sum = 0;
  for (const transfer of transfers.values()) {
    if (transfer.status === 'in-progress') sum += transfer.progress.bytesPerSecond || 0;
  }
  return sum;
}

export function with_rate(rates: readonly number[], rate: number): number[] {
  return [...rates.slice(-(RATES_KEPT - 1)), Math.max(0, rate)];
}

/** A service that has been up for less time than before is another one. */
export function is_restarted(before: Monitor | null, now: Monitor): boolean {
  return before !== null && now.uptimeSeconds < before.uptimeSeconds;
}

export interface FailedBatch {
  batchId: string;
  failed: number;
  completed: number;
  unfinished: number;
}

/** The batches of which something failed, as far as their transfers are known. */
export function failed_batches(transfers: ReadonlyMap<string, Transfer>): FailedBatch[] {
  const batches = new Map<string, FailedBatch>();
  for (const { metadata, status } of transfers.values()) {
    const batchId = metadata.batchId;
    if (!batchId) continue;
    let batch = batches.get(batchId);
    if (!batch) batches.set(batchId, (batch = { batchId, failed: 0, completed: 0, unfinished: 0 }));
    if (status === 'failed') batch.failed++;
    else if (status === 'completed') batch.completed++;
    else if (status !== 'cancelled') batch.unfinished++;
  }
  return [...batches.values()].filter((batch) => batch.failed > 0);
}
