// What can be done with a frame: links, in the line below the graph and in the menu of a right click.

import { visible } from './visible.js';
import { viewAddress } from './flame-state.js';

/// A regular expression that matches `name` and nothing else.
export function exactly(name) {
  return `^${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`;
}

/// `pattern` or what the filter has already.
function alsoMatching(key, pattern) {
  const now = new URLSearchParams(location.search).get(key);
  return now ? `${now}|${pattern}` : pattern;
}

/// The actions on a function: text, and the address it leads to.
export function actions(name) {
  const pattern = exactly(name);
  const here = location.pathname.split('/').pop();
  return [
    ['Source', viewAddress('source', { fn: pattern })],
    ['Disassembly', viewAddress('disasm', { fn: pattern })],
    ['Peek', viewAddress('peek', { fn: pattern })],
    ['Sandwich', viewAddress('sandwich', { p: name })],
    ['Focus', viewAddress(here, { f: pattern })],
    ['Ignore', viewAddress(here, { i: alsoMatching("i", pattern) })],
    ['Hide', viewAddress(here, { h: alsoMatching("h", pattern) })],
    ['Show from', viewAddress(here, { sf: pattern })],
  ];
}

/// Links of the actions.
export function actionLinks(name) {
  return actions(name).map(([text, href]) => {
    const link = document.createElement('a');
    link.href = href;
    link.textContent = text;
    return link;
  });
}

/// The menu of a frame at a place of the window.
export class Menu {
  constructor(element, onClose) {
    this.element = element;
    this.onClose = onClose;
    element.addEventListener('keydown', (event) => this.key(event));
    document.addEventListener('pointerdown', (event) => {
      if (!element.hidden && !element.contains(event.target)) this.close(false);
    });
    window.addEventListener('blur', () => this.close(false));
  }

  open(name, x, y) {
    const title = document.createElement('p');
    title.textContent = visible(name);
    const links = actionLinks(name);
    for (const link of links) {
      link.setAttribute('role', 'menuitem');
      link.tabIndex = -1;
    }
    const copy = document.createElement('button');
    Object.assign(copy, { type: 'button', textContent: 'Copy the name', tabIndex: -1 });
    copy.setAttribute('role', 'menuitem');
    copy.addEventListener('click', () => {
      navigator.clipboard?.writeText(name).catch(() => {});
      this.close(true);
    });
    this.element.replaceChildren(title, ...links, copy);
    this.element.hidden = false;
    const { width, height } = this.element.getBoundingClientRect();
    this.element.style.left = `${Math.max(4, Math.min(x, innerWidth - width - 4))}px`;
    this.element.style.top = `${Math.max(4, Math.min(y, innerHeight - height - 4))}px`;
    links[0].focus();
  }

  close(isBack) {
    if (this.element.hidden) return;
    this.element.hidden = true;
    if (isBack) this.onClose();
  }

  key(event) {
    const items = [...this.element.querySelectorAll('[role="menuitem"]')];
    const at = items.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (to !== undefined) items[(to + items.length) % items.length].focus();
    else if (event.key === 'Escape' || event.key === 'Tab') this.close(true);
    else if (event.key !== 'Enter' && event.key !== ' ') return;
    else { event.stopPropagation(); return; }
    event.preventDefault();
    event.stopPropagation();
  }
}
