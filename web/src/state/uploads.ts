// Files on their way from this browser. A drop is one upload; small files go in batches over
// POST /upload, large ones and folders over tus, which goes on after a cut. They live as long as the
// page does.

import { message_of } from './upload_plan.ts';
import { chunks, how_to_send, outcomes, spread, title_of, type How, type Planned } from './upload_plan.ts';
import type { Chosen } from './files.ts';
import type { Settings, UploadAnswer } from '../api/types.ts';
import { Store } from './store.ts';

export type FileState = 'waiting' | 'sending' | 'done' | 'failed' | 'cancelled';

export interface UploadFile extends Planned {
  file: File;
  how: How;
  state: FileState;
  sent: number;
  error: string | null;
  key: string | null;
  /** Where a resumable one is continued. */
  url: string | null;
}

export interface Upload {
  id: number;
  title: string;
  bucket: string;
  prefix: string;
  files: UploadFile[];
  paused: boolean;
  started: number;
  ended: number | null;
  /** Bytes per second of the last seconds. */
  rate: number;
}

export interface UploadSums {
  files: number;
  bytes: number;
  sent: number;
  done: number;
  failed: number;
  cancelled: number;
  sending: number;
}

export function sums_of(upload: Upload): UploadSums {
  const sums = { files: 0, bytes: 0, sent: 0, done: 0, failed: 0, cancelled: 0, sending: 0 };
  for (const file of upload.files) {
    sums.files++;
    sums.bytes += file.size;
    sums.sent += file.state === 'done' ? file.size : file.sent;
    if (file.state !== 'waiting') sums[file.state]++;
  }
  return sums;
}

/** A browser opens six connections to a service over HTTP/1.1: one carries the events, and orders
 *  must not wait behind files. */
const BATCHES_MAX = 1;
const SENDING_MAX = 3;
/** Only for these is it worth while to remember how far they came when the page is closed. */
const REMEMBERED_BYTES_MIN = 16 * 1024 * 1024;
/** A service that is restarted is waited for. */
const RETRY_MS = [250, 500, 1_000, 2_000, 2_000, 4_000, 4_000, 8_000, 8_000, 15_000, 15_000];

interface Running {
  stop(cancel: boolean): void;
}

export class Uploads {
  /** Counts up when something changed: uploads themselves are changed in place. */
  readonly version = new Store(0);
  list: Upload[] = [];
  private running = new Map<UploadFile, Running>();
  private batches = 0;
  private resumables = 0;
  private id = 0;
  private settings: Settings | null = null;
  private drawing: number | undefined;
  private readings = new Map<number, { at: number; sent: number }[]>();
  /** Told when something has been stored. */
  stored: () => void = () => {};

  add(chosen: readonly Chosen[], bucket: string, prefix: string, settings: Settings): Upload {
    this.settings = settings;
    const files = chosen.map(({ file, path }): UploadFile => {
      const planned = { name: file.name, size: file.size, path };
      const how = how_to_send(planned, settings.upload.fileBytesMax);
      return { ...planned, file, how, state: 'waiting', sent: 0, error: null, key: null, url: null };
    });
    const upload: Upload = {
      id: ++this.id,
      title: title_of(files),
      bucket,
      prefix,
      files,
      paused: false,
      started: Date.now(),
      ended: null,
      rate: 0,
    };
    this.list = [upload, ...this.list];
    this.go_on();
    return upload;
  }

  pause(upload: Upload): void {
    upload.paused = true;
    // A batch cannot be continued in the middle: those on their way are sent to their end.
    for (const file of upload.files) {
      if (file.how === 'resumable' && file.state === 'sending') {
        this.running.get(file)?.stop(false);
        file.state = 'waiting';
      }
    }
    this.go_on();
  }

  resume(upload: Upload): void {
    upload.paused = false;
    this.go_on();
  }

  cancel(upload: Upload): void {
    upload.paused = false;
    const open = upload.files.filter((file) => file.state === 'waiting' || file.state === 'sending');
    for (const file of open) file.state = 'cancelled';
    for (const file of open) this.running.get(file)?.stop(true);
    this.go_on();
  }

  retry_failed(upload: Upload): void {
    for (const file of upload.files) {
      if (file.state !== 'failed' && file.state !== 'cancelled') continue;
      Object.assign(file, { state: 'waiting', sent: 0, error: null, url: null });
    }
    upload.ended = null;
    upload.started = Date.now();
    this.go_on();
  }

  forget(upload: Upload): void {
    this.list = this.list.filter((other) => other !== upload);
    this.readings.delete(upload.id);
    this.changed();
  }

  stop_all(): void {
    for (const upload of this.list) this.cancel(upload);
    this.list = [];
    this.changed();
  }

  unfinished(): boolean {
    return this.list.some((upload) => upload.ended === null);
  }

  private sending(): number {
    return this.batches + this.resumables;
  }

  /** Starts what may start, oldest drop first, and ends what is through. */
  private go_on(): void {
    for (const upload of [...this.list].reverse()) {
      if (!upload.paused) {
        const waiting = upload.files.filter((file) => file.state === 'waiting');
        const small = waiting.filter((file) => file.how === 'batch');
        for (const chunk of chunks(small, this.settings?.upload.filesMax ?? 20)) {
          if (this.batches >= BATCHES_MAX || this.sending() >= SENDING_MAX) break;
          this.send_batch(upload, chunk);
        }
        for (const file of waiting.filter((other) => other.how === 'resumable')) {
          if (this.sending() >= SENDING_MAX) break;
          void this.send_resumable(upload, file);
        }
      }
      const left = upload.files.some((file) => file.state === 'waiting' || file.state === 'sending');
      if (!left && upload.ended === null) {
        upload.ended = Date.now();
        upload.rate = 0;
      }
    }
    this.changed();
  }

