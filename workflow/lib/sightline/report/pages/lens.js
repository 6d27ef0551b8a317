// Logit lens of single images: point at a patch, search a word, choose a layer.
(async () => {
  const get = id => document.getElementById(id);
  const data = Sightline.data(), { top, states, words: vocabularySize } = data;
  const decoded = new Map();
  const COLORS = [[0, 114, 178], [230, 159, 0], [0, 158, 115], [204, 121, 167], [213, 94, 0], [86, 180, 233], [240, 228, 66], [148, 103, 189]];
  // A word that covers so much of the picture is its ground: colouring it would hide what stands out.
  const GROUND = 0.4;
  const HEAT = [255, 150, 20], LOOK = [70, 175, 255];
  const now = { image: 0, layer: data.first, token: null, held: null, query: '', view: 'map' };
  let vocabulary, lower, picture, stored, sought = null, moving = 0;

  const image = () => data.images[now.image];
  const tokens = () => image().rows * image().columns;
  const place = (rank, layer, token) => (rank * states + layer) * tokens() + token;
  const entry = (rank, layer, token) => stored.words[place(rank, layer, token)];
  const share = (rank, layer, token) => Sightline.share(stored.shares[place(rank, layer, token)]);
  const text = number => vocabulary[number] || '␣';
  const rgb = color => `rgb(${color.join(' ')})`;

  const lens = new PatchPicture(get('lens'), { point: token => point(token), pin: hold, leave: () => point(null) });
  const look = new PatchPicture(get('look'), { point: token => point(token), pin: hold, leave: () => point(null) });
  const film = new Film(get('film'), imageChanged);
  const strip = new LayerStrip(get('strip'), states, ['word', 'look'], layer => { now.layer = layer; layerChanged(); });

  // ---- the word that is searched

  function seek(query) {
    now.query = query;
    const wanted = query.trim().toLowerCase();
    sought = null;
    if (wanted) {
      let numbers = lower.flatMap((one, number) => (one === wanted ? [number] : []));
      const exact = numbers.length > 0;
      if (!exact) numbers = lower.flatMap((one, number) => (one.startsWith(wanted) ? [number] : []));
      sought = { wanted, exact, numbers: new Set(numbers) };
    }
    suggest(wanted);
    find();
  }

  // Share of the word in every layer and patch of this image: the sum over its spellings.
  function find() {
    if (!sought) return;
    sought.shares = new Float32Array(states * tokens());
    if (sought.numbers.size) {
      for (let rank = 0; rank < top; rank++) for (let i = 0; i < states * tokens(); i++)
        if (sought.numbers.has(stored.words[rank * states * tokens() + i])) sought.shares[i] += Sightline.share(stored.shares[rank * states * tokens() + i]);
    }
    sought.most = new Array(states).fill(0);
    sought.count = new Array(states).fill(0);
    for (let i = 0; i < sought.shares.length; i++) {
      const layer = Math.floor(i / tokens());
      if (sought.shares[i] > 0) sought.count[layer]++;
      sought.most[layer] = Math.max(sought.most[layer], sought.shares[i]);
    }
  }

  function suggest(wanted) {
    const here = [];
    if (wanted) for (let number = 1; number < lower.length && here.length < 8; number++)
      if (lower[number].startsWith(wanted) && lower[number] !== wanted && !here.includes(vocabulary[number])) here.push(vocabulary[number]);
    get('suggestions').replaceChildren(...here.map(one => Sightline.element('option', { value: one })));
  }

  function search(query) { get('search').value = query; seek(query); searchChanged(); }

  // ---- what is drawn

  function wordMap() {
    const counts = new Map();
    for (let token = 0; token < tokens(); token++) {
      const number = entry(0, now.layer, token);
      counts.set(number, (counts.get(number) ?? 0) + 1);
    }
    const often = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, COLORS.length).filter(([, count]) => count > 1);
    // A word keeps its colour from layer to layer as long as no other has it.
    const taken = new Set(), colors = new Map();
    const standing = often.filter(([, count]) => count <= GROUND * tokens());
    for (const [number] of standing) {
      const before = picture.colors.get(number);
      if (before !== undefined && !taken.has(before)) { colors.set(number, before); taken.add(before); }
    }
    for (const [number] of standing) if (!colors.has(number)) {
      const free = COLORS.findIndex((_, i) => !taken.has(i));
      colors.set(number, free);
      taken.add(free);
      picture.colors.set(number, free);
    }
    return { often, colors };
  }

  function drawLens() {
    const at = now.layer * tokens();
    document.querySelectorAll('.views button').forEach(one => one.setAttribute('aria-pressed', !sought && one.dataset.view === now.view));
    get('lens-title').textContent = sought ? `Where layer ${now.layer} says “${sought.wanted}”` : {
      map: `What patches say in layer ${now.layer}`, sure: `How sure layer ${now.layer} is of its word`, plain: 'The picture as the model sees it' }[now.view];
    let legend = [];
    if (sought) {
      lens.paint(token => { const value = sought.shares[at + token]; return value > 0 ? [...HEAT, 0.1 + 0.85 * Math.sqrt(value)] : null; }, 'dim');
      legend = ramp(HEAT, '0 %', '100 % of the patch’s word');
    } else if (now.view === 'map') {
      const { often, colors } = wordMap();
      lens.paint(token => { const color = colors.get(entry(0, now.layer, token)); return color === undefined ? null : [...COLORS[color], 0.62]; }, 'grey');
      legend = often.map(([number, count]) => {
        const color = colors.get(number), swatch = Sightline.element('span', { class: color === undefined ? 'swatch most' : 'swatch' });
        if (color !== undefined) swatch.style.background = rgb(COLORS[color]);
        return wordButton(number, swatch, `${count}`, `${text(number)}: best word of ${count} patches; search it`);
      });
    } else if (now.view === 'sure') {
      lens.paint(token => [...HEAT, 0.8 * Math.sqrt(share(0, now.layer, token))], 'dim');
      legend = ramp(HEAT, '0 %', '100 % for the best word');
    } else lens.paint(null);
    get('legend').replaceChildren(...legend);
  }

  function ramp(color, from, to) {
    const bar = Sightline.element('span', { class: 'ramp', 'aria-hidden': 'true' });
    bar.style.background = `linear-gradient(90deg, rgb(40 40 40), ${rgb(color)})`;
    return [from, bar, to];
  }

  function wordButton(number, before, after, title) {
    const shown = Sightline.element('button', { type: 'button', class: 'chip', title }, before, Sightline.element('bdi', {}, text(number)), Sightline.element('span', { class: 'number' }, after));
    shown.addEventListener('click', () => search(vocabulary[number]));
    return shown;
  }

  function drawLook() {
    const block = now.layer - 1, name = get('look-note');
    get('look-title').textContent = block < 0 ? 'Where the answer looks' : `Where the answer looks, layer ${now.layer}`;
    if (block < 0) {
      look.paint(null);
      name.textContent = 'Nothing has looked at anything before layer 1.';
    } else {
      const at = block * tokens(), most = stored.peaks[block];
      look.paint(token => [...LOOK, 0.95 * Math.sqrt(Sightline.share(stored.attention[at + token]))], 'dim');
      const marked = now.token === null ? '' : ` · the marked patch gets ${Sightline.percent(Sightline.share(stored.attention[at + now.token]) * most)}`;
      name.textContent = `${Sightline.percent(stored.totals[block])} of its attention falls on the picture, at most ${Sightline.percent(most)} on a patch${marked}`;
    }
    get('answer').replaceChildren(...Array.from({ length: top }, (_, rank) => {
      const i = now.layer * top + rank, number = stored.answerWords[i];
      return wordButton(number, '', Sightline.percent(Sightline.share(stored.answerShares[i])), `Search ${text(number)}`);
    }));
  }

  function drawStrip() {
    const swatch = name => Sightline.element('span', { class: 'swatch', style: `background: var(--${name})` });
    const lane = (name, shares, title) => {
      const scale = Math.max(...shares);
      strip.fill(name, shares.map(one => (scale ? one / scale : 0)), shares.map(title));
      return Sightline.percent(scale);
    };
    const looks = Array.from({ length: states }, (_, layer) => (layer ? stored.totals[layer - 1] : 0));
    const looked = lane('look', looks, (one, layer) => (layer ? `${Sightline.percent(one)} of the answer position’s attention falls on the picture` : 'no attention before layer 1'));
    const said = sought ? lane('word', sought.most, (one, layer) => `“${sought.wanted}” in ${sought.count[layer]} patches, at most ${Sightline.percent(one)}`)
      : lane('word', picture.sure, one => `the best word has ${Sightline.percent(one)} on average`);
    get('lanes').replaceChildren(
      Sightline.element('span', {}, swatch('word'), `${sought ? `largest share of “${sought.wanted}”` : 'mean share of the best word'} (up to ${said})`),
      Sightline.element('span', {}, swatch('look'), `the answer’s attention on the picture (up to ${looked})`));
    strip.show(now.layer, status());
    get('found').textContent = status();
  }

  function status() {
    if (!sought) return `Layer ${now.layer} of ${states - 1}`;
    if (!sought.numbers.size) return `“${sought.wanted}” is not among the ${top} best words of any patch of these images.`;
    const which = sought.exact ? '' : ' (no such word; words that begin with it)';
    if (!sought.count.some(Boolean)) return `“${sought.wanted}”${which} is nowhere in this image.`;
    const best = sought.most.indexOf(Math.max(...sought.most)), count = sought.count[now.layer];
    return `“${sought.wanted}”${which}: in ${count} ${count === 1 ? 'patch' : 'patches'} of layer ${now.layer}, at most ${Sightline.percent(sought.most[now.layer])}; strongest in layer ${best} (${Sightline.percent(sought.most[best])})`;
  }

  // The table keeps its cells; only their texts change, so that pointing is smooth.
  const cells = Array.from({ length: states }, (_, layer) => {
    const number = Sightline.element('button', { type: 'button', 'aria-label': `Show layer ${layer}` }, `${layer}`);
    number.addEventListener('click', () => { now.layer = layer; layerChanged(); });
    const buttons = Array.from({ length: top }, (_, rank) => {
      const word = Sightline.element('b', { dir: 'auto' }), chance = Sightline.element('small');
      const button = Sightline.element('button', { type: 'button' }, word, chance);
      button.addEventListener('click', () => search(vocabulary[button.number]));
      return Object.assign(button, { word, chance });
    });
    const row = Sightline.element('tr', {}, Sightline.element('td', {}, number), ...buttons.map(one => Sightline.element('td', {}, one)));
    return { row, number, buttons };
  });
  get('words').replaceChildren(...cells.map(one => one.row));

  function drawWords() {
    const token = now.token, seen = token !== null;
    const row = seen ? Math.floor(token / image().columns) + 1 : 0, column = seen ? token % image().columns + 1 : 0;
    get('words-title').textContent = seen ? `Patch in row ${row}, column ${column}` : 'The answer position';
    const here = seen ? image().objects.filter(one => one.tokens.includes(token)).map(one => one.name) : [];
    get('words-note').textContent = seen ? (here.length ? `Shows ${[...new Set(here)].join(', ')}.` : 'Shows no annotated object.') : 'Point at a patch to see its words by layer; until then, those of the last position of the prompt.';
    cells.forEach(({ row: line, buttons }, layer) => {
      line.classList.toggle('here', layer === now.layer);
      buttons.forEach((button, rank) => {
        const number = seen ? entry(rank, layer, token) : stored.answerWords[layer * top + rank];
        const value = seen ? share(rank, layer, token) : Sightline.share(stored.answerShares[layer * top + rank]);
        button.number = number;
        button.word.textContent = text(number);
        button.chance.textContent = Sightline.percent(value);
        button.title = text(number);
        button.style.setProperty('--share', Math.sqrt(value).toFixed(3));
        button.classList.toggle('hit', Boolean(sought?.numbers.has(number)));
        button.tabIndex = layer === now.layer ? 0 : -1;
      });
    });
    return seen ? `Row ${row}, column ${column}: ${text(entry(0, now.layer, token))}, ${Sightline.percent(share(0, now.layer, token))}` : '';
  }

  // ---- what changes

  function point(token) {
    if (token === null) token = now.held;
    else if (now.held !== null) return;
    if (token === now.token) return;
    now.token = token;
    cancelAnimationFrame(moving);
    moving = requestAnimationFrame(markChanged);
  }

  function hold(token, byKey = false) {
    now.held = !byKey && now.held === token ? null : token;
    now.token = token;
    markChanged(byKey);
    remember();
  }

  function markChanged(byKey = false) {
    if (!stored) return;
    lens.mark(now.token);
    look.mark(now.token);
    const said = drawWords();
    drawLook();
    if (byKey === true) get('said').textContent = said;
  }

  function layerChanged() {
    drawLens();
    drawStrip();
    markChanged();
    const line = cells[now.layer].row, box = get('scroll');
    if (line.offsetTop < box.scrollTop + 32 || line.offsetTop + line.offsetHeight > box.scrollTop + box.clientHeight) box.scrollTop = line.offsetTop - box.clientHeight / 2;
    remember();
  }

  function searchChanged() { drawLens(); drawStrip(); drawWords(); remember(); }

  function outlinesChanged() {
    for (const one of [lens, look]) one.outline(image().objects, get('lines').checked, get('names').checked);
  }

  function remember() {
    const seen = { image: image().id, layer: now.layer };
    if (now.held !== null) seen.patch = now.held;
    if (now.query.trim()) seen.word = now.query.trim();
    Sightline.remember(seen);
  }

  async function imageChanged(number) {
    now.image = number;
    film.show(number);
    if (!decoded.has(number)) decoded.set(number, Sightline.blob(`image-${data.images[number].id}`, data.images[number].layout));
    const found = await decoded.get(number);
    const shown = await film.picture(number);
    // Another image may have been chosen meanwhile.
    if (now.image !== number) return;
    stored = found;
    picture = { colors: new Map(), sure: [] };
    for (let layer = 0; layer < states; layer++) {
      let sum = 0;
      for (let token = 0; token < tokens(); token++) sum += share(0, layer, token);
      picture.sure.push(sum / tokens());
    }
    for (const one of [lens, look]) one.show(shown, image().rows, image().columns, image().frame);
    if (now.held !== null && now.held >= tokens()) now.held = null;
    now.token = now.held;
    find();
    outlinesChanged();
    layerChanged();
  }

  // ---- starting

  Sightline.themeButton(get('theme'));
  for (const id of ['lines', 'names']) get(id).addEventListener('change', outlinesChanged);
  for (const button of document.querySelectorAll('.views button')) button.addEventListener('click', () => {
    now.view = button.dataset.view;
    if (sought) search('');
    drawLens();
  });
  get('search').addEventListener('input', event => { seek(event.target.value); searchChanged(); });
  document.addEventListener('keydown', event => {
    const typing = event.target.matches('input[type=search]');
    if (event.key === 'Escape') {
      if (typing && now.query) search('');
      else if (now.held !== null) { now.held = now.token = null; markChanged(); remember(); }
      else if (now.query) search('');
    } else if (!Sightline.modified(event) && (event.key === 'PageUp' || event.key === 'PageDown')) { event.preventDefault(); strip.choose(now.layer + (event.key === 'PageUp' ? 1 : -1)); }
  });

  const asked = Sightline.asked();
  const start = Math.max(0, data.images.findIndex(one => String(one.id) === asked.get('image')));
  now.layer = Sightline.whole(asked.get('layer'), states, data.first);
  now.held = Sightline.whole(asked.get('patch'), data.images[start].rows * data.images[start].columns, null);
  vocabulary = await Sightline.json('words');
  if (vocabulary.length !== vocabularySize) throw new Error('The list of words is not the one this page was made with.');
  lower = vocabulary.map(one => one.toLowerCase());
  if (asked.get('word')) { get('search').value = asked.get('word'); now.query = asked.get('word'); }
  stored = await (decoded.set(start, Sightline.blob(`image-${data.images[start].id}`, data.images[start].layout)).get(start));
  now.image = start;
  seek(now.query);
  await imageChanged(start);
  document.documentElement.dataset.ready = 'yes';
})();
