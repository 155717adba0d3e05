// Characters that act without being seen are shown as `\x{202e}`, as the pages of the server have them.

const INVISIBLE = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]/gu;

/// A text in which all characters can be seen; a name that is empty is said to be so.
export function visible(text) {
  if (text === '') return '(no name)';
  return text.replace(INVISIBLE, (character) => `\\x{${character.codePointAt(0).toString(16)}}`);
}
