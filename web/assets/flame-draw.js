// Draws the boxes of a flame graph that are in sight. A box under half a pixel is drawn as part of a grey strip.

import { visible } from './visible.js';

const SMALLEST = 0.5;

/// The colours of the page, from its style sheet: they differ in light and dark.
export function readColors(element) {
  const style = getComputedStyle(element);
  const of = (name) => style.getPropertyValue(`--flame-${name}`).trim();
  const classes = {};
  for (const name of ['own', 'dependency', 'std', 'runtime', 'kernel', 'unknown', 'root']) {
    classes[name] = of(name).split(/\s+/).map(parseFloat);
  }
  return {
    classes,
    plus: of('plus').split(/\s+/).map(parseFloat),
    minus: of('minus').split(/\s+/).map(parseFloat),
    text: of('text'),
    faint: of('faint'),
    strip: of('strip'),
    mark: of('mark'),
    markText: of('mark-text'),
    focus: of('focus'),
    font: style.fontFamily,
  };
}

/// Draws `layout` on a canvas.
export class Painter {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d');
    this.labels = new Map();
    this.fills = new Map();
  }

  /// Forgets colours and labels: the theme, the font or the data is another.
  reset(colors, size) {
    this.colors = colors;
    this.font = `${size}px ${colors.font}`;
    this.labels.clear();
    this.fills.clear();
  }

  /// Sets the size in CSS pixels.
  resize(width, height) {
    const ratio = window.devicePixelRatio || 1;
    this.width = width;
    this.height = height;
    this.ratio = ratio;
    this.canvas.width = Math.max(1, Math.round(width * ratio));
    this.canvas.height = Math.max(1, Math.round(height * ratio));
  }

  /// Draws the rows in sight. `scene` has: layout, level(row), rows, row height, top (scrolled pixels), x0 and x1
  /// (the part of the width that is in sight), hits (by frame) or null, hover and selected (boxes) or null.
  draw(scene) {
    const context = this.context;
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    context.font = this.font;
    context.textBaseline = 'middle';
    const from = Math.max(0, Math.floor(scene.top / scene.rowHeight));
    const to = Math.min(scene.rows - 1, Math.floor((scene.top + this.height) / scene.rowHeight));
    let drawn = 0;
    for (let row = from; row <= to; row += 1) drawn += this.row(scene, row);
    this.outline(scene, scene.hover, 1.5);
    this.outline(scene, scene.selected, 2.5);
    return drawn;
  }

  row(scene, row) {
    const { tree, depth } = scene.layout.at(scene.level(row));
    const boxes = tree?.depths[depth];
    if (!boxes) return 0;
    const scale = this.width / (scene.x1 - scene.x0);
    const y = row * scene.rowHeight - scene.top;
    let [strip, stripEnd, drawn] = [-1, -1, 0];
    const flush = () => {
      if (strip >= 0) {
        this.context.fillStyle = this.colors.strip;
        this.context.fillRect(strip, y + 1, Math.max(stripEnd - strip, SMALLEST), scene.rowHeight - 1);
      }
      strip = -1;
    };
    for (let at = tree.first(boxes, scene.x0); at < boxes.length; at += 1) {
      const node = boxes[at];
      if (tree.x[node] >= scene.x1) break;
      const x = (tree.x[node] - scene.x0) * scale;
      const width = tree.w[node] * scale;
      if (width < SMALLEST) {
        if (strip >= 0 && x - stripEnd > 1) flush();
        if (strip < 0) strip = x;
        stripEnd = x + width;
        continue;
      }
      flush();
      this.box(scene, { tree, node }, x, y, width);
      drawn += 1;
    }
    flush();
    return drawn;
  }

  box(scene, box, x, y, width) {
    const { layout } = scene;
    const context = this.context;
    const frame = box.tree.frame[box.node];
    const isHit = scene.hits && (frame >= 0 ? scene.hits[frame >> 1] : frame === -1 && scene.isPivotHit);
    const left = Math.max(0, x);
    const right = Math.min(this.width, x + width);
    // Inlined frames touch the frame that they are inlined into.
    const isJoined = box.tree.isInlined(box.node);
    const isInto = scene.isUp === (box.tree.direction > 0);
    const gap = isJoined ? 0 : 1;
    context.fillStyle = isHit ? this.colors.mark : this.fill(layout, box);
    context.globalAlpha = scene.hits && !isHit ? 0.45 : 1;
    const top = isInto ? y : y + gap;
    context.fillRect(left, top, Math.max(right - left - (width > 3 ? 1 : 0), SMALLEST), scene.rowHeight - gap);
    context.globalAlpha = 1;
    if (right - left > 24) {
      context.fillStyle = isHit ? this.colors.markText : scene.hits ? this.colors.faint : this.colors.text;
      const label = this.label(visible(layout.text(box)), right - left - 9);
      if (label) context.fillText(label, left + 4, y + scene.rowHeight / 2 + 1);
    }
  }

  outline(scene, box, width) {
    if (!box) return;
    const scale = this.width / (scene.x1 - scene.x0);
    const x = Math.max(0, (box.tree.x[box.node] - scene.x0) * scale);
    const end = Math.min(this.width, (box.tree.x[box.node] + box.tree.w[box.node] - scene.x0) * scale);
    const row = scene.rowOf(box);
    this.context.strokeStyle = this.colors.focus;
    this.context.lineWidth = width;
    const y = row * scene.rowHeight - scene.top;
    this.context.strokeRect(x + width / 2, y + width / 2, Math.max(end - x - width, 1), scene.rowHeight - width);
  }

  fill(layout, box) {
    const { tree, node } = box;
    if (layout.data.diff) {
      const both = tree.width(node) || 1;
      const share = Math.round((20 * tree.value(node)) / both) / 20;
      const [hue, saturation, lightness] = share < 0 ? this.colors.minus : this.colors.plus;
      const rest = this.colors.classes.root[2];
      const strength = Math.sqrt(Math.abs(share));
      return `hsl(${hue} ${saturation * strength}% ${rest + (lightness - rest) * strength}%)`;
    }
    const frame = tree.frame[node];
    let fill = this.fills.get(frame >> 1);
    if (!fill || frame < 0) {
      const [hue, saturation, lightness] = this.colors.classes[layout.class(box)];
      const crate = frame >= 0 ? hash(layout.data.texts[layout.data.frames.package[frame >> 1]]) : 0;
      const name = frame >= 0 ? hash(layout.data.texts[layout.data.frames.name[frame >> 1]]) : 0;
      const turned = hue + (crate % 25) - 12;
      fill = `hsl(${turned} ${saturation}% ${lightness + (frame >= 0 ? (name % 7) - 3 : 0)}%)`;
      if (frame >= 0) this.fills.set(frame >> 1, fill);
    }
    return fill;
  }

  /// The part of a name that fits: without its first parts (`a::b::c`, `b::c`, `c`), then cut at its end.
  label(text, width) {
    let parts = this.labels.get(text);
    if (!parts) {
      const short = text.length > 400 ? `${text.slice(0, 400)}…` : text;
      parts = suffixes(short).map((part) => [part, this.context.measureText(part).width]);
      this.labels.set(text, parts);
    }
    for (const [part, length] of parts) if (length <= width) return part;
    const [last, length] = parts[parts.length - 1];
    const fits = Math.floor((last.length * width) / length) - 1;
    return fits >= 2 ? `${last.slice(0, fits)}…` : '';
  }
}

/// A name without its first parts, longest first. `::`, `.` and `/` inside of brackets are not ends of parts.
export function suffixes(text) {
  const starts = [0];
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    if (letter === '<' || letter === '(' || letter === '[') depth += 1;
    else if (letter === '>' || letter === ')' || letter === ']') depth = Math.max(0, depth - 1);
    else if (depth === 0 && letter === ':' && text[at + 1] === ':') starts.push(at + 2);
    else if (depth === 0 && letter === '/' && at + 1 < text.length) starts.push(at + 1);
  }
  const parts = starts.map((start) => text.slice(start)).filter((part) => part !== '');
  return parts.length > 0 ? parts : [''];
}

function hash(text) {
  let sum = 7;
  for (let at = 0; at < text.length; at += 1) sum = (sum * 31 + text.charCodeAt(at)) % 1000003;
  return sum;
}
