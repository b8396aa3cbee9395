// The page's state and what is done to it: signing in, loading, following events, giving orders.

import { api, ApiError, onSignedOut } from '../api/client.ts';
import type {
  Alert, Monitor, Progress, Role, Session, Settings, Status, Transfer,
} from '../api/types.ts';
import { counted } from '../format.ts';
import {
  is_restarted, NOTHING_YET, take_answer, take_events, transfer_rate, with_rate, type Live,
  type LiveEvent,
} from './live.ts';
import { EventStream } from './stream.ts';
import { Store } from './store.ts';
import { bytes_fetched, bytes_served, ThroughputMeter } from './throughput.ts';
import { uploads, upload_rate } from './uploads.ts';

export type Phase = 'starting' | 'signed-out' | 'ready' | 'unreachable';
export type Connection = 'connecting' | 'live' | 'reconnecting';

export interface Message {
  id: number;
  text: string;
  bad: boolean;
}

export interface App {
  phase: Phase;
  connection: Connection;
  session: Session | null;
  settings: Settings | null;
  live: Live;
  loaded: boolean;
  cursors: Partial<Record<Status, string | null>>;
  messages: Message[];
  /** Counts up when objects were stored or removed: browsers of them look again. */
  stored: number;
  /** Counts up when alerts changed. */
  alerted: number;
}

export const app = new Store<App>({
  phase: 'starting',
  connection: 'connecting',
  session: null,
  settings: null,
  live: NOTHING_YET,
  loaded: false,
  cursors: {},
  messages: [],
  stored: 0,
  alerted: 0,
});

function patch(changes: Partial<App>): void {
  app.change((state) => ({ ...state, ...changes }));
}

// ---- Roles

const RANK: Record<Role, number> = { reader: 0, uploader: 1, operator: 2, admin: 3 };

export function may(session: Session | null, role: Role): boolean {
  return session !== null && (RANK[session.role] ?? -1) >= RANK[role];
}

// ---- Messages

let message_id = 0;

export function say(text: string, bad = false): void {
  const message = { id: ++message_id, text, bad };
  app.change((state) => ({ ...state, messages: [...state.messages.slice(-3), message] }));
  setTimeout(() => unsay(message.id), bad ? 12_000 : 5_000);
}

export function unsay(id: number): void {
  app.change((state) => ({ ...state, messages: state.messages.filter((m) => m.id !== id) }));
}

export function say_error(doing: string, error: unknown): void {
  if (error instanceof ApiError && error.status === 401) return; // the sign-in page says it
  say(`${doing}: ${error instanceof Error ? error.message : String(error)}`, true);
}

// ---- Session

let starting: number | undefined;

export async function start(): Promise<void> {
  clearTimeout(starting);
  try {
    await signed_in(await api.session());
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) patch({ phase: 'signed-out' });
    else {
      patch({ phase: 'unreachable' });
      starting = window.setTimeout(start, 2_000);
    }
  }
}

export async function sign_in(key: string): Promise<void> {
  await signed_in(await api.sign_in(key));
}

async function signed_in(session: Session): Promise<void> {
  const settings = await api.settings();
  patch({ session, settings, phase: 'ready', live: NOTHING_YET, loaded: false, cursors: {} });
  stream.start();
}

export async function sign_out(): Promise<void> {
  try {
    await api.sign_out();
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 401)) return say_error('Not signed out', error);
  }
  session_ended();
}

function session_ended(): void {
  stream.stop();
  clearTimeout(monitoring);
  uploads.stop_all();
  patch({ phase: 'signed-out', session: null, live: NOTHING_YET, loaded: false });
}
onSignedOut(session_ended);

// ---- Loading

const EACH: Record<Status, number> = {
  starting: 500,
  'in-progress': 500,
  paused: 500,
  pending: 100,
  failed: 100,
  completed: 100,
  cancelled: 50,
};

/** Everything anew: at the start, and whenever events may have been missed. What is told while the
 *  answers are on their way is taken in after them: it may be younger than they are. */
export async function reload(): Promise<void> {
  loading++;
  try {
    await load_everything();
  } finally {
    loading--;
    take_soon();
  }
}

async function load_everything(): Promise<void> {
  const statuses = Object.keys(EACH) as Status[];
  const pages = await Promise.all(
    statuses.map((status) => api.transfers({ status, limit: EACH[status] })),
  );
  const cursors: App['cursors'] = {};
  statuses.forEach((status, index) => (cursors[status] = pages[index]!.nextCursor));
  app.change((state) => ({
    ...state,
    live: take_answer(
      { ...state.live, transfers: new Map() },
      pages.flatMap((page) => page.transfers),
      pages.at(-1)!.counts,
    ),
    cursors,
    loaded: true,
    stored: state.stored + 1,
    alerted: state.alerted + 1,
  }));
}

export async function load_more(status: Status): Promise<void> {
  const cursor = app.get().cursors[status];
  if (!cursor) return;
  try {
    const page = await api.transfers({ status, limit: 200, cursor });
    app.change((state) => ({
      ...state,
      live: take_answer(state.live, page.transfers, page.counts),
      cursors: { ...state.cursors, [status]: page.nextCursor },
    }));
  } catch (error) {
    say_error('Not loaded', error);
  }
}

