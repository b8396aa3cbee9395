// The small drawings: a line of the last minutes, the strip of a transfer's parts, a bar.

import { memo } from '../parts/memo.ts';
import type { Progress } from '../api/types.ts';
import { counted, format_share } from '../format.ts';
import { line_of, runs_of } from '../parts/geometry.ts';

export function Sparkline({ values, points }: { values: readonly number[]; points: number }) {
  const line = line_of(values, points, 100, 28);
  if (!line) return <svg class="sparkline" viewBox="0 0 100 28" aria-hidden="true" />;
  return (
    <svg class="sparkline" viewBox="0 0 100 28" preserveAspectRatio="none" aria-hidden="true">
      <path class="sparkline-area" d={`${line}V28H${line.slice(1, line.indexOf(' '))}Z`} />
      <path class="sparkline-line" d={line} />
    </svg>
  );
}

function described(progress: Progress): string {
  const { percentage, partsTotal, partsDone, partsInFlight } = progress;
  const share = percentage === null ? 'size not known' : `${Math.floor(percentage)} percent`;
  if (partsTotal <= 1) return share;
  return `${share}, ${partsDone} of ${counted(partsTotal, 'part')} done, ${partsInFlight} in flight`;
}

/** What each part does; a plain bar where that is not known. */
export const Strip = memo(function Strip(props: { progress: Progress; label: string; still: boolean }) {
  const { progress } = props;
  const known = progress.percentage !== null;
  return (
    <div
      class={props.still ? 'strip strip-still' : 'strip'}
      role="progressbar"
      aria-label={props.label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuetext={described(progress)}
      {...(known ? { 'aria-valuenow': Math.floor(progress.percentage!) } : {})}
    >
      {progress.parts ? (
        <Parts parts={progress.parts} />
      ) : (
        <svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
          {known ? (
            <rect class="part-d" width={Math.min(100, progress.percentage!)} height="1" />
          ) : (
            <rect class="part-unknown" width="30" height="1" />
          )}
        </svg>
      )}
    </div>
  );
});

function Parts({ parts }: { parts: string }) {
  // Few parts are told apart by gaps; of many, runs of one kind are drawn as one.
  const gap = parts.length <= 60 ? 0.12 : 0;
  return (
    <svg viewBox={`0 0 ${parts.length} 1`} preserveAspectRatio="none" aria-hidden="true">
      {runs_of(parts, gap > 0).map(({ kind, from, length }) => (
        <rect key={from} class={`part-${kind}`} x={from} width={length - gap} height="1" />
      ))}
    </svg>
  );
}

export function Bar({ share, label, text }: { share: number; label: string; text: string }) {
  return (
    <div
      class="bar"
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(Math.min(1, share) * 100)}
      aria-valuetext={`${text}, ${format_share(share)}`}
    >
      <svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
        <rect width={Math.min(100, share * 100)} height="1" />
      </svg>
    </div>
  );
}
