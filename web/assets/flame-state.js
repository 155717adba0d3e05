// The state of a flame graph is its address: what it shows, and what is searched.

/// The state that the address of this page has.
export function readState() {
  const parameters = new URLSearchParams(location.search);
  return {
    pivot: parameters.get('p') || null,
    isReversed: parameters.has('reversed'),
    isUp: parameters.has('up'),
    search: parameters.get('q') || '',
  };
}

/// The address of this view with another state.
export function address(state, route = location.pathname.split('/').pop()) {
  const parameters = new URLSearchParams(location.search);
  const set = (key, value) => (value ? parameters.set(key, value) : parameters.delete(key));
  set('p', state.pivot);
  set('reversed', state.isReversed ? '1' : '');
  set('up', state.isUp ? '1' : '');
  set('q', state.search);
  const query = parameters.toString();
  return query ? `${route}?${query}` : route;
}

/// The address of another view, with options of this one and `changes` (null: without it).
export function viewAddress(route, changes) {
  const parameters = new URLSearchParams(location.search);
  for (const own of ['p', 'reversed', 'up', 'q']) parameters.delete(own);
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) parameters.delete(key);
    else parameters.set(key, value);
  }
  const query = parameters.toString();
  return query ? `${route}?${query}` : route;
}

/// The views whose address has the function in the middle.
const WITH_PIVOT = ['flamegraph', 'sandwich', 'graph'];
const OWN = ['p', 'reversed', 'up', 'q'];

/// Makes the links and forms of the menus lead to the state that is shown, and not the one that was loaded.
export function syncMenus(state) {
  const now = new URLSearchParams(address(state).split('?')[1] ?? '');
  for (const link of document.querySelectorAll('.views a, .menus a, .filters a')) {
    const url = new URL(link.href);
    const [to] = url.pathname.split('/').slice(-1);
    if (url.origin !== location.origin || !/^[a-z]+$/.test(to)) continue;
    const parameters = url.searchParams;
    for (const key of OWN) {
      const isThere = key === 'q' || (key === 'p' ? WITH_PIVOT.includes(to) : to === 'flamegraph');
      if (isThere && now.has(key)) parameters.set(key, now.get(key));
      else parameters.delete(key);
    }
    const text = parameters.toString();
    link.setAttribute('href', text ? `${to}?${text}` : to);
  }
  for (const form of document.querySelectorAll('header form[method="get"]')) {
    for (const key of OWN) {
      if (form.querySelector(`input[name="${key}"]:not([type="hidden"])`)) continue;
      let input = form.querySelector(`input[type="hidden"][name="${key}"]`);
      if (!now.has(key)) input?.remove();
      else {
        if (!input) {
          input = document.createElement('input');
          Object.assign(input, { type: 'hidden', name: key });
          form.append(input);
        }
        input.value = now.get(key);
      }
    }
  }
}
