// The list of the sandwich: filtered as one types, and in step with the function in the middle.

import { visible } from './visible.js';

const rows = [...document.querySelectorAll('#sandwich-functions tbody tr')];
const filter = document.getElementById('sandwich-filter');

filter?.addEventListener('input', () => {
  let matches = (name) => name.includes(filter.value);
  try {
    const pattern = new RegExp(filter.value, 'i');
    matches = (name) => pattern.test(name);
  } catch { /* It is searched as it is. */ }
  for (const row of rows) row.hidden = !matches(row.lastElementChild.title);
});

document.addEventListener('flame-pivot', (event) => {
  for (const row of rows) {
    if (row.lastElementChild.title === visible(event.detail ?? '')) {
      row.setAttribute('aria-current', 'true');
      row.scrollIntoView({ block: 'nearest' });
    } else row.removeAttribute('aria-current');
  }
});
