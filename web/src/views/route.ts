// Where the page is: the part of the address after #. The service serves one page.

import { useEffect, useState } from 'preact/hooks';

export const VIEWS = ['transfers', 'objects', 'operations', 'alerts', 'faults', 'keys'] as const;
export type View = (typeof VIEWS)[number];

export interface Route {
  view: View;
  bucket: string;
  prefix: string;
}

export function parse_route(hash: string): Route {
  const [view = '', bucket = '', ...prefix] = hash.replace(/^#\/?/, '').split('/').map(decoded);
  return {
    view: (VIEWS as readonly string[]).includes(view) ? (view as View) : 'transfers',
    bucket,
    prefix: prefix.join('/'),
  };
}

function decoded(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
}

export function objects_route(bucket: string, prefix: string): string {
  const steps = [bucket, ...prefix.split('/')].map(encodeURIComponent).join('/');
  return `#/objects/${steps}`;
}

export function use_route(): Route {
  const [route, set_route] = useState(() => parse_route(location.hash));
  useEffect(() => {
    const told = () => set_route(parse_route(location.hash));
    addEventListener('hashchange', told);
    return () => removeEventListener('hashchange', told);
  }, []);
  return route;
}
