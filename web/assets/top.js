// The table of functions: sorts and filters all rows in the browser, and draws only those in sight.

import { visible } from './visible.js';
import { matcher, onSearch, parameter, setParameters, showMatched, viewAddress } from './page.js';

const table = document.getElementById('top');
const body = table.tBodies[0];
const BEYOND = 20; // Rows drawn above and below those in sight.
const [NAME, FLAT, CUM, FLAT_TEXT, FLAT_SHARE, CUM_TEXT, CUM_SHARE, INLINED, CRATE] = [0, 1, 2, 3, 4, 5, 6, 7, 8];

let data = null;
let shown = [];
let drawn = new Map();
// Of a row, which all have the same.
let height = body.rows[0]?.getBoundingClientRect().height || 24;
let by = table.dataset.by;
let isRising = table.dataset.rising === 'true';

const escaped = (name) => name.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&');
const pattern = (name) => `^${escaped(name)}$`;

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function link(text, href) {
  const element = make('a', '', text);
  element.href = href;
  return element;
}

const step = (share) => `p${Math.round(Math.min(Math.abs(share || 0), 1) * 20) * 5}${share < 0 ? ' less' : ''}`;
const percent = (value) => {
  // Without a sign, as reports and the page of the server have it.
  const size = data.total === 0 ? 0 : Math.abs(value / data.total * 100);
  if (size >= 99.95 && size <= 100.05) return '100%';
  return size >= 1 || size === 0 ? `${size.toFixed(2)}%` : `${Number(size.toPrecision(2))}%`;
};

function makeRow(at) {
  const { row, sum } = shown[at];
  const tr = make('tr');
  tr.setAttribute('aria-rowindex', at + 2);
  const name = make('td', 'name');
  name.title = visible(row[NAME]);
  name.append(link(visible(row[NAME].slice(0, 400)), viewAddress('peek', { fn: pattern(row[NAME]) })));
  if (row[INLINED]) name.append(make('span', 'inlined', row[INLINED] === 2 ? ' inlined' : ' partly inlined'));
  const links = make('span', 'links');
  const focus = new URL(location.href);
  focus.searchParams.set('f', pattern(row[NAME]));
  links.append(
    link('flame', viewAddress('flamegraph', { p: row[NAME] })), ' ',
    link('peek', viewAddress('peek', { fn: pattern(row[NAME]) })), ' ',
    link('source', viewAddress('source', { fn: pattern(row[NAME]) })), ' ',
    // Names of instructions have an address before them, and a line behind.
    link('asm', viewAddress('disasm', { fn: `(^| )${escaped(row[NAME])}( |$)` })), ' ',
    link('focus', focus.href),
  );
  const last = make('td', 'wide');
  last.append(links);
  tr.append(
    make('td', 'n', row[FLAT_TEXT]),
    make('td', `n share ${step(row[FLAT] / data.total)}`, row[FLAT_SHARE]),
    make('td', 'n wide', percent(sum)),
    make('td', 'n', row[CUM_TEXT]),
    make('td', `n share ${step(row[CUM] / data.total)}`, row[CUM_SHARE]),
    name, make('td', 'wide crate', row[CRATE] && visible(row[CRATE])), last,
  );
  return tr;
}

function spacer(rows) {
  const tr = make('tr');
  tr.setAttribute('aria-hidden', 'true');
  const td = make('td');
  td.colSpan = 8;
  td.style.height = `${rows * height}px`;
  td.style.padding = '0';
  tr.append(td);
  return tr;
}

/** Draws the rows in sight; all of them with `isPrinted`. */
function draw(isPrinted = false) {
  if (!data) return;
  const top = body.getBoundingClientRect().top;
  const first = isPrinted ? 0 : Math.max(0, Math.min(shown.length, Math.floor(-top / height)) - BEYOND);
  const end = isPrinted ? shown.length : Math.min(shown.length, Math.ceil((innerHeight - top) / height) + BEYOND);
  const next = new Map();
  for (let at = first; at < end; at++) next.set(at, drawn.get(at) ?? makeRow(at));
  if (next.size === drawn.size && [...next.keys()].every((at) => drawn.has(at)) && body.dataset.rows === String(shown.length)) return;
  drawn = next;
  const rows = [...next.values()];
  if (first > 0) rows.unshift(spacer(first));
  if (end < shown.length) rows.push(spacer(shown.length - end));
  const focused = document.activeElement;
  body.replaceChildren(...rows);
  body.dataset.rows = String(shown.length);
  if (focused && focused !== document.activeElement && body.contains(focused)) focused.focus({ preventScroll: true });
}

function arrange(text) {
  const isWanted = text ? matcher(text) : null;
  const rows = isWanted ? data.rows.filter((row) => isWanted.test(row[NAME])) : data.rows.slice();
  const first = by === 'cum' ? CUM : FLAT;
  const second = by === 'cum' ? FLAT : CUM;
  // Names, then the other value decide between equals, as in reports.
  const falling = (column, one, other) => Math.abs(other[column]) - Math.abs(one[column]);
  const byName = (one, other) => (one[NAME] < other[NAME] ? -1 : one[NAME] > other[NAME] ? 1 : 0);
  const turn = isRising ? -1 : 1;
  rows.sort(by === 'name'
    ? (one, other) => -turn * byName(one, other) || falling(second, one, other)
    : (one, other) => turn * falling(first, one, other) || byName(one, other) || falling(second, one, other));
  let sum = 0;
  let matched = 0;
  shown = rows.map((row) => {
    sum += row[FLAT];
    matched += row[FLAT];
    return { row, sum };
  });
  drawn = new Map();
  body.dataset.rows = '';
  table.setAttribute('aria-rowcount', shown.length + 1);
  document.getElementById('summary').textContent = `${shown.length} of ${data.nodes} rows, ${table.dataset.all}`;
  showMatched(text ? `${shown.length} rows, ${percent(matched)} flat` : '');
  document.getElementById('top-none')?.toggleAttribute('hidden', shown.length > 0);
  draw();
}

function sortBy(column) {
  isRising = column === by ? !isRising : column === 'name';
  by = column;
  setParameters({ by: by === 'flat' ? '' : by, asc: isRising ? 't' : '' });
  for (const heading of table.querySelectorAll('[data-sort]')) {
    const cell = heading.closest('th');
    if (heading.dataset.sort === by) cell.setAttribute('aria-sort', isRising ? 'ascending' : 'descending');
    else cell.removeAttribute('aria-sort');
  }
  arrange(parameter('q') ?? '');
}

const address = new URL(location.href);
address.pathname = address.pathname.replace(/top$/, 'top.json');
for (const own of ['q', 'by', 'asc']) address.searchParams.delete(own);
const answer = await fetch(address);
if (answer.ok) {
  data = await answer.json();
  for (const heading of table.querySelectorAll('[data-sort]')) {
    heading.addEventListener('click', (event) => {
      event.preventDefault();
      sortBy(heading.dataset.sort);
    });
  }
  onSearch(arrange);
  addEventListener('scroll', () => draw(), { passive: true });
  addEventListener('resize', () => {
    height = drawn.values().next().value?.getBoundingClientRect().height || height;
    drawn = new Map();
    draw();
  });
  addEventListener('beforeprint', () => draw(true));
  addEventListener('afterprint', () => draw());
  table.dataset.ready = 'true';
}
