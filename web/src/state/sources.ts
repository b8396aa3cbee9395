// What was typed or pasted into the box: addresses, one or many. Pure.

export interface Sources {
  urls: string[];
  /** What is no address that the service would fetch, as typed, and why. */
  wrong: { text: string; why: string }[];
  duplicates: number;
}

/** Addresses are separated by blanks or line ends; lines that begin with # say nothing. */
export function parse_sources(text: string): Sources {
  const sources: Sources = { urls: [], wrong: [], duplicates: 0 };
  const seen = new Set<string>();
  for (const line of text.split(/[\r\n]+/)) {
    if (line.trim().startsWith('#')) continue;
    for (const word of line.split(/\s+/)) {
      const bare = word.replace(/^[<"'(]+|[>"'),;]+$/g, '');
      if (!bare) continue;
      const why = wrong_with(bare);
      if (why) sources.wrong.push({ text: bare, why });
      else if (seen.has(bare)) sources.duplicates++;
      else {
        seen.add(bare);
        sources.urls.push(bare);
      }
    }
  }
  return sources;
}

function wrong_with(word: string): string | null {
  if (!/^[a-z][a-z0-9+.-]*:/i.test(word)) return 'not a URL: it begins with no https://';
  let url: URL;
  try {
    url = new URL(word);
  } catch {
    return 'not a URL';
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    return `${url.protocol}// is not fetched, only https:// and http://`;
  }
  return url.hostname ? null : 'it names no host';
}

/** "photos", "/photos/" → "photos/": a prefix always ends with a slash and never begins with one. */
export function clean_prefix(prefix: string): string {
  const trimmed = prefix.trim().replace(/^\/+/, '').replace(/\/+$/, '');
  return trimmed ? `${trimmed}/` : '';
}
