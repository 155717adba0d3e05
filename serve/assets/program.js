// A program's page: live charts.

import { Chart } from './charts.js';
import { listen } from './stream.js';
import { visible } from './visible.js';

const state = document.getElementById('live-state');

function number(value) {
  if (value >= 100_000) return value >= 1e9 ? `${(value / 1e9).toFixed(1)} G` : value >= 1e6 ? `${(value / 1e6).toFixed(1)} M` : `${Math.round(value / 1e3)} k`;
  if (Number.isInteger(value) || value >= 100) return String(Math.round(value));
  return value.toFixed(1);
}

function bytes(value) {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let at = 0;
  let scaled = Math.abs(value);
  while (scaled >= 1024 && at < units.length - 1) {
    scaled /= 1024;
    at += 1;
  }
  const digits = scaled >= 100 || Number.isInteger(scaled) ? 0 : 1;
  return `${value < 0 ? '−' : ''}${scaled.toFixed(digits)} ${units[at]}`;
}

const percent = (value) => `${number(value)} %`;
const seconds = (of) => {
  const [s, m, h, d] = [of % 60, (of / 60) % 60, (of / 3600) % 24, of / 86400].map(Math.floor);
  if (d) return `${d} d ${h} h`;
  if (h) return `${h} h ${m} min`;
  return m ? `${m} min ${s} s` : `${s} s`;
};

const figure = (key) => document.querySelector(`[data-chart="${key}"]`);
const charts = {
  cpu: new Chart(figure('cpu'), { format: percent, least: 10 }),
  memory: new Chart(figure('memory'), { format: bytes, binary: true }),
  busy: new Chart(figure('busy'), { format: percent, top: 100 }),
  tasks: new Chart(figure('tasks'), { format: number, least: 10 }),
  queue: new Chart(figure('queue'), { format: number, least: 10 }),
  descriptors: new Chart(figure('descriptors'), { format: number, least: 10 }),
  allocations: new Chart(figure('allocations'), { format: number, least: 10 }),
};

/** Why there is no value: `unavailable (reason; fix: …)`. */
function why(of) {
  const fix = of.fix ? `; fix: ${of.fix}` : '';
  return visible(`unavailable (${of.unavailable}${fix})`);
}

function add(key, time, of, text) {
  const isKnown = typeof of === 'number';
  charts[key].add(time, isKnown ? [of] : null, isKnown ? text(of) : '', isKnown ? '' : why(of));
}

/** The parts of memory, from the bottom of the chart. */
const PARTS = ['live-heap', 'allocator-slack', 'stacks', 'files', 'shared-memory', 'other'];

/** Parts of memory. What is not resident is taken from the heap, which counts it. */
function memory(time, { rss, parts }) {
  const isKnown = typeof rss === 'number';
  const known = parts.filter((part) => typeof part.bytes === 'number');
  // Each part has its place, also where another one is missing: so it keeps its colour.
  const sized = (name) => Math.max(known.find((part) => part.name === name)?.bytes ?? 0, 0);
  const values = known.length ? PARTS.map(sized) : [rss];
  const not = known.filter((part) => part.bytes < 0).reduce((sum, part) => sum - part.bytes, 0);
  if (not) values[0] = Math.max(values[0] - not, 0);
  charts.memory.add(time, isKnown ? values : null, isKnown ? bytes(rss) : '', isKnown ? '' : why(rss));
  const items = parts.map((part) => {
    const item = document.createElement('li');
    const key = document.createElement('i');
    const at = PARTS.indexOf(part.name);
    if (at >= 0) key.className = `part-${at + 1}`;
    const text = typeof part.bytes === 'number' ? bytes(part.bytes) : why(part.bytes);
    item.append(key, `${visible(part.name)} `, Object.assign(document.createElement('b'), { textContent: text }));
    item.title = visible(part.what);
    return item;
  });
  figure('memory').querySelector('.parts').replaceChildren(...items);
}

function show(reading) {
  if (reading.silent !== undefined) {
    say(`The program does not answer: ${visible(reading.silent)}`, true);
    return;
  }
  const time = reading.at_ms;
  const of = (text, limit, unit = number) => (typeof limit === 'number' ? `${text} of ${unit(limit)}` : text);
  add('cpu', time, reading.cpu, (value) => of(percent(value), typeof reading.cpus === 'number' ? reading.cpus * 100 : null, percent));
  memory(time, reading);
  add('busy', time, reading.busy, (value) => `${percent(value)} of ${reading.workers}`);
  add('tasks', time, reading.tasks, number);
  add('queue', time, reading.queue, number);
  add('descriptors', time, reading.descriptors, (value) => of(number(value), reading.descriptors_limit));
  add('allocations', time, reading.allocations, (value) => `${number(value)}/s`);
  const up = typeof reading.uptime_s === 'number' ? `Up for ${seconds(reading.uptime_s)}` : 'Uptime unavailable';
  say(`${up} · ${reading.threads} threads · every 2 s`, false);
}

/** Only a change of what is said is told to screen readers: numbers are not. */
function say(text, isProblem) {
  state.classList.toggle('problem', isProblem);
  state.setAttribute('aria-live', isProblem ? 'polite' : 'off');
  if (state.textContent !== text) state.textContent = text;
}

listen('live', show, (now) => {
  if (now === 'waits') say('The connection is lost. Trying again…', true);
  if (now === 'paused') say('Paused: the page was not visible.', false);
});