/** Counts are the service's: asked for at most once a second after something changed. */
let counting: number | undefined;
function count_soon(): void {
  counting ??= window.setTimeout(async () => {
    try {
      const { live, cursors } = app.get();
      const waiting = [...live.transfers.values()].filter((t) => t.status === 'pending').length;
      // The part of a long queue that is shown has run: the next part of it.
      const refill = waiting < 20 && live.counts.pending > waiting;
      const page = await api.transfers(refill ? { status: 'pending', limit: 100 } : { limit: 1 });
      app.change((state) => ({
        ...state,
        live: take_answer(state.live, refill ? page.transfers : [], page.counts),
        cursors: refill ? { ...cursors, pending: page.nextCursor } : cursors,
      }));
    } catch {
      // Said by the state of the connection.
    }
    counting = undefined;
  }, 1_000);
}

// ---- Throughput

let monitoring: number | undefined;
const served = new ThroughputMeter(bytes_served);
const fetched = new ThroughputMeter(bytes_fetched);

function monitor_soon(ms: number): void {
  clearTimeout(monitoring);
  monitoring = window.setTimeout(async () => {
    if (!document.hidden && app.get().connection === 'live') {
      try {
        const monitor = await api.monitor();
        served.take(monitor);
        fetched.take(monitor);
        app.change((state) => ({ ...state, live: { ...state.live, monitor } }));
      } catch {
        // Said by the state of the connection.
      }
    }
    if (app.get().phase === 'ready') monitor_soon(2_000);
  }, ms);
}

function measure_rate(): void {
  app.change((state) => {
    if (state.phase !== 'ready') return state;
    const away = state.connection !== 'live';
    const rate = away
      ? 0
      : Math.max(transfer_rate(state.live.transfers), fetched.rate()) +
        Math.max(served.rate(), upload_rate());
    return { ...state, live: { ...state.live, rates: with_rate(state.live.rates, rate) } };
  });
}
setInterval(measure_rate, 1_000);

// ---- Events

let pending: LiveEvent[] = [];
let taking: number | undefined;
let loading = 0;

/** Many events a second are drawn at once; what is not mere progress is drawn soon. */
function take(event: LiveEvent): void {
  pending.push(event);
  take_soon(event.kind === 'progress' ? 250 : 50);
}

let due = 0;
function take_soon(ms = 0): void {
  const at = Date.now() + ms;
  if (taking !== undefined && due <= at) return;
  clearTimeout(taking);
  due = at;
  taking = window.setTimeout(() => {
    taking = undefined;
    if (loading > 0) return; // and again when it is done
    const events = pending;
    pending = [];
    app.change((state) => ({ ...state, live: take_events(state.live, events) }));
  }, ms);
}

const stream = new EventStream('/events', {
  opened: async (fresh) => {
    if (fresh || !app.get().loaded) await reload();
    patch({ connection: 'live' });
    monitor_soon(0);
  },
  lost: () => patch({ connection: app.get().loaded ? 'reconnecting' : 'connecting' }),
  refused: async () => {
    try {
      await api.session();
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) session_ended();
    }
  },
  event: (name, data) => {
    if (name === 'reset') reload().catch((error) => say_error('Not loaded', error));
    else if (name === 'transfer') {
      const transfer = data as Transfer;
      if (transfer.status === 'completed') stored_something();
      take({ kind: 'transfer', transfer });
      count_soon();
    } else if (name === 'progress') {
      take({ kind: 'progress', ...(data as { transferId: string; progress: Progress }) });
    } else if (name === 'alert') {
      take({ kind: 'alert', alert: data as Alert });
      app.change((state) => ({ ...state, alerted: state.alerted + 1 }));
    } else if (name === 'upload') stored_something();
    else if (name === 'monitor') {
      const monitor = data as Monitor;
      const before = app.get().live.monitor;
      if (is_restarted(before, monitor)) {
        reload().catch((error) => say_error('Not loaded', error));
      }
      const operations = monitor.operations ?? before?.operations;
      take({ kind: 'monitor', monitor: operations ? { ...monitor, operations } : monitor });
    }
  },
});

uploads.stored = stored_something;

let storing: number | undefined;
function stored_something(): void {
  storing ??= window.setTimeout(() => {
    storing = undefined;
    app.change((state) => ({ ...state, stored: state.stored + 1 }));
  }, 500);
}

// ---- Orders

const DOING = { pause: 'Not paused', resume: 'Not resumed', retry: 'Not tried again', cancel: 'Not cancelled' };

export async function order(what: keyof typeof DOING, id: string): Promise<void> {
  try {
    const transfer = await api[what](id);
    take({ kind: 'transfer', transfer });
    count_soon();
  } catch (error) {
    say_error(DOING[what], error);
  }
}

/** Tries again what failed of a batch, or of everything; says how many. */
export async function retry_failed(batch: string | null): Promise<void> {
  let begun = 0;
  try {
    for (let cursor: string | null = null; ; ) {
      const page: Awaited<ReturnType<typeof api.transfers>> = await api.transfers({
        status: 'failed',
        limit: 500,
        cursor,
        ...(batch ? { batch } : {}),
      });
      begun += await retry_all(page.transfers);
      cursor = page.nextCursor;
      if (!cursor) break;
    }
    say(`${counted(begun, 'transfer')} tried again.`);
  } catch (error) {
    say_error(`Stopped after ${counted(begun, 'transfer')}`, error);
  }
  count_soon();
}

async function retry_all(transfers: Transfer[]): Promise<number> {
  const left = [...transfers];
  let begun = 0;
  const worker = async () => {
    for (let next = left.shift(); next; next = left.shift()) {
      try {
        take({ kind: 'transfer', transfer: await api.retry(next.transferId) });
        begun++;
      } catch (error) {
        // Someone else has tried it again meanwhile.
        if (!(error instanceof ApiError && error.status === 409)) throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: 6 }, worker));
  return begun;
}

export type { Live };
