// Similarity of [SEG]: choose a query, a layer, where [SEG] is read and how it is compared; see map, points, masks, scores.
(async () => {
  const get = id => document.getElementById(id);
  const data = Sightline.data(), { positions, metrics, normed, scores: SCORES } = data;
  const entries = normed + 1, decoded = new Map();
  const HEAT = [255, 150, 20];
  const MASKS = { own: 'the model’s own mask', clicked: 'mask of the unmodified SAM', map: 'the map, cut' };
  const NAMES = { precision: 'average precision', area: 'area under the curve', overlap: 'IoU of its cells, cut', hit: 'highest cell is object' };
  const now = { image: 0, entry: normed, position: data.position, metric: metrics[0], token: null, held: null };
  let stored, moving = 0;

  const image = () => data.images[now.image];
  const cells = () => image().rows * image().columns;
  const place = (entry = now.entry) => (positions.indexOf(now.position) * metrics.length + metrics.indexOf(now.metric)) * entries + entry;
  const value = token => {
    const [low, high] = [stored.ranges[2 * place()], stored.ranges[2 * place() + 1]];
    return low + stored.maps[place() * cells() + token] / 255 * (high - low);
  };
  const score = (name, entry = now.entry) => stored.scores[place(entry) * SCORES.length + SCORES.indexOf(name)];
  const number = one => (Number.isNaN(one) ? '–' : one.toPrecision(3).replace('-', '−'));
  const hundredths = one => (Number.isNaN(one) ? '–' : one.toFixed(2));
  const named = entry => (entry === normed ? `${entry}, behind the final norm` : `${entry}`);

  const told = { point: token => point(token), pin: hold, leave: () => point(null) };
  const map = new PatchPicture(get('map'), told), masks = new PatchPicture(get('masks'), told);
  const film = new Film(get('film'), imageChanged);
  const strip = new LayerStrip(get('strip'), entries, ['word', 'look'], entry => { now.entry = entry; mapChanged(); });
  const showPosition = Sightline.choice(document.querySelectorAll('[data-position]'), 'position', name => { now.position = name; mapChanged(); });
  const showMetric = Sightline.choice(document.querySelectorAll('[data-metric]'), 'metric', name => { now.metric = name; mapChanged(); });

  // ---- what is drawn

  function drawMap() {
    const start = place() * cells();
    map.paint(token => [...HEAT, 0.95 * stored.maps[start + token] / 255], 'dim');
    get('map-title').textContent = `The map of layer ${named(now.entry)}`;
    drawValue();
  }

  function drawValue() {
    const [low, high] = [stored.ranges[2 * place()], stored.ranges[2 * place() + 1]];
    const marked = now.token === null ? '' : `The marked cell: ${number(value(now.token))}`;
    get('map-note').replaceChildren(`${number(low)} `, Sightline.ramp([30, 30, 30], HEAT), ` ${number(high)}`, Sightline.element('br'), marked || 'Point at a cell for its value.');
    for (const one of [map, masks]) one.mark(now.token);
  }

  function drawMasks() {
    const { masks: found, points } = image();
    const wanted = [['target', 'truth', 'truth'], ['clicked', 'clicked', 'clicked'], ['own', 'own', 'own']].filter(([, tick]) => get(tick).checked);
    map.outline(get('truth').checked ? [{ name: '', polygons: found.target }] : [], true, false);
    masks.outline(wanted.map(([name, , kind]) => ({ name: '', polygons: found[name], kind })), true, false);
    if (get('points').checked) for (const one of [map, masks]) for (const [x, y, label] of points) {
      const sign = { 1: '+', 0: '−' }[label] ?? '·';
      const dot = Sightline.element('span', { class: label === 0 ? 'point negative' : 'point' }, sign);
      dot.style.left = `${100 * x / image().frame[0]}%`;
      dot.style.top = `${100 * y / image().frame[1]}%`;
      one.names.append(dot);
    }
    const line = (kind, text) => Sightline.element('span', {}, Sightline.element('i', { class: `line ${kind}` }), text);
    const legend = { truth: 'ground truth', own: 'the model’s own mask', clicked: 'mask of the unmodified SAM' };
    get('masks-note').replaceChildren(...wanted.map(([, , kind]) => line(kind, legend[kind])), ...(wanted.length ? [] : ['No mask is ticked.']));
  }

  function drawScores() {
    get('ious').replaceChildren(...Object.entries(MASKS).map(([name, text]) => {
      const [shared, united, pixels] = image().pixels[name];
      return Sightline.element('tr', {}, Sightline.element('th', { scope: 'row' }, text),
        Sightline.element('td', {}, hundredths(united ? shared / united : 1)), Sightline.element('td', {}, `${pixels}`));
    }));
    get('scores-title').textContent = `Map of layer ${now.entry}`;
    const chance = { precision: score('share'), area: 0.5, overlap: NaN, hit: score('share') };
    get('scores').replaceChildren(...Object.entries(NAMES).map(([name, text]) => Sightline.element('tr', {}, Sightline.element('th', { scope: 'row' }, text),
      Sightline.element('td', {}, hundredths(score(name))), Sightline.element('td', {}, hundredths(chance[name])))));
  }

  function drawStrip() {
    const all = name => Array.from({ length: entries }, (_, entry) => score(name, entry));
    const [precision, overlap] = [all('precision'), all('overlap')];
    get('lanes').replaceChildren(...[['word', precision, NAMES.precision], ['look', overlap, NAMES.overlap]].map(([lane, values, text]) => {
      const most = Math.max(0, ...values.filter(one => !Number.isNaN(one)));
      strip.fill(lane, values.map(one => one / most || 0), values.map((one, entry) => `layer ${named(entry)}: ${text} ${hundredths(one)}`));
      return Sightline.element('span', {}, Sightline.swatch(`var(--${lane})`), `${text} (up to ${hundredths(most)})`);
    }));
    const best = precision.reduce((most, one, entry) => (one > precision[most] ? entry : most), 0);
    const said = `Layer ${named(now.entry)}: average precision ${hundredths(precision[now.entry])}; best in layer ${best} (${hundredths(precision[best])})`;
    strip.show(now.entry, said);
    get('found').textContent = said;
  }

  // ---- what changes

  function point(token) {
    if (token === null) token = now.held;
    else if (now.held !== null) return;
    if (token === now.token || !stored) return;
    now.token = token;
    cancelAnimationFrame(moving);
    moving = requestAnimationFrame(drawValue);
  }

  function hold(token, byKey = false) {
    now.held = !byKey && now.held === token ? null : token;
    now.token = token;
    drawValue();
    if (byKey) get('spoken').textContent = `Row ${Math.floor(token / image().columns) + 1}, column ${token % image().columns + 1}: ${number(value(token))}`;
    remember();
  }

  function mapChanged() {
    showPosition(now.position);
    showMetric(now.metric);
    drawMap();
    drawScores();
    drawStrip();
    remember();
  }

  function remember() {
    const seen = { query: image().id, layer: now.entry, state: now.position, by: now.metric };
    if (now.held !== null) seen.cell = now.held;
    Sightline.remember(seen);
  }

  async function imageChanged(number) {
    now.image = number;
    film.show(number);
    if (!decoded.has(number)) decoded.set(number, Sightline.blob(`image-${data.images[number].id}`, data.images[number].layout));
    const found = await decoded.get(number), shown = await film.picture(number);
    if (now.image !== number) return;
    stored = found;
    if (now.held !== null && now.held >= cells()) now.held = null;
    now.token = now.held;
    get('query').replaceChildren(`“${image().text}”`, Sightline.element('small', {}, `${image().split}, ${image().id}`));
    for (const one of [map, masks]) one.show(shown, image().rows, image().columns, image().frame, image().within);
    masks.paint(null);
    drawMasks();
    mapChanged();
  }

  // ---- starting

  Sightline.themeButton(get('theme'));
  for (const id of ['points', 'truth', 'own', 'clicked']) get(id).addEventListener('change', drawMasks);
  document.addEventListener('keydown', event => {
    if (event.key === 'Escape' && now.held !== null) { now.held = now.token = null; drawValue(); remember(); }
    else if (!Sightline.modified(event) && (event.key === 'PageUp' || event.key === 'PageDown')) { event.preventDefault(); strip.choose(now.entry + (event.key === 'PageUp' ? 1 : -1)); }
  });

  const asked = Sightline.asked();
  const start = Math.max(0, data.images.findIndex(one => one.id === asked.get('query')));
  now.entry = Sightline.whole(asked.get('layer'), entries, normed);
  if (positions.includes(asked.get('state'))) now.position = asked.get('state');
  if (metrics.includes(asked.get('by'))) now.metric = asked.get('by');
  now.held = Sightline.whole(asked.get('cell'), data.images[start].rows * data.images[start].columns, null);
  await imageChanged(start);
  document.documentElement.dataset.ready = 'yes';
})();
