// Draws the lanes of the timeline, and leads to the flame graph of a part of the time.

import { visible } from './visible.js';
import { readColors } from './flame-draw.js';
import { CLASS_NAMES } from './flame-facts.js';
import { formatValue } from './flame-format.js';
import { viewAddress } from './page.js';

const source = document.getElementById('timeline-data');
if (source) start(JSON.parse(source.textContent));

function start(data) {
  const section = document.getElementById('timeline');
  const lanes = document.getElementById('timeline-lanes');
  const length = data.end_ns - data.start_ns;
  const most = Math.max(1, ...data.lanes.flatMap((lane) => lane.values.map((part) => part.reduce((a, b) => a + b, 0))));
  const canvases = data.lanes.map((lane) => {
    const row = document.createElement('div');
    row.className = 'timeline-lane';
    const name = document.createElement('p');
    const total = document.createElement('span');
    name.textContent = visible(lane.name);
    name.title = name.textContent;
    total.textContent = formatValue(lane.total, section.dataset.unit);
    name.append(total);
    const canvas = document.createElement('canvas');
    row.append(name, canvas);
    lanes.append(row);
    return canvas;
  });
  const axis = document.createElement('div');
  axis.className = 'timeline-axis';
  const ticks = document.createElement('div');
  for (const at of times(length)) {
    const tick = Object.assign(document.createElement('span'), { textContent: formatValue(at, 'ns') });
    tick.style.left = `${(100 * at) / Math.max(1, length)}%`;
    ticks.append(tick);
  }
  axis.append(document.createElement('span'), ticks);
  lanes.append(axis);
  const mark = Object.assign(document.createElement('div'), { className: 'timeline-mark', hidden: true });
  lanes.append(mark);

  const draw = () => {
    const { classes } = readColors(lanes);
    data.lanes.forEach((lane, at) => paint(canvases[at], lane, data, most, classes));
  };
  new ResizeObserver(draw).observe(lanes);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  const used = data.classes.filter((_, at) => data.lanes.some((lane) => lane.values.some((part) => part[at] > 0)));
  document.getElementById('timeline-legend').append(...used.map((name) => {
    const entry = document.createElement('span');
    entry.append(Object.assign(document.createElement('i'), { className: name }), CLASS_NAMES[name] ?? name);
    return entry;
  }));
  if (canvases.length) selection(data, lanes, canvases[0], mark, length);
}

/// Round times for the axis: at most 7, the last far enough from the end to be written.
function times(length) {
  const least = length / 6;
  const power = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  const step = power * [1, 2, 5, 10].find((by) => by * power >= least);
  const all = [];
  for (let at = 0; at <= length * 0.96; at += step) all.push(at);
  return all;
}

function paint(canvas, lane, data, most, colors) {
  const ratio = window.devicePixelRatio || 1;
  const { width, height } = canvas.getBoundingClientRect();
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  const context = canvas.getContext('2d');
  context.scale(ratio, ratio);
  const step = width / data.parts;
  lane.values.forEach((part, at) => {
    let y = height;
    part.forEach((value, number) => {
      if (value === 0) return;
      const high = Math.max(1, (value / most) * (height - 4));
      const [hue, saturation, lightness] = colors[data.classes[number]];
      context.fillStyle = `hsl(${hue} ${saturation}% ${lightness}%)`;
      y -= high;
      context.fillRect(at * step, y, Math.max(step, 1), high);
    });
  });
}

/// A part of the time, marked by dragging or by keys.
function selection(data, lanes, canvas, mark, length) {
  const link = document.getElementById('timeline-flame');
  const text = document.getElementById('timeline-range');
  let [from, to] = [0.45, 0.55];
  const show = () => {
    const [low, high] = [Math.max(0, Math.min(from, to)), Math.min(1, Math.max(from, to))];
    const [outer, inner] = [lanes.getBoundingClientRect(), canvas.getBoundingClientRect()];
    mark.hidden = false;
    mark.style.left = `${inner.left - outer.left + low * inner.width}px`;
    mark.style.width = `${Math.max(1, (high - low) * inner.width)}px`;
    const time = (share) => BigInt(Math.round(data.start_ns + share * length));
    text.textContent = `${formatValue(low * length, 'ns')} to ${formatValue(high * length, 'ns')}`;
    link.hidden = false;
    link.href = viewAddress('flamegraph', { tf: `${data.key}=${time(low)}ns:${time(high)}ns` });
  };
  const share = (event) => {
    const inner = canvas.getBoundingClientRect();
    return (event.clientX - inner.left) / inner.width;
  };
  lanes.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    lanes.setPointerCapture(event.pointerId);
    [from, to] = [share(event), share(event)];
  });
  lanes.addEventListener('pointermove', (event) => {
    if (event.buttons !== 1 || !lanes.hasPointerCapture(event.pointerId)) return;
    to = share(event);
    show();
  });
  lanes.addEventListener('keydown', (event) => {
    const by = { ArrowLeft: -0.01, ArrowRight: 0.01 }[event.key];
    if (event.key === 'Enter' && !link.hidden) link.click();
    if (!by) return;
    event.preventDefault();
    if (!event.shiftKey) from = Math.min(1, Math.max(0, from + by));
    to = Math.min(1, Math.max(0, to + by));
    show();
  });
}
