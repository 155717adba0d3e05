// The flame graph of a page: its data is in `#flame-data`; other functions are asked for by flamegraph.json.

import { Painter, readColors } from './flame-draw.js';
import { CLASS_NAMES, facts, place, showTip } from './flame-facts.js';
import { formatShare, formatValue } from './flame-format.js';
import { press } from './flame-keys.js';
import { Layout } from './flame-layout.js';
import { Menu, actionLinks } from './flame-menu.js';
import { address, readState, syncMenus } from './flame-state.js';
import { visible } from './visible.js';
import { isPattern, matcher, onSearch, showMatched } from './page.js';

const byId = (id) => document.getElementById(id);
/// Boxes are not zoomed narrower than this share of the whole.
const MOST_ZOOM = 1e-9;

class FlameGraph {
  constructor(data) {
    this.view = byId('flame-view');
    this.space = byId('flame-space');
    this.painter = new Painter(byId('flame-canvas'));
    this.menu = new Menu(byId('flame-menu'), () => this.view.focus());
    this.state = readState();
    this.state.pivot = data.pivot;
    this.window = { x0: 0, x1: 1 };
    this.selected = null;
    this.hover = null;
    this.found = null;
    this.asked = 0;
    this.isPrinted = false;
    this.show(data);
    this.listen();
  }

  // What is shown.

  show(data) {
    this.layout = new Layout(data);
    this.state.isReversed = data.reversed;
    this.window = { x0: 0, x1: 1 };
    this.selected = null;
    this.hover = null;
    this.legend();
    this.controls();
    this.theme();
    this.resize();
    this.toRoot();
    this.describe(null);
  }

  legend() {
    const { data } = this.layout;
    const used = new Set(data.frames.class);
    const entries = data.diff
      ? [['plus', 'more than the base'], ['minus', 'less']]
      : data.classes.filter((_, at) => used.has(at)).map((name) => [name, CLASS_NAMES[name]]);
    byId('flame-legend').replaceChildren(...entries.map(([name, text]) => {
      const entry = document.createElement('span');
      const swatch = document.createElement('i');
      swatch.className = name;
      entry.append(swatch, text);
      return entry;
    }));
  }

  controls() {
    const { pivot, isReversed, isUp } = this.state;
    byId('flame-back').hidden = pivot === null || this.isSandwich;
    const shown = pivot === null ? '' : visible(pivot);
    byId('flame-pivot').textContent = shown;
    byId('flame-pivot').title = shown;
    byId('flame-reversed').disabled = pivot !== null;
    byId('flame-reversed').setAttribute('aria-pressed', String(isReversed));
    byId('flame-up').setAttribute('aria-pressed', String(isUp));
    byId('flame-zoom').disabled = this.window.x0 === 0 && this.window.x1 === 1;
  }

  get isSandwich() { return document.body.dataset.view === 'sandwich'; }
  get rows() { return this.layout.rowsAbove + 1 + this.layout.rowsBelow; }

  /// The level (0: root, 1: its callees, -1: its callers) of a row, from the top.
  level(row) { return this.state.isUp ? this.layout.rowsBelow - row : row - this.layout.rowsAbove; }
  rowOf({ tree, node }) {
    const level = tree.direction * tree.depth[node];
    return this.state.isUp ? this.layout.rowsBelow - level : level + this.layout.rowsAbove;
  }

  /// The scrolled pixels; a graph that grows upwards and is lower than the window stands at its bottom.
  get top() {
    const free = this.view.clientHeight - this.rows * this.rowHeight;
    return this.view.scrollTop - (this.state.isUp ? Math.max(0, free) : 0);
  }

  theme() {
    const size = parseFloat(getComputedStyle(document.documentElement).fontSize) * 0.857;
    this.rowHeight = Math.round(size * 1.58);
    this.painter.reset(readColors(this.view), size);
  }

  resize() {
    if (this.isPrinted) return;
    this.space.style.height = `${this.rows * this.rowHeight + 4}px`;
    this.painter.resize(this.view.clientWidth, Math.max(this.view.clientHeight, 1));
    byId('flame-canvas').style.height = `${this.view.clientHeight}px`;
    this.draw();
  }

  /// Draws all rows for paper, as far as a canvas has room.
  print() {
    this.isPrinted = true;
    this.painter.resize(Math.min(this.view.clientWidth, 1000), Math.min(this.rows * this.rowHeight, 12000));
    this.paint();
  }

  /// Scrolls to where the root is in sight, with as much as there is room for of its larger side.
  toRoot() {
    const root = this.rowOf(this.layout.root) * this.rowHeight;
    const room = this.view.clientHeight;
    if (this.state.isUp) this.view.scrollTop = root + this.rowHeight * (1 + Math.min(this.layout.rowsAbove, 8)) - room;
    else this.view.scrollTop = root - Math.min(this.layout.rowsAbove, 8, Math.floor(room / this.rowHeight / 3)) * this.rowHeight;
  }

