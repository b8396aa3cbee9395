// Bytes per second by what the service has counted. It counts operations when they end, so the rate is
// that of the last seconds.

import type { Monitor, Operation } from '../api/types.ts';

const WINDOW_MS = 6_000;

function bytes_of(operations: readonly Operation[], names: readonly string[]): number {
  return operations.reduce((sum, { name, total }) => sum + (names.includes(name) ? total.bytes : 0), 0);
}

/** Uploads and downloads by anybody. A service that does not measure downloads as such reads from its
 *  store for nothing else. */
export function bytes_served(operations: readonly Operation[]): number {
  const downloads = operations.some(({ name }) => name === 'download');
  return bytes_of(operations, ['upload', ...(downloads ? ['download'] : ['store_get_object', 's3_get_object'])]);
}

/** Of transfers: many are over before they have told of any progress. */
export function bytes_fetched(operations: readonly Operation[]): number {
  return bytes_of(operations, ['part']);
}

export class ThroughputMeter {
  private readings: { at: number; bytes: number }[] = [];
  private count: (operations: readonly Operation[]) => number;

  constructor(count: (operations: readonly Operation[]) => number) {
    this.count = count;
  }

  take(monitor: Monitor, at = Date.now()): void {
    const bytes = this.count(monitor.operations ?? []);
    const last = this.readings.at(-1);
    if (last && bytes < last.bytes) this.readings = []; // cleared, or another process
    this.readings.push({ at, bytes });
    while (this.readings.length > 1 && this.readings[1]!.at <= at - WINDOW_MS) this.readings.shift();
  }

  rate(now = Date.now()): number {
    const first = this.readings[0];
    const last = this.readings.at(-1);
    if (!first || !last || last.at === first.at || now - last.at > 2 * WINDOW_MS) return 0;
    return ((last.bytes - first.bytes) * 1000) / (last.at - first.at);
  }
}
