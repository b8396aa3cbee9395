// Calls of the service. Every failure is an ApiError that people can read.

import type {
  AccessKey, Alert, Batch, Bucket, ErrorBody, Monitor, ObjectPage, Role, Sample, Session, Settings,
  Status, Transfer, TransferPage,
} from './types.ts';

export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly details: unknown;
  readonly retryable: boolean;
  constructor(status: number, body: ErrorBody) {
    super(body.message);
    this.status = status;
    this.code = body.code;
    this.details = body.details;
    this.retryable = body.retryable;
  }
  /** The service was not reached, as when it is being restarted. */
  get unreachable(): boolean {
    return this.status === 0;
  }
}

/** Told whenever the service says 401: the session has ended. */
let signedOut: () => void = () => {};
export function onSignedOut(told: () => void): void {
  signedOut = told;
}

interface Options {
  method?: string;
  query?: Record<string, string | number | null | undefined>;
  json?: unknown;
  body?: string;
  type?: string;
  /** A 401 is this call's own answer, not the end of the session. */
  signingIn?: boolean;
}

function is_error_body(value: unknown): value is { error: ErrorBody } {
  const error = (value as { error?: unknown } | null)?.error as ErrorBody | undefined;
  return typeof error?.message === 'string' && typeof error.code === 'string';
}

async function call<T>(path: string, options: Options = {}): Promise<T> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(options.query ?? {})) {
    if (value !== null && value !== undefined && value !== '') query.set(name, String(value));
  }
  const address = query.size ? `${path}?${query}` : path;
  const headers: Record<string, string> = { Accept: 'application/json' };
  let body = options.body;
  if (options.json !== undefined) {
    headers['Content-Type'] = 'application/json';
    body = JSON.stringify(options.json);
  } else if (options.type) {
    headers['Content-Type'] = options.type;
  }
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(address, {
      method: options.method ?? 'GET',
      headers,
      credentials: 'same-origin',
      cache: 'no-store',
      ...(body === undefined ? {} : { body }),
    });
    text = await answer.text();
  } catch {
    throw new ApiError(0, {
      code: 'UNREACHABLE',
      message: 'The service cannot be reached.',
      retryable: true,
    });
  }
  let parsed: unknown = null;
  try {
    parsed = text ? JSON.parse(text) : null;
  } catch {
    // Told below: with the status when it is an error, as a wrong answer when it is not.
  }
  if (!answer.ok) {
    if (answer.status === 401 && !options.signingIn) signedOut();
    throw new ApiError(
      answer.status,
      is_error_body(parsed)
        ? parsed.error
        : {
            code: 'UNKNOWN_ERROR',
            message: `The service answered ${answer.status} ${answer.statusText}`.trim() + '.',
            retryable: answer.status >= 500,
          },
    );
  }
  if (text && parsed === null) {
    throw new ApiError(answer.status, {
      code: 'UNKNOWN_ERROR',
      message: 'The answer was not JSON: is something else listening at this address?',
      retryable: false,
    });
  }
  return parsed as T;
}

const part = encodeURIComponent;

/** What a service that does not say so takes. */
function with_defaults(settings: Partial<Settings>): Settings {
  return {
    defaultBucket: settings.defaultBucket ?? '',
    upload: { filesMax: 20, fileBytesMax: 100 * 1024 * 1024, allow: [], block: [], ...settings.upload },
    transfers: { max: 0, ...settings.transfers },
    faults: settings.faults ?? false,
  };
}

/** The path of an object; a key whose path a browser would shorten keeps its slashes escaped. */
export function object_path(bucket: string, key: string): string {
  const segments = key.split('/');
  const shortened = segments.some((segment) => segment === '.' || segment === '..');
  return `/objects/${part(bucket)}/${segments.map(part).join(shortened ? '%2F' : '/')}`;
}

export interface NewTransfer {
  sourceUrl: string;
  bucketName: string;
  keyPrefix?: string;
  overwrite?: boolean;
}

export const api = {
  session: () => call<Session>('/session', { signingIn: true }),
  sign_in: (key: string) =>
    call<Session>('/session', { method: 'POST', json: { key }, signingIn: true }),
  sign_out: () => call<null>('/session', { method: 'DELETE', signingIn: true }),
  settings: async () => with_defaults(await call<Partial<Settings>>('/settings')),

  transfers: (query: { status?: Status; batch?: string; limit?: number; cursor?: string | null }) =>
    call<TransferPage>('/transfers', { query }),
  transfer: (id: string) => call<Transfer>(`/transfers/${part(id)}`),
  start: (transfer: NewTransfer) =>
    call<{ transferId: string }>('/transfers', { method: 'POST', json: transfer }),
  start_batch: (rows: { sourceUrl: string }[], bucketName: string, keyPrefix: string) =>
    call<{ batchId: string; count: number }>('/transfers/batch', {
      method: 'POST',
      query: { bucketName, keyPrefix },
      type: 'application/x-ndjson',
      body: rows.map((row) => JSON.stringify(row) + '\n').join(''),
    }),
  batch: (id: string) => call<Batch>(`/transfers/batches/${part(id)}`),
  pause: (id: string) => call<Transfer>(`/transfers/${part(id)}/pause`, { method: 'POST' }),
  resume: (id: string) => call<Transfer>(`/transfers/${part(id)}/resume`, { method: 'POST' }),
  retry: (id: string) => call<Transfer>(`/transfers/${part(id)}/retry`, { method: 'POST' }),
  cancel: (id: string) => call<Transfer>(`/transfers/${part(id)}`, { method: 'DELETE' }),

  buckets: () => call<{ buckets: Bucket[]; defaultBucket: string }>('/buckets'),
  objects: (query: { bucket: string; prefix: string; cursor?: string | null }) =>
    call<ObjectPage>('/objects', { query: { ...query, delimiter: '/', limit: 200 } }),
  delete_object: (bucket: string, key: string) =>
    call<null>(object_path(bucket, key), { method: 'DELETE' }),

  monitor: () => call<Monitor>('/monitor'),
  history: (name: string) =>
    call<{ samples: Sample[] }>(`/monitor/operations/${part(name)}/history`),
  clear_operations: () => call<null>('/monitor/operations', { method: 'DELETE' }),
  alerts: () => call<{ firing: Alert[]; resolved: Alert[] }>('/monitor/alerts'),
  suppress: (operation: string, seconds: number) =>
    call<null>('/monitor/alerts/suppress', { method: 'POST', json: { operation, seconds } }),

  faults: () => call<unknown>('/faults'),
  set_faults: (script: string) =>
    call<unknown>('/faults', { method: 'PUT', body: script, type: 'application/json' }),
  clear_faults: () => call<unknown>('/faults', { method: 'DELETE' }),

  keys: () => call<{ keys: AccessKey[] }>('/keys'),
  add_key: (key: { name: string; role: Role; buckets?: string[]; expires?: string }) =>
    call<{ key: AccessKey & { secret: string } }>('/keys', { method: 'POST', json: key }),
  revoke_key: (id: string) => call<null>(`/keys/${part(id)}`, { method: 'DELETE' }),
};
