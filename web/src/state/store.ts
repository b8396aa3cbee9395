// A value, those who watch it, and a hook for components. Values are replaced, never changed.

import { useEffect, useState } from 'preact/hooks';

export class Store<S> {
  private watchers = new Set<() => void>();
  private value: S;
  constructor(value: S) {
    this.value = value;
  }
  get(): S {
    return this.value;
  }
  set(value: S): void {
    if (Object.is(value, this.value)) return;
    this.value = value;
    for (const told of [...this.watchers]) told();
  }
  change(by: (value: S) => S): void {
    this.set(by(this.value));
  }
  watch(told: () => void): () => void {
    this.watchers.add(told);
    return () => this.watchers.delete(told);
  }
}

/** What `pick` takes of the store; the component is drawn anew when that differs. */
export function use_store<S, T>(store: Store<S>, pick: (value: S) => T): T {
  const [, redraw] = useState({});
  const picked = pick(store.get());
  useEffect(() => {
    let seen = picked;
    const told = () => {
      const now = pick(store.get());
      if (Object.is(now, seen)) return;
      seen = now;
      redraw({});
    };
    told(); // it may have changed between drawing and watching
    return store.watch(told);
  }, [store]);
  return picked;
}
