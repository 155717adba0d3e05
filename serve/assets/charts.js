// Charts of the last five minutes, drawn as SVG. Values are kept in this page alone.

const SVG = 'http://www.w3.org/2000/svg';
/** How much is shown, in milliseconds. */
export const SPAN_MS = 300_000;
/** A line is not drawn across a longer time without values. */
const GAP_MS = 12_000;
const [WIDTH, HEIGHT] = [300, 100];

function svg(name, attributes = {}) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

/** The next round number that is not less; with `binary` in powers of 1024, for bytes. */
export function ceiling(value, binary = false) {
  if (!(value > 0)) return 1;
  const unit = binary ? 1024 ** Math.floor(Math.log(value) / Math.log(1024)) : 1;
  const scaled = value / unit;
  const power = 10 ** Math.floor(Math.log10(scaled));
  const step = [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((of) => of * power >= scaled * (1 - 1e-9));
  return step * power * unit;
}

/** A chart: one line, or several areas on top of each other. */
export class Chart {
  /** `options`: `format` of values, `least` maximum of the axis, or `top` for always the same, `binary` for bytes. */
  constructor(figure, options) {
    this.options = options;
    this.figure = figure;
    this.output = figure.querySelector('output');
    this.why = figure.querySelector('.why');
    this.plot = figure.querySelector('.plot');
    this.points = [];
    this.svg = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none' });
    this.svg.append(...[25, 50, 75].map((y) => svg('line', { class: 'rule', x1: 0, x2: WIDTH, y1: y, y2: y })));
    this.shapes = svg('g');
    this.svg.append(this.shapes);
    this.top = document.createElement('span');
    this.top.className = 'top';
    const from = document.createElement('span');
    from.className = 'from';
    from.textContent = '5 min ago';
    const to = document.createElement('span');
    to.className = 'to';
    to.textContent = 'now';
    this.plot.append(this.svg, this.top, from, to);
  }

  /** A value at a time: `values` are what is stacked, null is a gap. `text` is shown, or `why` there is no value. */
  add(time, values, text, why) {
    this.points.push({ time, values });
    const old = this.points.findIndex((point) => point.time >= time - SPAN_MS - GAP_MS);
    if (old > 0) this.points.splice(0, old);
    this.output.textContent = values ? text : 'unavailable';
    this.figure.classList.toggle('missing', !values);
    this.why.hidden = Boolean(values);
    this.why.textContent = values ? '' : why;
    this.draw(time);
  }

  draw(now) {
    const known = this.points.filter((point) => point.values);
    const sum = (values) => values.reduce((all, value) => all + value, 0);
    const most = known.reduce((best, point) => Math.max(best, sum(point.values)), 0);
    const fitting = Math.max(ceiling(most * 1.05, this.options.binary), this.options.least ?? 0);
    const top = this.options.top ?? fitting;
    this.top.textContent = this.options.format(top);
    const x = (time) => (WIDTH * (1 - (now - time) / SPAN_MS)).toFixed(2);
    const y = (value) => (HEIGHT * (1 - value / top)).toFixed(2);
    const layers = known.reduce((count, point) => Math.max(count, point.values.length), 0);
    const shapes = [];
    for (const run of this.runs()) {
      let below = run.map(() => 0);
      for (let layer = 0; layer < layers; layer += 1) {
        const above = run.map((point, at) => below[at] + (point.values[layer] ?? 0));
        const line = run.map((point, at) => `${x(point.time)},${y(above[at])}`);
        const back = run.map((point, at) => `${x(point.time)},${y(below[at])}`).reverse();
        shapes.push(svg('path', { class: `area part-${layer + 1}`, d: `M${line.join(' ')} ${back.join(' ')}Z` }));
        shapes.push(svg('path', { class: `line part-${layer + 1}`, d: `M${line.join(' ')}` }));
        below = above;
      }
    }
    this.shapes.replaceChildren(...shapes);
    this.figure.dataset.points = known.length;
  }

  /** Points that follow each other without a gap. A single one is drawn as a short line. */
  runs() {
    const runs = [];
    let run = [];
    for (const point of this.points) {
      const last = run.at(-1);
      if (!point.values || (last && point.time - last.time > GAP_MS)) {
        if (run.length) runs.push(run);
        run = [];
      }
      if (point.values) run.push(point);
    }
    if (run.length) runs.push(run);
    return runs.map((of) => (of.length > 1 ? of : [{ ...of[0], time: of[0].time - 1500 }, of[0]]));
  }
}
