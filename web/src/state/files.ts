// Files that were chosen or dropped, folders included, each with its path below what was dropped.

export interface Chosen {
  file: File;
  /** "a.jpg", or "photos/2026/a.jpg" when its folder was dropped. */
  path: string;
}

/** More than this in one drop is a mistake, or a case for `telpher cp`. */
export const FILES_MAX = 50_000;

/** Must be called while the drop event is handled: what was dropped is forgotten after it. */
export function dropped_files(data: DataTransfer): Promise<Chosen[]> {
  const entries: FileSystemEntry[] = [];
  const loose: Chosen[] = [];
  for (const item of data.items) {
    if (item.kind !== 'file') continue;
    const entry = item.webkitGetAsEntry?.();
    if (entry) entries.push(entry);
    else {
      const file = item.getAsFile();
      if (file) loose.push({ file, path: file.name });
    }
  }
  return walk(entries, loose);
}

export function chosen_files(list: FileList): Chosen[] {
  return [...list].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
}

async function walk(entries: FileSystemEntry[], found: Chosen[]): Promise<Chosen[]> {
  const left = entries.reverse();
  for (let entry = left.pop(); entry; entry = left.pop()) {
    if (entry.isFile) {
      const file = await new Promise<File>((resolve, reject) =>
        (entry as FileSystemFileEntry).file(resolve, reject),
      );
      found.push({ file, path: entry.fullPath.replace(/^\//, '') });
      if (found.length > FILES_MAX) {
        throw new Error(`More than ${FILES_MAX} files at once. For so many use: telpher cp DIR s3://…`);
      }
    } else if (entry.isDirectory) {
      left.push(...(await children(entry as FileSystemDirectoryEntry)).reverse());
    }
  }
  return found;
}

/** A reader gives a hundred or so at a time, and none when it is through. */
async function children(directory: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = directory.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) return all.sort((a, b) => (a.name < b.name ? -1 : 1));
    all.push(...some);
  }
}
