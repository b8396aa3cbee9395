// Numbers, sizes and times as people read them. Pure functions.

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** 1536 → "1.5 KiB"; three significant digits at most. */
export function format_bytes(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined || !Number.isFinite(bytes)) return '–';
  let value = Math.max(0, bytes);
  let unit = 0;
  // 1023.7 KiB would read "1024 KiB".
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  if (unit === 0) return `${Math.round(value)} B`;
  const digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return `${trimmed(value.toFixed(digits))} ${UNITS[unit]}`;
}

export function format_speed(bytes_per_second: number | null | undefined): string {
  if (!bytes_per_second) return '0 B/s';
  return `${format_bytes(bytes_per_second)}/s`;
}

/** Whole seconds as "8 s", "3 min 20 s", "2 h 5 min", "3 d 4 h". */
export function format_duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return '–';
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const steps: [number, string, number, string][] = [
    [86400, 'd', 3600, 'h'],
    [3600, 'h', 60, 'min'],
    [60, 'min', 1, 's'],
  ];
  for (const [size, unit, rest_size, rest_unit] of steps) {
    if (whole < size) continue;
    const rest = Math.floor((whole % size) / rest_size);
    return `${Math.floor(whole / size)} ${unit}` + (rest ? ` ${rest} ${rest_unit}` : '');
  }
  return `${whole} s`;
}

/** A measured time: "0.42 ms", "12.3 ms", "1.25 s", "2 min 5 s". */
export function format_ms(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return '–';
  if (ms === 0) return '0 ms';
  if (ms < 0.995) return `${ms.toFixed(2)} ms`;
  if (ms < 99.95) return `${trimmed(ms.toFixed(1))} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${trimmed((ms / 1000).toFixed(2))} s`;
  return format_duration(ms / 1000);
}

function trimmed(number: string): string {
  return number.includes('.') ? number.replace(/\.?0+$/, '') : number;
}

/** A share in [0, 1]: "0 %", "0.04 %", "3.2 %", "100 %". What is not zero never reads as zero. */
export function format_share(share: number | null | undefined): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return '–';
  const percent = share * 100;
  if (percent === 0) return '0 %';
  if (percent < 0.01) return '< 0.01 %';
  if (percent > 99.99 && percent < 100) return '> 99.99 %';
  const digits = percent < 1 ? 2 : percent < 99 ? 1 : 2;
  return `${trimmed(percent.toFixed(digits))} %`;
}

/** 1234567 → "1,234,567". */
export function format_count(count: number | null | undefined): string {
  if (count === null || count === undefined || !Number.isFinite(count)) return '–';
  return Math.round(count).toString().replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** "3 files", "1 file". */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${format_count(count)} ${count === 1 ? one : many}`;
}

export function format_rate(per_second: number | null | undefined): string {
  if (per_second === null || per_second === undefined || !Number.isFinite(per_second)) return '–';
  if (per_second === 0) return '0/s';
  if (per_second < 0.1) return `${trimmed((per_second * 60).toFixed(1))}/min`;
  if (per_second < 99.95) return `${trimmed(per_second.toFixed(1))}/s`;
  return `${format_count(per_second)}/s`;
}

/** Local date and time; of today only the time. */
export function format_time(iso: string | null | undefined, now = new Date()): string {
  if (!iso) return '–';
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return '–';
  const two = (value: number) => String(value).padStart(2, '0');
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
  if (time.toDateString() === now.toDateString()) return clock;
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${day} ${clock.slice(0, 5)}`;
}

/** Seconds between two times; null when one is not known. */
export function seconds_between(
  start: string | null | undefined,
  end: string | null | undefined,
): number | null {
  if (!start || !end) return null;
  const seconds = (Date.parse(end) - Date.parse(start)) / 1000;
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : null;
}

/** The last component of a key; of one that ends in "/", the one before. */
export function key_name(key: string): string {
  const ended = key.replace(/\/+$/, '');
  return ended.slice(ended.lastIndexOf('/') + 1) || key;
}

/** The file that an address names, else its host: what to call it before its key is known. */
export function url_name(address: string): string {
  try {
    const url = new URL(address);
    const name = key_name(url.pathname);
    return name === '/' || name === '' ? url.host || address : decoded(name);
  } catch {
    return address;
  }
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/** "photos/2026/" → "2026/": what a listing of the prefix above it shows. */
export function last_step(prefix: string): string {
  const above = prefix.lastIndexOf('/', prefix.length - 2);
  return prefix.slice(above + 1);
}
