// The call graph: moving, zooming, selecting a function, going from one to another by keys, and the search.

import { visible } from './visible.js';
import { matcher, onSearch, parameter, setParameters, showMatched, viewAddress } from './page.js';

const view = document.getElementById('graph-view');
const svg = document.getElementById('graph');

/** A regular expression that matches `name` and nothing else. */
function exactly(name) {
  return `^${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`;
}

/** The part of the picture that the view shows: its corner, and how many pixels a unit of the picture has. */
class Window {
  constructor() {
    const box = svg.viewBox.baseVal;
    this.whole = { width: box.width, height: box.height };
    svg.removeAttribute('width');
    svg.removeAttribute('height');
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    this.waits = false;
  }

  /** The size of the view in pixels. */
  size() {
    return { width: Math.max(view.clientWidth, 1), height: Math.max(view.clientHeight, 1) };
  }

  fitting() {
    const { width, height } = this.size();
    return Math.min(width / this.whole.width, height / this.whole.height, 1.5) * 0.98;
  }

  fit() {
    this.scale = this.fitting();
    this.center(this.whole.width / 2, this.whole.height / 2);
  }

  /** Puts a place of the picture into the middle. */
  center(x, y) {
    const { width, height } = this.size();
    this.x = x - width / 2 / this.scale;
    this.y = y - height / 2 / this.scale;
    this.show();
  }

  /** Zooms so that what is at a place of the view, in pixels, stays there. */
  zoom(factor, left, top) {
    const { width, height } = this.size();
    const [px, py] = [left ?? width / 2, top ?? height / 2];
    const scale = Math.min(Math.max(this.scale * factor, Math.min(this.fitting(), 0.05)), 8);
    this.x += px / this.scale - px / scale;
    this.y += py / this.scale - py / scale;
    this.scale = scale;
    this.show();
  }

  move(left, top) {
    this.x += left / this.scale;
    this.y += top / this.scale;
    this.show();
  }

  /** Moves as little as is needed to show a box with a margin. */
  reveal(box) {
    const { width, height } = this.size();
    const margin = 40 / this.scale;
    const [w, h] = [width / this.scale, height / this.scale];
    const into = (at, from, to, size) => {
      if (to - from + 2 * margin > size) return (from + to) / 2 - size / 2;
      return Math.min(Math.max(at, to + margin - size), from - margin);
    };
    this.x = into(this.x, box.x, box.x + box.width, w);
    this.y = into(this.y, box.y, box.y + box.height, h);
    this.show();
  }

  /** Draws it, once a frame. A part of the picture is always in the view. */
  show() {
    const { width, height } = this.size();
    const [w, h] = [width / this.scale, height / this.scale];
    this.x = Math.min(Math.max(this.x, -w * 0.8), this.whole.width - w * 0.2);
    this.y = Math.min(Math.max(this.y, -h * 0.8), this.whole.height - h * 0.2);
    if (this.waits) return;
    this.waits = true;
    requestAnimationFrame(() => {
      this.waits = false;
      const now = this.size();
      svg.setAttribute('viewBox', `${this.x} ${this.y} ${now.width / this.scale} ${now.height / this.scale}`);
      svg.classList.toggle('far', this.scale < 0.3);
      document.getElementById('graph-zoom').textContent = `${Math.round(this.scale * 100)}%`;
    });
  }
}

/** Nodes and edges of the picture. */
class Graph {
  constructor() {
    this.nodes = [...svg.querySelectorAll('a.node')];
    this.byId = new Map(this.nodes.map((node) => [node.id, node]));
    this.edges = [...svg.querySelectorAll('.edge')].map((element) => ({
      element,
      from: this.byId.get(`node${element.dataset.from}`),
      to: this.byId.get(`node${element.dataset.to}`),
      label: [...element.querySelectorAll('.label')].map((text) => text.textContent).join(' '),
    })).filter((edge) => edge.from && edge.to);
    this.chosen = null;
  }

  callers(node) {
    return this.edges.filter((edge) => edge.to === node);
  }

  callees(node) {
    return this.edges.filter((edge) => edge.from === node);
  }

  /** Where a key leads from a node: to the first caller, the first callee, or the nearest beside it. */
  beside(node, key) {
    if (key === 'ArrowUp') return this.callers(node).find((edge) => edge.from !== node)?.from;
    if (key === 'ArrowDown') return this.callees(node).find((edge) => edge.to !== node)?.to;
    const here = middle(node);
    const sign = key === 'ArrowRight' ? 1 : -1;
    let best = null;
    for (const other of this.nodes) {
      const there = middle(other);
      const far = (there.x - here.x) * sign;
      if (other === node || far <= 0) continue;
      const distance = far + Math.abs(there.y - here.y) * 3;
      if (!best || distance < best.distance) best = { other, distance };
    }
    return best?.other;
  }

