// How far a profile, search or trace is. When it is done, its result is shown.

import { listen } from './stream.js';
import { visible } from './visible.js';

const step = document.getElementById('step');
const bar = document.getElementById('progress');
const seconds = document.getElementById('seconds');

const end = listen('live', ({ text, elapsed, total, is_done: isDone }) => {
  if (step.textContent !== visible(text)) step.textContent = visible(text);
  if (bar && total > 0) {
    const now = Math.min(elapsed, total);
    bar.value = now;
    seconds.textContent = `${Math.floor(now)} of ${Math.round(total)} s`;
  }
  if (isDone) {
    end();
    location.replace(location.href);
  }
});
