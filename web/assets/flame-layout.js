// Where the boxes of a flame graph are: x and width as shares of the root, and one row per depth.

/// The trees of `data`, the answer of flamegraph.json, ready to be drawn and searched.
export class Layout {
  constructor(data) {
    this.data = data;
    this.below = new Tree(data.below, 1);
    this.above = data.above ? new Tree(data.above, -1) : null;
    this.root = { tree: this.below, node: 0 };
  }

  get rowsAbove() { return this.above ? this.above.depths.length - 1 : 0; }
  get rowsBelow() { return this.below.depths.length - 1; }

  /// The tree and depth at `level`: 0 is the root, callees are positive, callers negative.
  at(level) {
    if (level >= 0) return { tree: this.below, depth: level };
    return { tree: this.above, depth: -level };
  }

  /// The box at `x` (0 to 1) of a level, or null.
  find(level, x) {
    const { tree, depth } = this.at(level);
    if (!tree || !tree.depths[depth]) return null;
    const row = tree.depths[depth];
    const at = tree.first(row, x);
    if (at >= row.length) return null;
    const node = row[at];
    return tree.x[node] <= x && x < tree.x[node] + tree.w[node] ? { tree, node } : null;
  }

  /// The text of a box.
  text({ tree, node }) {
    const frame = tree.frame[node];
    if (frame >= 0) return this.data.texts[this.data.frames.name[frame >> 1]];
    if (frame < -1) return `… ${(-1 - frame).toLocaleString('en')} frames left out`;
    return this.data.pivot ?? (this.data.reversed ? 'all leaves' : 'all');
  }

  /// The source file of a box; may be empty.
  file({ tree, node }) {
    const frame = tree.frame[node];
    return frame >= 0 ? this.data.texts[this.data.frames.file[frame >> 1]] : '';
  }

  /// The class of a box: `own`, `std`, …
  class({ tree, node }) {
    const frame = tree.frame[node];
    return frame >= 0 ? this.data.classes[this.data.frames.class[frame >> 1]] : 'root';
  }

  /// Whether a box can be asked for by its name.
  isFunction({ tree, node }) { return tree.frame[node] >= 0; }

  /// What frames match, as an array by frame, and how much of the stacks have one of them: a stack counts once.
  search(pattern) {
    const byText = new Map();
    const hits = this.data.frames.name.map((name) => {
      if (!byText.has(name)) byText.set(name, pattern.test(this.data.texts[name]));
      return byText.get(name);
    });
    const pivot = this.data.pivot !== null && pattern.test(this.data.pivot);
    if (pivot) return { hits, pivot, value: this.below.width(0), isExact: true };
    // With callers on one side and callees on the other, who belongs to whom is not known: the larger side is certain.
    const sides = [this.below, this.above].filter(Boolean).map((tree) => tree.matched(hits));
    return { hits, pivot, value: Math.max(...sides), isExact: !this.above && this.data.left_out === 0 };
  }
}

class Tree {
  constructor(columns, direction) {
    this.direction = direction;
    this.parent = columns.parent;
    this.frame = columns.frame;
    this.plus = columns.plus;
    this.minus = columns.minus ?? null;
    this.ownPlus = columns.own_plus;
    this.ownMinus = columns.own_minus ?? null;
    const count = this.parent.length;
    this.x = new Float64Array(count);
    this.w = new Float64Array(count);
    this.depth = new Int32Array(count);
    const next = new Float64Array(count);
    const all = this.width(0) || 1;
    const depths = [[0]];
    this.w[0] = 1;
    for (let node = 1; node < count; node += 1) {
      const parent = this.parent[node];
      const depth = this.depth[parent] + 1;
      this.depth[node] = depth;
      this.w[node] = this.width(node) / all;
      this.x[node] = next[parent];
      next[parent] += this.w[node];
      next[node] = this.x[node];
      if (!depths[depth]) depths[depth] = [];
      depths[depth].push(node);
    }
    this.depths = depths.map((row) => Int32Array.from(row).sort((a, b) => this.x[a] - this.x[b] || a - b));
  }

  /// The width of a box in the unit of values: both sides of a comparison.
  width(node) { return this.plus[node] + (this.minus ? this.minus[node] : 0); }

  /// The value of a box: what it grew by, in a comparison.
  value(node) { return this.plus[node] - (this.minus ? this.minus[node] : 0); }

  /// Its own value, without callees.
  own(node) { return this.ownPlus[node] - (this.ownMinus ? this.ownMinus[node] : 0); }

  isInlined(node) { return this.frame[node] >= 0 && (this.frame[node] & 1) === 1; }

  /// The position in `row` of the first box that ends behind `x`.
  first(row, x) {
    let [low, high] = [0, row.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.x[row[middle]] + this.w[row[middle]] <= x) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /// The largest child, or -1.
  child(node) {
    const row = this.depths[this.depth[node] + 1];
    if (!row) return -1;
    for (let at = this.first(row, this.x[node]); at < row.length; at += 1) {
      if (this.parent[row[at]] === node) return row[at];
      if (this.x[row[at]] > this.x[node] + this.w[node]) break;
    }
    return -1;
  }

  /// The neighbour on the same row, or -1.
  neighbour(node, step) {
    const row = this.depths[this.depth[node]];
    const at = row.indexOf(node) + step;
    return at >= 0 && at < row.length ? row[at] : -1;
  }

  /// How much of the root is in boxes that `hits` has, each stack once.
  matched(hits) {
    const inside = new Uint8Array(this.parent.length);
    let sum = 0;
    for (let node = 1; node < this.parent.length; node += 1) {
      const frame = this.frame[node];
      if (inside[this.parent[node]]) inside[node] = 1;
      else if (frame >= 0 && hits[frame >> 1]) {
        inside[node] = 1;
        sum += this.width(node);
      }
    }
    return sum;
  }
}