  /** Selects a node, or none. */
  choose(node) {
    this.chosen?.classList.remove('chosen');
    for (const element of svg.querySelectorAll('.near')) element.classList.remove('near');
    this.chosen = node;
    svg.classList.toggle('selected', Boolean(node));
    if (!node) return;
    node.classList.add('chosen');
    for (const { element, from, to } of this.edges) {
      if (from !== node && to !== node) continue;
      for (const near of [element, from, to]) near.classList.add('near');
    }
  }
}

function middle(node) {
  const box = node.querySelector('.box');
  const [x, y, width, height] = ['x', 'y', 'width', 'height'].map((name) => Number(box.getAttribute(name)));
  return { x: x + width / 2, y: y + height / 2 };
}

function boxOf(node) {
  const box = node.querySelector('.box');
  const [x, y, width, height] = ['x', 'y', 'width', 'height'].map((name) => Number(box.getAttribute(name)));
  return { x, y, width, height };
}

/** The links of a function: text and address. */
function actions(name) {
  const pattern = exactly(name);
  const also = (key) => {
    const now = parameter(key);
    return { p: '', [key]: now ? `${now}|${pattern}` : pattern };
  };
  return [
    ['Peek', viewAddress('peek', { fn: pattern })],
    ['Source', viewAddress('source', { fn: pattern })],
    ['Disassembly', viewAddress('disasm', { fn: pattern })],
    ['Flame graph', viewAddress('flamegraph', { p: name })],
    ['Sandwich', viewAddress('sandwich', { p: name })],
    ['Focus', viewAddress('graph', { p: '', f: pattern })],
    ['Ignore', viewAddress('graph', also('i'))],
    ['Hide', viewAddress('graph', also('h'))],
    ['Show from', viewAddress('graph', { p: '', sf: pattern })],
  ];
}

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function start() {
  const graph = new Graph();
  const shown = new Window();
  const about = document.getElementById('graph-node');
  const hint = about.firstElementChild;
  view.classList.add('moves');
  document.querySelector('.graph-buttons').hidden = false;

  // One node is in the order of Tab; arrows move it.
  function makeCurrent(node) {
    for (const other of graph.nodes) other.setAttribute('tabindex', other === node ? '0' : '-1');
  }

  function go(node) {
    makeCurrent(node);
    node.focus({ preventScroll: true });
    shown.reveal(boxOf(node));
  }

  /** The callers or callees of a node as buttons. */
  function neighbours(text, edges, end) {
    const items = edges.slice(0, 12).map((edge) => {
      const node = edge[end];
      const button = element('button', { type: 'button', textContent: `${visible(node.dataset.name)} ${edge.label}` });
      button.addEventListener('click', () => { choose(node, true); go(node); });
      return button;
    });
    if (edges.length > items.length) items.push(`and ${edges.length - items.length} more`);
    return element('p', { className: 'facts' }, `${text}: `, ...(items.length ? items : ['none']));
  }

  function choose(node, isStep) {
    graph.choose(node);
    const name = node?.dataset.name ?? '';
    if (isStep) setParameters({ p: name }, true);
    if (!node) {
      about.replaceChildren(hint);
      return;
    }
    makeCurrent(node);
    const links = actions(name).map(([textContent, href]) => element('a', { textContent, href }));
    about.replaceChildren(
      element('p', { className: 'name', textContent: visible(name) }),
      element('p', { className: 'facts' }, node.dataset.values, ...links),
      neighbours('Callers', graph.callers(node), 'from'),
      neighbours('Callees', graph.callees(node), 'to'),
    );
  }

  function chooseByAddress() {
    const name = parameter('p');
    const node = name ? graph.nodes.find((of) => of.dataset.name === name) : null;
    choose(node ?? null, false);
    return node;
  }

  // What is shown first: all of it if letters can be read, otherwise the selected function, or the heaviest at the top.
  makeCurrent(graph.nodes[0]);
  const first = chooseByAddress();
  shown.fit();
  if (shown.scale < 0.7) {
    const heat = (node) => Number(/heat-(-?\d+)/.exec(node.getAttribute('class'))?.[1] ?? 0);
    const top = graph.nodes.reduce((best, node) => {
      const [a, b] = [Math.abs(heat(node)), Math.abs(heat(best))];
      return a > b || (a === b && middle(node).y < middle(best).y) ? node : best;
    }, graph.nodes[0]);
    shown.scale = 0.85;
    const at = middle(first ?? top);
    shown.center(at.x, first ? at.y : at.y + shown.size().height / shown.scale / 2 - 80);
  }

  // Held: moves. Two fingers: zoom. A click that did not move selects.
  const pointers = new Map();
  let moved = 0;
  view.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    pointers.set(event.pointerId, event);
    moved = 0;
  });
  view.addEventListener('pointermove', (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const bounds = view.getBoundingClientRect();
    if (pointers.size === 2) {
      const other = [...pointers.values()].find((of) => of.pointerId !== event.pointerId);
      const distance = (of) => Math.hypot(of.clientX - other.clientX, of.clientY - other.clientY);
      shown.zoom(distance(event) / Math.max(distance(before), 1), other.clientX - bounds.left, other.clientY - bounds.top);
      moved = 99;
    } else {
      moved += Math.abs(event.clientX - before.clientX) + Math.abs(event.clientY - before.clientY);
      if (moved > 4) {
        if (!view.hasPointerCapture(event.pointerId)) view.setPointerCapture(event.pointerId);
        view.classList.add('held');
        shown.move(before.clientX - event.clientX, before.clientY - event.clientY);
      }
    }
    pointers.set(event.pointerId, event);
  });
  for (const end of ['pointerup', 'pointercancel']) {
    view.addEventListener(end, (event) => {
      pointers.delete(event.pointerId);
      view.classList.remove('held');
    });
  }
  view.addEventListener('dragstart', (event) => event.preventDefault());
  view.addEventListener('click', (event) => {
    const node = event.target.closest('a.node');
    if (node && (event.ctrlKey || event.metaKey || event.shiftKey)) return;
    event.preventDefault();
    if (moved > 4) return;
    if (node) choose(node === graph.chosen ? null : node, true);
    else if (graph.chosen) choose(null, true);
  });
  view.addEventListener('wheel', (event) => {
    event.preventDefault();
    const bounds = view.getBoundingClientRect();
    const lines = event.deltaMode === 1 ? 18 : 1;
    if (event.shiftKey) shown.move((event.deltaX || event.deltaY) * lines, 0);
    else shown.zoom(Math.exp(-event.deltaY * lines * 0.0015), event.clientX - bounds.left, event.clientY - bounds.top);
  }, { passive: false });

  view.addEventListener('focusin', (event) => {
    const node = event.target.closest?.('a.node');
    if (!node) return;
    makeCurrent(node);
    // The browser scrolls to what gets the focus; here the window moves.
    view.scrollTo(0, 0);
    if (node.matches(':focus-visible')) shown.reveal(boxOf(node));
  });

  const keys = {
    '+': () => shown.zoom(1.25), '=': () => shown.zoom(1.25), '-': () => shown.zoom(0.8), 0: () => shown.fit(),
  };
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target.closest?.('input, textarea, select, dialog, .menu, .graph-node')) return;
    const node = event.target.closest?.('a.node');
    const pan = { ArrowUp: [0, -80], ArrowDown: [0, 80], ArrowLeft: [-80, 0], ArrowRight: [80, 0] }[event.key];
    if (keys[event.key]) {
      keys[event.key]();
    } else if (pan && node && !event.shiftKey) {
      const next = graph.beside(node, event.key);
      if (next) go(next);
    } else if (pan && view.contains(event.target)) {
      shown.move(...pan);
    } else if (event.key === 'Escape' && graph.chosen) {
      choose(null, true);
    } else if (node && (event.key === 'Enter' || event.key === ' ')) {
      choose(node === graph.chosen ? null : node, true);
    } else {
      return;
    }
    event.preventDefault();
  });
  for (const button of document.querySelectorAll('.graph-buttons button')) {
    const key = button.getAttribute('aria-keyshortcuts');
    button.addEventListener('click', () => keys[key]());
  }

  onSearch((text) => {
    const pattern = text ? matcher(text) : null;
    let found = 0;
    for (const node of graph.nodes) {
      const is = Boolean(pattern?.test(node.dataset.name));
      node.classList.toggle('found', is);
      if (is) found += 1;
    }
    svg.classList.toggle('searched', Boolean(text));
    showMatched(text ? `${found} of ${graph.nodes.length} functions` : '');
  });

  addEventListener('popstate', chooseByAddress);
  new ResizeObserver(() => shown.show()).observe(view);
  addEventListener('beforeprint', () => svg.setAttribute('viewBox', `0 0 ${shown.whole.width} ${shown.whole.height}`));
  addEventListener('afterprint', () => shown.show());
}

if (svg && view) start();
