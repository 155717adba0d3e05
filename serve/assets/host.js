// The list of programs: rows come, change and go.

import { listen } from './stream.js';

const table = document.getElementById('programs');
const summary = document.getElementById('summary');
const body = table.tBodies[0];

function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

function newRow(row) {
  const link = element('a', '', row.name);
  link.href = `/p/${row.pid}/`;
  const name = element('th', 'name', link);
  name.scope = 'row';
  const made = element('tr', '', name, element('td', 'n', String(row.pid)));
  for (const _ of row.cells) made.append(element('td', 'n'));
  made.dataset.pid = row.pid;
  return made;
}

function setTitle(of, title) {
  if (title) of.title = title;
  else of.removeAttribute('title');
}

function fill(made, row) {
  made.classList.toggle('silent', Boolean(row.silent));
  setTitle(made, row.silent);
  row.cells.forEach((cell, at) => {
    const td = made.cells[at + 2];
    if (td.textContent !== cell.text) td.textContent = cell.text;
    td.classList.toggle('missing', Boolean(cell.why));
    setTitle(td, cell.why);
  });
}

function show({ rows }) {
  const known = new Map([...body.rows].map((row) => [row.dataset.pid, row]));
  rows.forEach((row, at) => {
    let made = known.get(String(row.pid));
    known.delete(String(row.pid));
    // A process with the pid of one that ended has another name.
    if (made && made.cells[0].textContent !== row.name) {
      made.remove();
      made = null;
    }
    made ??= newRow(row);
    fill(made, row);
    // A row that is where it belongs is not moved: it may have the focus.
    if (body.rows[at] !== made) body.insertBefore(made, body.rows[at] ?? null);
  });
  for (const gone of known.values()) gone.remove();
  table.hidden = rows.length === 0;
  const count = rows.length === 1 ? '1 program with an agent' : `${rows.length} programs with an agent`;
  const text = rows.length ? count : 'No program with an agent runs.';
  if (summary.dataset.text !== text) summary.textContent = text;
  summary.dataset.text = text;
  table.dataset.rounds = Number(table.dataset.rounds ?? 0) + 1;
}

listen('live', show, (state) => { table.classList.toggle('stale', state !== 'live'); });
