// Attention routes: choose an image, a token, one layer or several; see shares by role and the map over the picture.
(async () => {
  const get = id => document.getElementById(id);
  const data = Sightline.data(), { layers, roles, middle: [from, to] } = data;
  const decoded = new Map();
  const LOOK = [70, 175, 255];
  // From the bottom of a stack to its top.
  const ORDER = ['image', 'query', 'generated', 'system', 'first'];
  const SAID = { image: 'the picture', query: 'the question', generated: 'what was said before', system: 'the text before the picture', first: 'the first position' };
  const GROUPS = { early: [0, from - 1], middle: [from, to], late: [to + 1, layers - 1], all: [0, layers - 1] };
  const MEAN = -1;
  const now = { image: 0, token: MEAN, first: from, last: to, patch: null, held: null, sink: true };
  let stored, moving = 0;

  const image = () => data.images[now.image];
  const patches = () => image().rows * image().columns;
  const said = () => image().tokens.flatMap(([role], token) => (role === 'generated' ? [token] : []));
  const chosen = () => (now.token === MEAN ? said() : [now.token]);
  const share = (token, layer, role) => stored.shares[(token * layers + layer) * roles.length + roles.indexOf(role)];
  // What is left of a row without the first position stands for all of it.
  const scale = (token, layer) => (now.sink ? 1 : 1 / Math.max(1e-12, 1 - share(token, layer, 'first')));
  const window_ = () => Array.from({ length: now.last - now.first + 1 }, (_, i) => now.first + i);
  const mean = (tokens, of, which) => {
    let sum = 0;
    for (const token of tokens) for (const layer of of) sum += which(token, layer);
    return sum / (tokens.length * of.length);
  };
  const toRole = (tokens, of, role) => mean(tokens, of, (token, layer) => (role === 'first' && !now.sink ? 0 : scale(token, layer) * share(token, layer, role)));
  const atPatch = (tokens, of, patch) => mean(tokens, of, (token, layer) => {
    const row = token * layers + layer;
    return scale(token, layer) * stored.peaks[row] * Sightline.share(stored.maps[row * patches() + patch]);
  });
  const textOf = token => image().tokens[token][1].trim() || '␣';

  const map = new PatchPicture(get('map'), { point: patch => point(patch), pin: hold, leave: () => point(null) });
  const film = new Film(get('film'), imageChanged);
  const strip = new LayerWindow(get('strip'), layers, ORDER, (first, last) => { Object.assign(now, { first, last }); layersChanged(); });
  const showGroup = Sightline.choice(document.querySelectorAll('[data-group]'), 'group', name => {
    [now.first, now.last] = GROUPS[name];
    layersChanged();
  });
  for (const button of document.querySelectorAll('[data-group]')) button.hidden = GROUPS[button.dataset.group][0] > GROUPS[button.dataset.group][1];

  // ---- what is drawn

  const named = () => (now.token === MEAN ? 'all that the model says' : `“${textOf(now.token)}”`);
  const where = () => (now.first === now.last ? `layer ${now.first}` : `layers ${now.first} to ${now.last}`);

  function drawTokens() {
    const button = (token, text) => {
      const made = Sightline.element('button', { type: 'button', role: 'radio', class: token === MEAN ? 'mean' : null }, text);
      made.token = token;
      made.addEventListener('click', () => { now.token = token; tokenChanged(); });
      return made;
    };
    const row = (name, buttons) => Sightline.element('span', { class: 'row', role: 'none' }, Sightline.element('span', { class: 'who' }, name), ...buttons);
    const of = wanted => image().tokens.flatMap(([role], token) => (role === wanted ? [button(token, textOf(token))] : []));
    get('tokens').replaceChildren(row('Question', of('query')), row('Model says', [...of('generated'), button(MEAN, 'mean of all')]));
  }

  const buttons = () => [...get('tokens').querySelectorAll('button')];

  function colorTokens() {
    const one = now.patch, values = buttons().map(({ token }) => {
      const tokens = token === MEAN ? said() : [token];
      return one === null ? toRole(tokens, window_(), 'image') : atPatch(tokens, window_(), one);
    });
    const most = Math.max(...values, 1e-30);
    buttons().forEach((button, i) => {
      button.style.setProperty('--share', (values[i] / most).toFixed(3));
      button.title = `${Sightline.percent(values[i])} of its attention goes to ${one === null ? 'the picture' : 'the marked patch'}`;
    });
    get('tokens-note').textContent = `Coloured by the share of attention that goes to ${one === null ? 'the picture' : 'the marked patch'} in ${where()}, the most ${Sightline.percent(most)}.`;
  }

  function markToken() {
    for (const button of buttons()) {
      button.setAttribute('aria-checked', button.token === now.token);
      button.tabIndex = button.token === now.token ? 0 : -1;
    }
  }

  function drawMap() {
    const tokens = chosen(), of = window_(), values = Array.from({ length: patches() }, (_, patch) => atPatch(tokens, of, patch));
    const most = Math.max(...values), total = toRole(tokens, of, 'image');
    map.paint(patch => (most > 0 ? [...LOOK, 0.95 * Math.sqrt(values[patch] / most)] : null), 'dim');
    get('map-title').textContent = `Where ${named()} looks`;
    const marked = now.patch === null ? '' : ` · the marked patch gets ${Sightline.percent(values[now.patch])}`;
    get('map-note').replaceChildren(`${Sightline.percent(total)} of the attention falls on the picture, at most ${Sightline.percent(most)} on a patch${marked}`,
      Sightline.element('br'), 'none ', Sightline.ramp([30, 30, 30], LOOK), ' most');
    drawObjects(values);
  }

  function drawObjects(values) {
    const sum = values.reduce((all, one) => all + one, 0) || 1;
    const held = image().objects.map(({ name, tokens }) => ({ name, tokens, held: tokens.reduce((all, patch) => all + values[patch], 0) / sum }));
    get('objects').tBodies[0].replaceChildren(...held.sort((one, other) => other.held - one.held).map(({ name, tokens, held }) => {
      const cells = [held, tokens.length / patches()].map(one => Sightline.element('td', {}, Sightline.percent(one)));
      return Sightline.element('tr', {}, Sightline.element('th', { scope: 'row' }, name), ...cells);
    }));
    get('objects').hidden = !image().objects.length;
  }

  function drawShares() {
    get('shares-title').textContent = `What ${named()} attends to in ${where()}`;
    get('shares').replaceChildren(...ORDER.filter(role => now.sink || role !== 'first').map(role => {
      const value = toRole(chosen(), window_(), role), bar = Sightline.element('i', { class: `part-${role}` });
      bar.style.setProperty('--share', value.toFixed(4));
      return Sightline.element('tr', {}, Sightline.element('th', { scope: 'row' }, Sightline.swatch(`var(--part-${role})`), SAID[role]),
        Sightline.element('td', { class: 'bar', 'aria-hidden': 'true' }, bar), Sightline.element('td', {}, Sightline.percent(value)));
    }));
  }

  function drawStrip() {
    const all = Array.from({ length: layers }, (_, layer) => ORDER.map(role => toRole(chosen(), [layer], role)));
    strip.fill(all, all.map((one, layer) => `layer ${layer}: ${ORDER.map((role, i) => `${Sightline.percent(one[i])} to ${SAID[role]}`).join(', ')}`));
    const picture = toRole(chosen(), window_(), 'image'), status = `${where()}: ${Sightline.percent(picture)} to the picture`;
    strip.show(now.first, now.last, status);
    const best = all.reduce((most, one, layer) => (one[0] > all[most][0] ? layer : most), 0);
    get('found').textContent = `${status}; most in layer ${best} (${Sightline.percent(all[best][0])})`;
    get('lanes').replaceChildren(...ORDER.filter(role => now.sink || role !== 'first').map(role => Sightline.element('span', {}, Sightline.swatch(`var(--part-${role})`), SAID[role])));
    showGroup(Object.keys(GROUPS).find(name => GROUPS[name][0] === now.first && GROUPS[name][1] === now.last));
  }

  // ---- what changes

  function draw() { drawMap(); drawShares(); drawStrip(); colorTokens(); }

  function point(patch) {
    if (patch === null) patch = now.held;
    else if (now.held !== null) return;
    if (patch === now.patch) return;
    now.patch = patch;
    cancelAnimationFrame(moving);
    moving = requestAnimationFrame(patchChanged);
  }

  function hold(patch, byKey = false) {
    now.held = !byKey && now.held === patch ? null : patch;
    now.patch = patch;
    patchChanged();
    if (byKey) get('spoken').textContent = `Row ${Math.floor(patch / image().columns) + 1}, column ${patch % image().columns + 1}: ${Sightline.percent(atPatch(chosen(), window_(), patch))}`;
    remember();
  }

  function patchChanged() {
    if (!stored) return;
    map.mark(now.patch);
    drawMap();
    colorTokens();
  }

  function tokenChanged() { markToken(); draw(); remember(); }
  function layersChanged() { draw(); remember(); }
  function outlinesChanged() { map.outline(image().objects, get('lines').checked, get('names').checked); }

  function remember() {
    const seen = { image: image().id, layers: `${now.first}-${now.last}` };
    if (now.token !== MEAN) seen.token = now.token;
    if (now.held !== null) seen.patch = now.held;
    Sightline.remember(seen);
  }

  async function imageChanged(number) {
    now.image = number;
    film.show(number);
    if (!decoded.has(number)) decoded.set(number, Sightline.blob(`image-${data.images[number].id}`, data.images[number].layout));
    const found = await decoded.get(number), shown = await film.picture(number);
    if (now.image !== number) return;
    stored = found;
    // Descriptions differ: another image starts with all that is said of it, or with the same token of the question.
    if (now.token !== MEAN && (now.token >= image().tokens.length || (now.shown !== undefined && image().tokens[now.token][0] === 'generated'))) now.token = MEAN;
    now.shown = number;
    if (now.held !== null && now.held >= patches()) now.held = null;
    now.patch = now.held;
    map.show(shown, image().rows, image().columns, image().frame);
    map.mark(now.patch);
    outlinesChanged();
    drawTokens();
    tokenChanged();
  }

  // ---- starting

  Sightline.themeButton(get('theme'));
  for (const id of ['lines', 'names']) get(id).addEventListener('change', outlinesChanged);
  get('sink').addEventListener('change', event => { now.sink = !event.target.checked; draw(); });
  get('tokens').addEventListener('keydown', event => {
    const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    if (!step || Sightline.modified(event)) return;
    event.preventDefault();
    const all = buttons(), next = all[(all.findIndex(one => one.token === now.token) + step + all.length) % all.length];
    next.focus();
    next.click();
  });
  document.addEventListener('keydown', event => {
    if (event.key === 'Escape' && now.held !== null) { now.held = now.patch = null; patchChanged(); remember(); }
    else if (!Sightline.modified(event) && (event.key === 'PageUp' || event.key === 'PageDown')) { event.preventDefault(); strip.move(event.key === 'PageUp' ? 1 : -1); }
  });

  const asked = Sightline.asked();
  const start = Math.max(0, data.images.findIndex(one => String(one.id) === asked.get('image')));
  const [first, last] = (asked.get('layers') ?? '').split('-').map(one => Sightline.whole(one || null, layers, null));
  if (first !== null && last !== null && last !== undefined && first <= last) Object.assign(now, { first, last });
  now.token = Sightline.whole(asked.get('token'), data.images[start].tokens.length, MEAN);
  now.held = Sightline.whole(asked.get('patch'), data.images[start].rows * data.images[start].columns, null);
  await imageChanged(start);
  document.documentElement.dataset.ready = 'yes';
})();
