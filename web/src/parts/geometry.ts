// Where the lines of the small drawings run. Pure.

/** A path through `values`, the latest at the right edge of `points` places; '' for fewer than two. */
export function line_of(values: readonly number[], points: number, width: number, height: number): string {
  const shown = values.slice(-points);
  if (shown.length < 2) return '';
  const most = Math.max(...shown);
  const step = width / (points - 1);
  const left = width - (shown.length - 1) * step;
  // A line of nothing lies on the ground, and the highest point keeps its width of stroke.
  const y = (value: number) => (most > 0 ? height - 1 - (value / most) * (height - 3) : height - 1);
  return shown
    .map((value, index) => `${index ? 'L' : 'M'}${rounded(left + index * step)} ${rounded(y(value))}`)
    .join('');
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

export interface Run {
  kind: 'd' | 'a' | 'w';
  from: number;
  length: number;
}

/** Neighbours of one kind together, or each `apart`. */
export function runs_of(parts: string, apart: boolean): Run[] {
  const runs: Run[] = [];
  for (let at = 0; at < parts.length; at++) {
    const kind = parts[at] === 'd' ? 'd' : parts[at] === 'a' ? 'a' : 'w';
    const last = runs.at(-1);
    if (last && !apart && last.kind === kind) last.length++;
    else runs.push({ kind, from: at, length: 1 });
  }
  return runs;
}
