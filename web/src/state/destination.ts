// Where what is dropped or typed goes: a bucket and a prefix, kept for the next visit.

import { Store } from './store.ts';

export interface Destination {
  bucket: string;
  prefix: string;
}

const NAME = 'telpher-destination';

function kept(): Destination {
  try {
    const value = JSON.parse(localStorage.getItem(NAME) ?? '{}') as Partial<Destination>;
    return {
      bucket: typeof value.bucket === 'string' ? value.bucket : '',
      prefix: typeof value.prefix === 'string' ? value.prefix : '',
    };
  } catch {
    return { bucket: '', prefix: '' };
  }
}

export const destination = new Store<Destination>(kept());

destination.watch(() => {
  try {
    localStorage.setItem(NAME, JSON.stringify(destination.get()));
  } catch {
    // It holds for this visit.
  }
});
