// How files are sent, and what the answers say about each. Pure.

import type { UploadAnswer } from '../api/types.ts';

export interface Planned {
  name: string;
  size: number;
  /** With folders: where it belongs below the prefix. */
  path: string;
}

/** Above this a cut connection is expensive: the file is sent so that it can be resumed. */
export const RESUMABLE_BYTES_MIN = 100 * 1024 * 1024;

export type How = 'batch' | 'resumable';

/** A batch gives every file a key of its own making, so what came in a folder is sent by itself. */
export function how_to_send(file: Planned, file_bytes_max: number): How {
  const limit = Math.min(RESUMABLE_BYTES_MIN, file_bytes_max || RESUMABLE_BYTES_MIN);
  return file.path.includes('/') || file.size > limit ? 'resumable' : 'batch';
}

export function chunks<T>(list: readonly T[], most: number): T[][] {
  const size = Math.max(1, Math.floor(most) || 1);
  const result: T[][] = [];
  for (let at = 0; at < list.length; at += size) result.push(list.slice(at, at + size));
  return result;
}

/** How much of each file has gone when `sent` bytes of all have, in order. */
export function spread(sent: number, sizes: readonly number[]): number[] {
  let left = Math.max(0, sent);
  return sizes.map((size) => {
    const part = Math.min(size, left);
    left -= part;
    return part;
  });
}

export interface Outcome {
  key: string | null;
  error: string | null;
}

/** What became of each file that was sent, in the order sent. */
export function outcomes(sent: readonly Planned[], answer: UploadAnswer): Outcome[] {
  const stored = [...(answer.files ?? [])];
  const failed = [...(answer.failures ?? [])];
  const all = message_of(answer.error);
  return sent.map((file) => {
    const fails = failed[0]?.originalName === file.name;
    // Of two files with one name, the size tells which was stored.
    if (stored[0]?.originalName === file.name && (!fails || stored[0].size === file.size)) {
      return { key: stored.shift()!.path, error: null };
    }
    if (fails) return { key: null, error: failed.shift()!.error };
    const at = failed.findIndex((failure) => failure.originalName === file.name);
    if (at >= 0) return { key: null, error: failed.splice(at, 1)[0]!.error };
    if (answer.success) return { key: null, error: null };
    return { key: null, error: all ?? 'The service did not say what became of it.' };
  });
}

export function message_of(error: UploadAnswer['error']): string | null {
  if (!error) return null;
  return typeof error === 'string' ? error : error.message;
}

/** What a drop is called: the file, the folder, or how many. */
export function title_of(files: readonly Planned[]): string {
  if (files.length === 1) return files[0]!.path;
  const folders = new Set(files.map((file) => (file.path.includes('/') ? file.path.split('/')[0] : '')));
  if (folders.size === 1 && !folders.has('')) return `${[...folders][0]}/`;
  return `${files.length} files`;
}