  draw() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  paint() {
    const drawn = this.painter.draw({
      layout: this.layout,
      level: (row) => this.level(row),
      rowOf: (box) => this.rowOf(box),
      rows: this.rows,
      rowHeight: this.rowHeight,
      top: this.isPrinted ? 0 : this.top,
      isUp: this.state.isUp,
      hits: this.found?.hits ?? null,
      isPivotHit: this.found?.pivot ?? false,
      hover: this.hover,
      selected: this.selected,
      ...this.window,
    });
    byId('flame').dataset.drawn = String(drawn);
  }

  // Values as text.

  describe(box) {
    const line = byId('flame-frame');
    const shown = box ?? this.layout.root;
    const name = document.createElement('p');
    name.className = 'name';
    name.textContent = visible(this.layout.text(shown));
    name.title = name.textContent;
    const values = document.createElement('p');
    values.className = 'facts';
    for (const text of [facts(this.layout, shown).join(', '), place(this.layout, shown)]) {
      const part = document.createElement('span');
      part.textContent = text;
      values.append(part);
    }
    const target = this.layout.isFunction(shown) ? this.layout.text(shown) : this.state.pivot;
    if (target !== null) values.append(...actionLinks(target));
    line.replaceChildren(name, values);
  }

  tip(box, x, y) { showTip(byId('flame-tip'), this.layout, box, x, y); }

  // What the user does.

  /// Shows another state; a new entry of the history, so that Back leads here.
  async go(state, isNew = true) {
    const before = this.state;
    this.state = state;
    if (isNew) history.pushState(null, '', address(state));
    syncMenus(state);
    this.tip(null);
    if (before.pivot === state.pivot && before.isReversed === state.isReversed) {
      this.controls();
      this.resize();
      if (before.isUp !== state.isUp) this.toRoot();
      return;
    }
    this.asked += 1;
    const asked = this.asked;
    this.view.setAttribute('aria-busy', 'true');
    try {
      const route = location.pathname.split('/').pop();
      const answer = await fetch(address(state, `${route}.json`));
      if (!answer.ok) throw new Error(await answer.text());
      const data = await answer.json();
      if (asked !== this.asked) return;
      this.show(data);
      this.search(state.search);
      document.dispatchEvent(new CustomEvent('flame-pivot', { detail: data.pivot }));
    } catch (error) {
      if (asked === this.asked) byId('flame-frame').textContent = `The graph cannot be loaded: ${error.message}`;
    } finally {
      if (asked === this.asked) this.view.removeAttribute('aria-busy');
    }
  }

  pivot(box) {
    if (!box || !this.layout.isFunction(box)) {
      if (box && box.node === 0 && !this.isSandwich) this.reset();
      return;
    }
    const name = this.layout.text(box);
    // No address can ask for a name that is empty.
    if (name !== '' && name !== this.state.pivot) this.go({ ...this.state, pivot: name, isReversed: false });
  }

  reset() {
    if (this.state.pivot !== null && !this.isSandwich) this.go({ ...this.state, pivot: null });
  }

  search(text) {
    this.state.search = text;
    this.found = text === '' ? null : this.layout.search(matcher(text));
    this.draw();
    if (!this.found) return showMatched('');
    const { data } = this.layout;
    const total = data.diff ? this.layout.below.width(0) : data.total;
    const value = formatValue(this.found.value * data.scale, data.unit);
    const kind = isPattern(text) ? '' : ' as plain text';
    const least = this.found.isExact ? '' : '≥ ';
    return showMatched(`matched${kind} ${least}${formatShare(this.found.value, total)} (${value})`);
  }

  select(box) {
    this.selected = box;
    this.describe(box);
    if (box) {
      const top = this.rowOf(box) * this.rowHeight;
      const { scrollTop, clientHeight } = this.view;
      if (top < scrollTop) this.view.scrollTop = top;
      else if (top + this.rowHeight > scrollTop + clientHeight) this.view.scrollTop = top + this.rowHeight - clientHeight;
      const [x, end] = [box.tree.x[box.node], box.tree.x[box.node] + box.tree.w[box.node]];
      const width = this.window.x1 - this.window.x0;
      if (end < this.window.x0 || x > this.window.x1) this.pan(x + (end - x) / 2 - width / 2 - this.window.x0);
    }
    this.draw();
  }

  /// The part of the width that is in sight.
  look(x0, x1) {
    const width = Math.min(1, Math.max(MOST_ZOOM, x1 - x0));
    const start = Math.min(Math.max(0, x0), 1 - width);
    this.window = { x0: start, x1: start + width };
    this.controls();
    this.draw();
  }

  pan(by) { this.look(this.window.x0 + by, this.window.x1 + by); }

  zoom(by, at = 0.5) {
    const width = this.window.x1 - this.window.x0;
    const middle = this.window.x0 + at * width;
    this.look(middle - at * width * by, middle + (1 - at) * width * by);
  }

  zoomTo(box) {
    if (box) this.look(box.tree.x[box.node], box.tree.x[box.node] + box.tree.w[box.node]);
  }

