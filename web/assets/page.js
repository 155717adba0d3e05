// What all pages do beside links and forms: menus close, keys open views, the search tells the view what is typed.

/** The text of the search as a RegExp: without regard to case unless it has a capital; a broken one is taken literally. */
export function matcher(text) {
  const flags = /\p{Lu}/u.test(text) ? 'u' : 'iu';
  try {
    return new RegExp(text, flags);
  } catch {
    return new RegExp(text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'), flags.replace('u', ''));
  }
}

/** Whether the text is a regular expression. */
export function isPattern(text) {
  try {
    return Boolean(new RegExp(text, 'u'));
  } catch {
    return false;
  }
}

/** A parameter of the address; null if it is not there. */
export function parameter(key) {
  return new URLSearchParams(location.search).get(key);
}

/** Changes parameters of the address: {key: value}, an empty value removes one. With `push` it is a step to go back from. */
export function setParameters(values, push = false) {
  const url = new URL(location.href);
  for (const [key, value] of Object.entries(values)) {
    if (value === '' || value === null || value === undefined) url.searchParams.delete(key);
    else url.searchParams.set(key, value);
  }
  if (url.href !== location.href) history[push ? 'pushState' : 'replaceState'](history.state, '', url);
}

/** The address of another view with the options of this one and `values`. */
export function viewAddress(route, values = {}) {
  const link = document.querySelector(`.views a[data-route="${route}"]`);
  const url = new URL(link ? link.href : route, location.href);
  for (const [key, value] of Object.entries(values)) {
    if (value === '') url.searchParams.delete(key);
    else url.searchParams.set(key, value);
  }
  return url.href;
}

/** Calls `show(text)` now and whenever the text of the search changes. A view that does so searches by itself: Enter
 * does not load the page again. */
export function onSearch(show) {
  const input = document.getElementById('search');
  let last = null;
  const told = () => {
    if (input.value === last) return;
    last = input.value;
    input.setAttribute('aria-invalid', String(!isPattern(last)));
    setParameters({ q: last });
    for (const link of document.querySelectorAll('.views a')) {
      const url = new URL(link.href);
      if (last) url.searchParams.set('q', last); else url.searchParams.delete('q');
      link.href = url.href;
    }
    show(last);
  };
  input.addEventListener('input', told);
  input.form.addEventListener('submit', (event) => { event.preventDefault(); told(); });
  told();
}

/** Writes beside the search how much matches, which screen readers say. */
export function showMatched(text) {
  document.getElementById('matched').textContent = text;
}

const menus = [...document.querySelectorAll('details.menu')];

function closeMenus(except) {
  for (const menu of menus) if (menu !== except) menu.open = false;
}

function inMenu(menu) {
  return [...menu.querySelectorAll('.panel a, .panel button, .panel input:not([type=hidden])')];
}

for (const menu of menus) {
  menu.addEventListener('toggle', () => {
    if (!menu.open) return;
    closeMenus(menu);
    const panel = menu.querySelector('.panel');
    panel.style.translate = '';
    const beyond = panel.getBoundingClientRect().right - document.documentElement.clientWidth + 8;
    if (beyond > 0) panel.style.translate = `${-beyond}px`;
  });
  menu.addEventListener('keydown', (event) => {
    const summary = menu.querySelector('summary');
    if (event.key === 'Escape' && menu.open) {
      menu.open = false;
      summary.focus();
      event.stopPropagation();
    } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      if (event.target === summary && event.key === 'ArrowDown') menu.open = true;
      const items = inMenu(menu);
      const at = items.indexOf(document.activeElement);
      const next = items[at + (event.key === 'ArrowDown' ? 1 : -1)] ?? (event.key === 'ArrowUp' ? summary : items[0]);
      if (menu.open) next.focus();
      event.preventDefault();
    } else if (event.target === summary && (event.key === 'ArrowRight' || event.key === 'ArrowLeft')) {
      const next = menus[menus.indexOf(menu) + (event.key === 'ArrowRight' ? 1 : -1)];
      next?.querySelector('summary').focus();
      event.preventDefault();
    }
  });
  menu.addEventListener('focusout', (event) => {
    if (event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
  });
}

document.addEventListener('pointerdown', (event) => closeMenus(event.target.closest?.('details.menu')));

// What a form leaves as the analyser began need not be in the address.
document.addEventListener('submit', (event) => {
  if (event.target.method !== 'get') return;
  for (const input of event.target.elements) {
    if (input.name && input.value === (input.dataset.base ?? '')) input.disabled = true;
  }
});
addEventListener('pageshow', () => {
  for (const input of document.querySelectorAll('input:disabled')) input.disabled = false;
});

const keys = document.getElementById('keys');
document.getElementById('show-keys')?.addEventListener('click', () => keys.showModal());
const keysOn = document.getElementById('keys-on');
// A browser that keeps nothing throws; keys are on then.
try {
  keysOn.checked = localStorage.getItem('rgops-keys') !== 'off';
} catch {
  keysOn.checked = true;
}
keysOn.addEventListener('change', () => {
  try {
    localStorage.setItem('rgops-keys', keysOn.checked ? 'on' : 'off');
  } catch {
    // It is so on this page.
  }
});

document.addEventListener('keydown', (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || keys.open) return;
  if (event.target.closest?.('input, textarea, select, [contenteditable]')) {
    if (event.key === 'Escape' && event.target.id === 'search') {
      // Browsers would empty the field.
      event.preventDefault();
      document.getElementById('main').focus();
    }
    return;
  }
  if (event.key === '?') {
    keys.showModal();
    event.preventDefault();
  } else if (!keysOn.checked) {
    return;
  } else if (event.key === '/') {
    const search = document.getElementById('search');
    search.focus();
    search.select();
    event.preventDefault();
  } else if (event.key.length === 1) {
    document.querySelector(`[data-key="${CSS.escape(event.key)}"]`)?.click();
  }
});
