// Server-Sent Events that come back. The browser reconnects by itself, and with Last-Event-ID, as
// long as only the connection is lost. When the service answers with an error instead, as while it
// starts, the browser gives up for good; then a new stream is opened, and what was missed is unknown.

const NAMES = ['transfer', 'progress', 'alert', 'upload', 'monitor', 'reset'] as const;
export type EventName = (typeof NAMES)[number];

export interface Listener {
  /** `fresh`: events may have been missed. The stream is good when the promise is. */
  opened(fresh: boolean): Promise<void>;
  lost(): void;
  /** The service answers, but not with events. */
  refused(): void;
  event(name: EventName, data: unknown): void;
}

const WAIT_MS = [250, 500, 1_000, 2_000, 4_000];
/** The service sends an event a second; a stream that is silent for so long is dead. */
const SILENCE_MS_MAX = 20_000;

export class EventStream {
  private source: EventSource | null = null;
  private attempt = 0;
  private timer: number | undefined;
  private watchdog: number | undefined;
  private address: string;
  private listener: Listener;

  constructor(address: string, listener: Listener) {
    this.address = address;
    this.listener = listener;
  }

  start(): void {
    this.stop();
    this.open(true);
  }

  stop(): void {
    clearTimeout(this.timer);
    clearTimeout(this.watchdog);
    this.source?.close();
    this.source = null;
    this.attempt = 0;
  }

  private open(fresh: boolean): void {
    const source = new EventSource(this.address);
    this.source = source;
    source.onopen = async () => {
      this.alive();
      try {
        await this.listener.opened(fresh);
        this.attempt = 0;
        fresh = false; // from now on the browser asks for what was missed
      } catch {
        if (this.source === source) this.again();
      }
    };
    source.onerror = () => {
      if (this.source !== source) return;
      this.listener.lost();
      if (source.readyState === EventSource.CLOSED) {
        this.listener.refused();
        this.again();
      } else this.alive();
    };
    for (const name of NAMES) {
      source.addEventListener(name, (event) => {
        this.alive();
        let data: unknown;
        try {
          data = JSON.parse((event as MessageEvent<string>).data);
        } catch {
          return; // not ours
        }
        this.listener.event(name, data);
      });
    }
    this.alive();
  }

  private again(): void {
    this.source?.close();
    this.source = null;
    clearTimeout(this.watchdog);
    clearTimeout(this.timer);
    this.listener.lost();
    const wait = WAIT_MS[Math.min(this.attempt++, WAIT_MS.length - 1)]!;
    this.timer = window.setTimeout(() => this.open(true), wait * (0.75 + Math.random() / 2));
  }

  private alive(): void {
    clearTimeout(this.watchdog);
    this.watchdog = window.setTimeout(() => this.again(), SILENCE_MS_MAX);
  }
}