  private send_batch(upload: Upload, files: UploadFile[]): void {
    this.batches++;
    const form = new FormData();
    form.append('bucket', upload.bucket);
    if (upload.prefix) form.append('prefix', upload.prefix);
    for (const file of files) form.append('files', file.file, file.name);
    const request = new XMLHttpRequest();
    request.open('POST', '/upload');
    request.responseType = 'text';
    const sizes = files.map((file) => file.size);
    const end = (settle: (file: UploadFile, index: number) => void) => {
      this.batches--;
      files.forEach((file, index) => {
        this.running.delete(file);
        if (file.state === 'sending') settle(file, index);
      });
      this.go_on();
    };
    const fail = (message: string) => end((file) => Object.assign(file, { state: 'failed', error: message }));
    request.upload.onprogress = (event) => {
      spread(event.loaded, sizes).forEach((sent, index) => (files[index]!.sent = sent));
      this.changed();
    };
    request.onload = () => {
      let answer: UploadAnswer;
      try {
        answer = JSON.parse(request.responseText) as UploadAnswer;
      } catch {
        return fail(`The service answered ${request.status} ${request.statusText}`.trim() + '.');
      }
      const results = outcomes(files, answer);
      end((file, index) => {
        const { key, error } = results[index]!;
        Object.assign(file, { state: error ? 'failed' : 'done', error, key });
      });
      this.stored();
    };
    request.onerror = () => fail('The connection was lost: the service may have been restarted.');
    request.onabort = () => end((file) => (file.state = 'cancelled'));
    for (const file of files) {
      file.state = 'sending';
      // Cancelling is of the whole drop, so the first one stops the request for all.
      this.running.set(file, { stop: (cancel) => cancel && request.abort() });
    }
    request.send(form);
  }

  private async send_resumable(upload: Upload, file: UploadFile): Promise<void> {
    this.resumables++;
    file.state = 'sending';
    let over = false;
    const end = () => {
      if (over) return;
      over = true;
      this.resumables--;
      this.running.delete(file);
      this.go_on();
    };
    const fail = (error: string) => {
      if (file.state === 'sending') Object.assign(file, { state: 'failed', error });
      end();
    };
    this.running.set(file, { stop: end });
    const { Upload: TusUpload } = await import('tus-js-client').catch(() => ({ Upload: null }));
    if (!TusUpload) return fail('The page could not load what it needs for large files.');
    if (over) return; // stopped meanwhile
    const key = file.path.includes('/') ? upload.prefix + file.path : null;
    const sending = new TusUpload(file.file, {
      endpoint: '/tus/',
      uploadUrl: file.url,
      retryDelays: RETRY_MS,
      uploadDataDuringCreation: true,
      storeFingerprintForResuming: file.size >= REMEMBERED_BYTES_MIN,
      removeFingerprintOnSuccess: true,
      fingerprint: () =>
        Promise.resolve(
          ['telpher', upload.bucket, upload.prefix, file.path, file.size, file.file.lastModified].join('|'),
        ),
      metadata: {
        filename: file.name,
        filetype: file.file.type || 'application/octet-stream',
        bucket: upload.bucket,
        ...(upload.prefix ? { prefix: upload.prefix } : {}),
        ...(key ? { key } : {}),
      },
      onUploadUrlAvailable: () => {
        file.url = sending.url;
      },
      onProgress: (sent) => {
        file.sent = sent;
        this.changed();
      },
      onSuccess: () => {
        Object.assign(file, { state: 'done', key });
        this.stored();
        end();
      },
      onError: (error) => fail(said_by(error)),
    });
    this.running.set(file, {
      stop: (cancel) => {
        // The service forgets a cancelled one by itself when it cannot be told.
        void sending.abort(cancel).catch(() => {});
        end();
      },
    });
    const previous = await sending.findPreviousUploads().catch(() => []);
    if (over) return;
    if (!file.url && previous[0]) sending.resumeFromPreviousUpload(previous[0]);
    sending.start();
  }

  private changed(): void {
    this.drawing ??= window.setTimeout(() => {
      this.drawing = undefined;
      this.measure();
      this.version.change((version) => version + 1);
    }, 100);
  }

  private measure(): void {
    const at = Date.now();
    for (const upload of this.list) {
      if (upload.ended !== null) continue;
      const { sent } = sums_of(upload);
      const readings = this.readings.get(upload.id) ?? [];
      readings.push({ at, sent });
      while (readings.length > 2 && readings[1]!.at < at - 3_000) readings.shift();
      this.readings.set(upload.id, readings);
      const first = readings[0]!;
      upload.rate = at > first.at ? Math.max(0, ((sent - first.sent) * 1000) / (at - first.at)) : 0;
      if (upload.paused) upload.rate = 0;
    }
  }
}

function said_by(error: Error): string {
  const response = (error as { originalResponse?: { getStatus(): number; getBody(): string } | null })
    .originalResponse;
  if (!response) return 'The connection was lost, and the service did not come back in time.';
  try {
    const said = message_of((JSON.parse(response.getBody()) as UploadAnswer).error);
    if (said) return said;
  } catch {
    // Told below.
  }
  return response.getBody().slice(0, 200) || `The service answered ${response.getStatus()}.`;
}

export const uploads = new Uploads();

export function upload_rate(): number {
  return uploads.list.reduce((sum, upload) => sum + (upload.ended === null ? upload.rate : 0), 0);
}
