// Files that are dropped anywhere on the page.

import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { app, may, say, say_error } from '../state/app.ts';
import { destination } from '../state/destination.ts';
import { dropped_files, type Chosen } from '../state/files.ts';
import { clean_prefix } from '../state/sources.ts';
import { use_store } from '../state/store.ts';
import { uploads } from '../state/uploads.ts';
import type { Route } from './route.ts';

/** Where a drop goes: into the folder that is shown, else where the box says. */
export function drop_target(route: Route): { bucket: string; prefix: string } {
  if (route.view === 'objects' && route.bucket) return { bucket: route.bucket, prefix: route.prefix };
  const { bucket, prefix } = destination.get();
  return {
    bucket: bucket || (app.get().settings?.defaultBucket ?? ''),
    prefix: clean_prefix(prefix),
  };
}

export function send_files(files: Chosen[], target: { bucket: string; prefix: string }): void {
  const { settings } = app.get();
  if (!settings) return;
  if (files.length === 0) return say('There was no file in what was dropped.', true);
  uploads.add(files, target.bucket, target.prefix, settings);
}

export function DropZone({ route, children }: { route: Route; children: ComponentChildren }) {
  const [over, set_over] = useState(false);
  const depth = useRef(0);
  const allowed = use_store(app, (state) => may(state.session, 'uploader'));
  const carries_files = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
  const leave = () => {
    depth.current = 0;
    set_over(false);
  };
  const drop = async (event: DragEvent) => {
    if (!carries_files(event) || !event.dataTransfer) return;
    event.preventDefault();
    leave();
    if (!allowed) return say('Your key may not upload: it would need the role uploader.', true);
    const target = drop_target(route);
    try {
      send_files(await dropped_files(event.dataTransfer), target);
      if (route.view !== 'objects') location.hash = '#/transfers';
    } catch (error) {
      say_error('Not uploaded', error);
    }
  };
  const target = over ? drop_target(route) : null;
  return (
    <div
      class="zone"
      onDragEnter={(event) => {
        if (!carries_files(event)) return;
        depth.current++;
        set_over(true);
      }}
      onDragLeave={(event) => {
        if (carries_files(event) && --depth.current <= 0) leave();
      }}
      onDragOver={(event) => {
        if (event.dataTransfer && carries_files(event)) {
          event.dataTransfer.dropEffect = allowed ? 'copy' : 'none';
        }
      }}
      onDrop={drop}
    >
      {children}
      {target && (
        <div class="overlay" aria-hidden="true">
          <p>
            {allowed ? (
              <>
                Drop to upload into{' '}
                <strong>
                  {target.bucket}/{target.prefix}
                </strong>
              </>
            ) : (
              'Your key may not upload'
            )}
          </p>
        </div>
      )}
    </div>
  );
}
