// Values as text, in the units that pprof's reports have.

const SCALES = {
  time: [['ns', 1], ['us', 1e3], ['ms', 1e6], ['s', 1e9], ['hrs', 3.6e12]],
  bytes: [['B', 1], ['kB', 1024], ['MB', 2 ** 20], ['GB', 2 ** 30], ['TB', 2 ** 40], ['PB', 2 ** 50]],
};

const UNITS = {
  nanoseconds: ['time', 1], ns: ['time', 1], nanosecond: ['time', 1],
  microseconds: ['time', 1e3], us: ['time', 1e3], 'µs': ['time', 1e3],
  milliseconds: ['time', 1e6], ms: ['time', 1e6],
  seconds: ['time', 1e9], second: ['time', 1e9], s: ['time', 1e9],
  bytes: ['bytes', 1], byte: ['bytes', 1], b: ['bytes', 1],
  kilobytes: ['bytes', 1024], kb: ['bytes', 1024],
};

/// `value` of `unit` for people: `1.25s`, `12.50MB`, `1,234`.
export function formatValue(value, unit) {
  const known = UNITS[unit.toLowerCase()];
  if (!known) {
    const count = value.toLocaleString('en', { maximumFractionDigits: 2 });
    return unit === '' || unit === 'count' ? count : `${count} ${unit}`;
  }
  if (value === 0) return '0';
  const base = value * known[1];
  const size = Math.abs(base);
  let [name, by] = SCALES[known[0]][0];
  for (const [next, step] of SCALES[known[0]]) if (size >= step) [name, by] = [next, step];
  return `${(base / by).toFixed(2).replace(/\.00$/, '')}${name}`;
}

/// A share for people: `12.5%`.
export function formatShare(value, total) {
  if (total === 0 || value === 0) return '0%';
  const share = (100 * value) / total;
  const size = Math.abs(share);
  if (size !== 0 && size < 0.01) return share < 0 ? '> -0.01%' : '< 0.01%';
  return `${share.toFixed(size < 1 ? 2 : 1)}%`;
}
