// What is said of a frame: its value, its share, whose code it is.

import { visible } from './visible.js';
import { formatShare, formatValue } from './flame-format.js';

/// Names of classes for people.
export const CLASS_NAMES = {
  own: 'own code', dependency: 'dependencies', std: 'std', runtime: 'runtime', kernel: 'kernel', unknown: 'unknown',
};

/// The values of a box, for people.
export function facts(layout, { tree, node }) {
  const { data } = layout;
  const value = (amount) => formatValue(amount * data.scale, data.unit);
  const [amount, own] = [tree.value(node), tree.own(node)];
  const texts = [`${data.diff && amount > 0 ? '+' : ''}${value(amount)} (${formatShare(amount, data.total)})`];
  if (own !== 0 && own !== amount) texts.push(`own ${value(own)} (${formatShare(own, data.total)})`);
  if (data.diff) texts.push(`${value(tree.minus[node])} → ${value(tree.plus[node])}`);
  if (tree.isInlined(node)) texts.push('inlined');
  return texts;
}

/// Whose code a box is, and its file.
export function place(layout, box) {
  const file = layout.file(box);
  return [CLASS_NAMES[layout.class(box)], file && visible(file)].filter(Boolean).join(' · ');
}

/// Shows what is said of a box beside the pointer; hides it if there is no box.
export function showTip(tip, layout, box, x, y) {
  tip.hidden = !box;
  if (!box) return;
  const paragraph = (text, kind) => Object.assign(document.createElement('p'), { textContent: text, className: kind });
  tip.replaceChildren(
    paragraph(visible(layout.text(box)), 'name'),
    paragraph(facts(layout, box).join(', '), 'facts'),
    paragraph(place(layout, box), 'soft'),
  );
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, x + 14 + width > innerWidth ? x - width - 10 : x + 14)}px`;
  tip.style.top = `${y + 18 + height > innerHeight ? Math.max(4, y - height - 10) : y + 18}px`;
}
