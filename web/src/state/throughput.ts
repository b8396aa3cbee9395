// Bytes per second of what is not a transfer: uploads and downloads by anybody. The service counts
// them when they end, so the rate is that of the last seconds.

import type { Monitor, Operation } from '../api/types.ts';

const WINDOW_MS = 6_000;

/** What carries people's bytes; all other operations are parts of these or of transfers. A service
 *  that does not measure downloads as such reads from its store for nothing else. */
function bytes_carried(operations: readonly Operation[]): number {
  const bytes = (...names: string[]) =>
    operations.reduce((sum, { name, total }) => sum + (names.includes(name) ? total.bytes : 0), 0);
  const downloads = operations.some(({ name }) => name === 'download');
  return bytes('upload') + (downloads ? bytes('download') : bytes('store_get_object', 's3_get_object'));
}

export class ThroughputMeter {
  private readings: { at: number; bytes: number }[] = [];

  take(monitor: Monitor, at = Date.now()): void {
    const bytes = bytes_carried(monitor.operations ?? []);
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
