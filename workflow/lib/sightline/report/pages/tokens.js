// Object tokens: choose an image, a token and a layer; see its cosine with all tokens, and means over objects.
(async () => {
  const get = id => document.getElementById(id);
  const data = Sightline.data(), { layers } = data;
  const decoded = new Map();
  const ALIKE = [255, 150, 20], OPPOSED = [70, 175, 255];
  // A place in the picture, from 0 to 1 across and down: layers and encoders may have different grids.
  const now = { image: 0, layer: layers.length - 1, place: null, seen: null };
  let stored;

  const image = () => data.images[now.image];
  const grid = (layer = now.layer) => layers[layer];
  const count = layer => grid(layer).rows * grid(layer).columns;
  const tokenAt = ([x, y], layer = now.layer) => {
    const within = (share, size) => Math.min(size - 1, Math.floor(share * size));
    return within(y, grid(layer).rows) * grid(layer).columns + within(x, grid(layer).columns);
  };
  const placeOf = (token, layer = now.layer) => [(token % grid(layer).columns + 0.5) / grid(layer).columns, (Math.floor(token / grid(layer).columns) + 0.5) / grid(layer).rows];

  // Cosines of a token with all, from the part of the matrix above its diagonal.
  function cosines(token, layer = now.layer) {
    const all = count(layer), values = stored[`layer-${grid(layer).layer}`];
    return Array.from({ length: all }, (_, other) => {
      if (other === token) return 1;
      const [row, column] = other < token ? [other, token] : [token, other];
      return values[row * all - row * (row + 1) / 2 + column - row - 1] / 127 - 1;
    });
  }

  const members = (one, layer = now.layer) => one.members[layer][1];
  const own = (token, layer = now.layer) => image().objects.find(one => members(one, layer).includes(token));
  const mean = (values, tokens) => tokens.reduce((sum, token) => sum + values[token], 0) / tokens.length;
  const number = value => (Number.isNaN(value) ? '–' : value.toFixed(2).replace('-', '−'));
  const title = one => `${one.name} (${one.role})`;

  function around(token) {
    const { rows, columns } = grid(), [row, column] = [Math.floor(token / columns), token % columns];
    return Array.from({ length: count() }, (_, other) => other).filter(other => other !== token
      && Math.abs(Math.floor(other / columns) - row) <= 1 && Math.abs(other % columns - column) <= 1);
  }

  // What is compared with the chosen token, each without it.
  function groups(token, layer = now.layer) {
    const mine = own(token, layer), inside = mine ? members(mine, layer).filter(other => other !== token) : [];
    const outside = Array.from({ length: count(layer) }, (_, other) => other).filter(other => other !== token && !(mine && members(mine, layer).includes(other)));
    return { mine, inside, outside };
  }

  const told = { point: token => see(token), pin: choose, leave: () => see(null) };
  const pick = new PatchPicture(get('pick'), told), map = new PatchPicture(get('map'), told);
  const film = new Film(get('film'), imageChanged);
  const strip = new LayerStrip(get('strip'), layers.length, ['word', 'look'], layer => { now.layer = layer; layerChanged(); });
  layers.forEach((one, place) => { get('strip').querySelectorAll('.tick')[place].textContent = one.layer; });

  // ---- what is drawn

  function drawMap() {
    const token = tokenAt(now.place), values = cosines(token), others = values.filter((_, other) => other !== token);
    const [low, high] = [Math.min(...others), Math.max(...others)];
    const stretched = get('stretch').checked;
    map.paint(other => {
      if (stretched) return [...ALIKE, 0.95 * Math.min(1, Math.max(0, (values[other] - low) / ((high - low) || 1)))];
      return values[other] >= 0 ? [...ALIKE, 0.95 * values[other]] : [...OPPOSED, -0.95 * values[other]];
    }, 'dim');
    const [row, column] = [Math.floor(token / grid().columns) + 1, token % grid().columns + 1];
    get('map-title').textContent = `Alike in layer ${grid().layer}`;
    const second = now.seen === null ? '' : ` · the token pointed at: ${number(values[now.seen])}`;
    get('map-note').replaceChildren(`Cosines from ${number(low)} to ${number(high)}${second}`, Sightline.element('br'),
      ...(stretched ? ['lowest ', Sightline.ramp([30, 30, 30], ALIKE), ' highest'] : ['−1 ', Sightline.ramp(OPPOSED, [30, 30, 30], ALIKE), ' 1']));
    const mine = own(token);
    get('pick-note').textContent = `Row ${row}, column ${column} of ${grid().rows} × ${grid().columns}: ${mine ? title(mine) : 'none of the objects'}.`;
    for (const one of [pick, map]) one.mark(token);
  }

  function drawMeans() {
    const token = tokenAt(now.place), values = cosines(token), { mine, inside, outside } = groups(token);
    const clipped = values.map(one => Math.max(0, one));
    const rows = [
      ...(mine ? [[`its object, ${title(mine)}`, inside, values], ['all outside its object', outside, values]] : [['all others', outside, values]]),
      ...image().objects.filter(one => one !== mine).map(one => [title(one), members(one).filter(other => other !== token), values]),
      ['adjacent, negative as 0', around(token), clipped],
    ];
    get('shares-title').textContent = `The token and others in layer ${grid().layer}`;
    get('means').replaceChildren(...rows.map(([name, tokens, from]) => Sightline.element('tr', {}, Sightline.element('th', { scope: 'row' }, name),
      Sightline.element('td', {}, `${tokens.length}`), Sightline.element('td', {}, number(mean(from, tokens))))));
    get('middles').replaceChildren(...image().objects.filter(one => one.members[now.layer][0] !== null).map(one => {
      const middle = one.members[now.layer][0];
      const button = Sightline.element('button', { type: 'button', 'aria-pressed': `${middle === token}` }, `Middle of ${title(one)}`);
      button.addEventListener('click', () => { choose(middle); get('middles').querySelector('[aria-pressed=true]')?.focus(); });
      return button;
    }));
    get('middles').hidden = !get('middles').childElementCount;
  }

  function drawStrip() {
    const curves = { word: [], look: [] };
    layers.forEach((_, layer) => {
      const token = tokenAt(now.place, layer), values = cosines(token, layer), { inside, outside } = groups(token, layer);
      curves.word.push(mean(values, inside));
      curves.look.push(mean(values, outside));
    });
    // Bars have no room below 0: a negative mean shows none.
    for (const [lane, values] of Object.entries(curves)) strip.fill(lane, values.map(one => Math.max(0, one || 0)), values.map((one, layer) => `layer ${grid(layer).layer}: mean cosine ${number(one)} ${lane === 'word' ? 'within its object' : 'with all other tokens'}`));
    get('lanes').replaceChildren(
      Sightline.element('span', {}, Sightline.swatch('var(--word)'), 'mean cosine within its object'),
      Sightline.element('span', {}, Sightline.swatch('var(--look)'), 'with all other tokens'));
    const [inside, outside] = [curves.word[now.layer], curves.look[now.layer]];
    const said = `Layer ${grid().layer}: ${Number.isNaN(inside) ? '' : `${number(inside)} within its object, `}${number(outside)} with all other tokens`;
    strip.show(now.layer, said);
    get('found').textContent = said;
  }

  // ---- what changes

  function draw() {
    if (!stored) return;
    drawMap();
    drawMeans();
    drawStrip();
  }

  function see(token) {
    if (token === now.seen || !stored) return;
    now.seen = token;
    drawMap();
  }

  function choose(token, byKey = false) {
    now.place = placeOf(token);
    now.seen = null;
    draw();
    remember();
    if (byKey) get('spoken').textContent = get('pick-note').textContent;
  }

  function layerChanged() {
    for (const one of [pick, map]) { one.rows = grid().rows; one.columns = grid().columns; }
    now.seen = null;
    draw();
    remember();
  }

  function outlinesChanged() {
    const { objects } = image();
    const drawn = objects.map(({ name, polygons, box: [left, top, right, bottom] }) => ({ name,
      polygons: [...(get('boxes').checked ? [[left, top, right, top, right, bottom, left, bottom]] : []), ...(get('lines').checked ? polygons : [])] }));
    for (const one of [pick, map]) {
      one.outline(drawn.filter(({ polygons }) => polygons.length), true, false);
      if (get('names').checked) for (const { name, polygons } of objects) one.name(name, polygons, true);
    }
  }

  function remember() {
    const seen = { image: image().id, layer: grid().layer, at: now.place.map(one => one.toFixed(3)).join('-') };
    Sightline.remember(seen);
    // The same place in another encoder is a click away.
    for (const link of get('encoders').querySelectorAll('a')) link.hash = `#${new URLSearchParams(seen)}`;
  }

  async function imageChanged(number) {
    now.image = number;
    film.show(number);
    if (!decoded.has(number)) decoded.set(number, Sightline.blob(`image-${data.images[number].id}`, data.images[number].layout));
    const found = await decoded.get(number), shown = await film.picture(number);
    if (now.image !== number) return;
    stored = found;
    now.seen = null;
    if (!now.kept) {
      // Another image starts in the middle of its first object.
      const middle = image().objects[0]?.members[now.layer][0];
      now.place = middle === undefined || middle === null ? [0.5, 0.5] : placeOf(middle);
    }
    now.kept = false;
    for (const one of [pick, map]) one.show(shown, grid().rows, grid().columns, image().frame);
    pick.paint(null);
    outlinesChanged();
    layerChanged();
  }

  // ---- starting

  Sightline.themeButton(get('theme'));
  for (const id of ['boxes', 'lines', 'names']) get(id).addEventListener('change', outlinesChanged);
  get('stretch').addEventListener('change', drawMap);
  document.addEventListener('keydown', event => {
    if (!Sightline.modified(event) && (event.key === 'PageUp' || event.key === 'PageDown')) { event.preventDefault(); strip.choose(now.layer + (event.key === 'PageUp' ? 1 : -1)); }
  });

  const asked = Sightline.asked();
  const start = Math.max(0, data.images.findIndex(one => String(one.id) === asked.get('image')));
  // Encoders differ in depth: a layer that this one lacks becomes the next one there is, or the last.
  const wanted = Sightline.whole(asked.get('layer'), Infinity, null);
  if (wanted !== null) now.layer = (layers.findIndex(one => one.layer >= wanted) + layers.length) % layers.length;
  const at = (asked.get('at') ?? '').split('-').map(Number);
  if (at.length === 2 && at.every(one => one >= 0 && one <= 1)) Object.assign(now, { place: at, kept: true });
  await imageChanged(start);
  document.documentElement.dataset.ready = 'yes';
})();
