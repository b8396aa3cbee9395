// Drawn with the text's colour; what they mean is always said in words beside them or in a label.

const PATHS = {
  pause: 'M5.500 3v10M10.500 3v10',
  play: 'M5 3l8 5-8 5z',
  cancel: 'M4 4l8 8M12 4l-8 8',
  retry: 'M13 8a5 5 0 1 1-1.600-3.700M13 2v3h-3',
  download: 'M8 2v8M4.500 7 8 10.500 11.500 7M3 13.500h10',
  remove: 'M3 4.500h10M6.500 4.500v-2h3v2M4.500 4.500l.600 9h5.800l.600-9M6.800 7v4M9.200 7v4',
  folder: 'M2 4.500a1 1 0 0 1 1-1h3l1.500 1.500H13a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1H3a1 1 0 0 1-1-1z',
  file: 'M4 2h5l3 3v9H4zM9 2v3h3',
  done: 'M3 8.500 6.500 12 13 4.500',
  failed: 'M8 2.500 14.500 13.500h-13zM8 6.500v3.500M8 11.700v.100',
  waiting: 'M8 2.500a5.500 5.500 0 1 0 0 11 5.500 5.500 0 0 0 0-11zM8 5v3l2 1.500',
  link: 'M6.500 9.500 9.500 6.500M7 5l1.500-1.500a2.500 2.500 0 0 1 4 4L11 9M9 11l-1.500 1.500a2.500 2.500 0 0 1-4-4L5 7',
  up: 'M8 13V4M4.500 7.500 8 4l3.500 3.500M3 2h10',
  down: 'M4 6l4 4 4-4',
  right: 'M6 4l4 4-4 4',
  sun: 'M8 5.200a2.800 2.800 0 1 0 0 5.600 2.800 2.800 0 0 0 0-5.600zM8 1.500v1.500M8 13v1.500M1.500 8H3M13 8h1.500M3.400 3.400l1 1M11.600 11.600l1 1M12.600 3.400l-1 1M4.400 11.600l-1 1',
  moon: 'M12.500 9.800A5.300 5.300 0 0 1 6.200 3.500a5.300 5.300 0 1 0 6.300 6.300z',
  auto: 'M8 2.500a5.500 5.500 0 1 0 0 11zM8 2.500a5.500 5.500 0 0 1 0 11',
  out: 'M6.500 2.500H3v11h3.500M10 5l3 3-3 3M13 8H6.500',
  copy: 'M5.500 5.500h7v8h-7zM10 5.500v-3H3v8h2.500',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path class="logo-rope" d="M1 10 31 4M16 7v7" />
      <rect class="logo-car" x="6" y="14" width="20" height="14" rx="3" />
      <path class="logo-arrow" d="M16 17v7m-3.500-3.500 3.500 3.500 3.500-3.500" />
    </svg>
  );
}