  /// The box at a place of the window.
  boxAt(event) {
    const bounds = this.view.getBoundingClientRect();
    const row = Math.floor((event.clientY - bounds.top + this.top) / this.rowHeight);
    if (row < 0 || row >= this.rows) return null;
    const share = (event.clientX - bounds.left) / this.view.clientWidth;
    return this.layout.find(this.level(row), this.window.x0 + share * (this.window.x1 - this.window.x0));
  }

  listen() {
    const view = this.view;
    view.addEventListener('scroll', () => { this.tip(null); this.draw(); }, { passive: true });
    view.addEventListener('pointermove', (event) => this.move(event));
    view.addEventListener('pointerleave', () => { this.hover = null; this.tip(null); this.draw(); });
    view.addEventListener('pointerdown', (event) => { this.drag = { x: event.clientX, isMoved: false, id: event.pointerId }; });
    window.addEventListener('pointerup', () => { if (this.drag) this.drag.isUp = true; });
    view.addEventListener('click', (event) => {
      const isDragged = this.drag?.isMoved;
      this.drag = null;
      if (isDragged) return;
      const box = this.boxAt(event);
      if (event.shiftKey || event.ctrlKey || event.metaKey) this.zoomTo(box);
      else this.pivot(box);
    });
    view.addEventListener('contextmenu', (event) => {
      const box = this.boxAt(event);
      if (!box || !this.layout.isFunction(box)) return;
      event.preventDefault();
      this.openMenu(box, event.clientX, event.clientY);
    });
    view.addEventListener('wheel', (event) => this.wheel(event), { passive: false });
    byId('flame').addEventListener('keydown', (event) => this.key(event));
    byId('flame-back').addEventListener('click', () => this.reset());
    byId('flame-reversed').addEventListener('click', () => this.reverse());
    byId('flame-up').addEventListener('click', () => this.turn());
    byId('flame-zoom').addEventListener('click', () => this.look(0, 1));
    byId('flame-help').addEventListener('click', () => byId('keys').showModal());
    window.addEventListener('popstate', () => this.back());
    new ResizeObserver(() => this.resize()).observe(view);
    window.addEventListener('beforeprint', () => this.print());
    window.addEventListener('afterprint', () => { this.isPrinted = false; this.resize(); });
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { this.theme(); this.draw(); });
    onSearch((text) => this.search(text));
    const keys = byId('flame-keys');
    byId('keys').querySelector('form, p').before(keys);
    keys.hidden = false;
  }

  back() {
    const state = readState();
    const input = byId('search');
    if (input.value !== state.search) {
      input.value = state.search;
      this.search(state.search);
    }
    this.go(state, false);
  }

  move(event) {
    if (this.drag && !this.drag.isUp && event.buttons === 1) {
      const by = event.clientX - this.drag.x;
      if (Math.abs(by) > 4 || this.drag.isMoved) {
        this.drag.isMoved = true;
        this.drag.x = event.clientX;
        this.pan((-by / this.view.clientWidth) * (this.window.x1 - this.window.x0));
        this.tip(null);
        return;
      }
    }
    const box = this.boxAt(event);
    const isOther = box?.node !== this.hover?.node || box?.tree !== this.hover?.tree;
    this.hover = box;
    this.view.style.cursor = box && this.layout.isFunction(box) ? 'pointer' : 'default';
    this.tip(box, event.clientX, event.clientY);
    if (isOther) {
      if (!this.selected) this.describe(box);
      this.draw();
    }
  }

  wheel(event) {
    const bounds = this.view.getBoundingClientRect();
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      this.zoom(Math.exp(Math.max(-1, Math.min(1, event.deltaY / 300))), (event.clientX - bounds.left) / bounds.width);
    } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) {
      event.preventDefault();
      const by = event.deltaX || event.deltaY;
      this.pan((by / bounds.width) * (this.window.x1 - this.window.x0));
    }
  }

  openMenu(box, x, y) {
    this.tip(null);
    this.select(box);
    this.menu.open(this.layout.text(box), x, y);
  }

  reverse() {
    if (this.state.pivot === null) this.go({ ...this.state, isReversed: !this.state.isReversed });
  }

  turn() { this.go({ ...this.state, isUp: !this.state.isUp }); }

  key(event) {
    const isMove = ['Enter', ' ', 'Home', 'ArrowUp', 'ArrowDown', 'ArrowLeft', 'ArrowRight'].includes(event.key);
    if ((isMove && event.target !== this.view) || event.ctrlKey || event.metaKey || event.altKey) return;
    const done = press(this, event.key);
    if (!done) return;
    event.preventDefault();
    event.stopPropagation();
  }

  step(tree, node) { if (node >= 0) this.select({ tree, node }); }

  escape() {
    if (this.window.x0 !== 0 || this.window.x1 !== 1) this.look(0, 1);
    else if (this.selected) this.select(null);
    else this.reset();
  }
}

const data = byId('flame-data');
if (data) {
  const graph = new FlameGraph(JSON.parse(data.textContent));
  syncMenus(graph.state);
  graph.view.focus({ preventScroll: true });
}
