// A picture with its grid of patches: colours over patches, outlines of objects, one patch marked by mouse or keys.
class PatchPicture {
  // told: {point(token), pin(token), leave()}, all optional.
  constructor(host, told = {}) {
    this.host = host;
    this.told = told;
    this.canvas = host.appendChild(Sightline.element('canvas', { 'aria-hidden': 'true' }));
    this.svg = host.appendChild(document.createElementNS('http://www.w3.org/2000/svg', 'svg'));
    this.svg.setAttribute('aria-hidden', 'true');
    this.svg.setAttribute('preserveAspectRatio', 'none');
    this.names = host.appendChild(Sightline.element('div', { class: 'names', 'aria-hidden': 'true' }));
    host.addEventListener('pointermove', event => { if (event.pointerType === 'mouse') told.point?.(this.tokenAt(event)); });
    host.addEventListener('pointerleave', event => { if (event.pointerType === 'mouse') told.leave?.(); });
    host.addEventListener('click', event => told.pin?.(this.tokenAt(event)));
    host.addEventListener('keydown', event => this.move(event));
    new ResizeObserver(() => this.draw()).observe(host);
  }

  // image: a loaded <img>; frame: [width, height] of its pixels; within: [left, top, right, bottom] of those that
  // patches divide, all of them if left out.
  show(image, rows, columns, frame, within = [0, 0, ...frame]) {
    Object.assign(this, { image, rows, columns, frame, within, token: null, cells: null });
    this.svg.setAttribute('viewBox', `0 0 ${frame[0]} ${frame[1]}`);
    this.svg.replaceChildren();
    this.names.replaceChildren();
    this.marks = ['under', 'over'].map(kind => this.shape('rect', `patch ${kind}`));
    this.mark(null);
  }

  // cells: token -> [red, green, blue, alpha] or null; ground: how the picture itself is drawn.
  paint(cells, ground = 'plain') {
    this.cells = cells;
    this.ground = ground;
    this.draw();
  }

  // objects: {name, polygons, kind}, where kind is a class of the page's own or left out.
  outline(objects, lines, names) {
    this.svg.querySelectorAll('.outline').forEach(one => one.remove());
    this.names.replaceChildren();
    for (const { name, polygons, kind: own = '' } of objects) {
      const path = polygons.map(points => `M${points.join(' ')}Z`).join('');
      if (lines) for (const kind of ['under', 'over']) {
        const drawn = this.shape('path', `outline ${kind} ${own}`.trim(), this.marks[0]);
        drawn.setAttribute('d', path);
        drawn.setAttribute('fill-rule', 'evenodd');
      }
      if (names) this.name(name, polygons);
    }
  }

  // In the middle of the largest polygon, or above what shows there.
  name(text, polygons, above = false) {
    const largest = polygons.reduce((best, points) => (points.length > best.length ? points : best), []);
    const [left, right, top, bottom] = [0, 1].flatMap(axis => {
      const along = largest.filter((_, i) => i % 2 === axis);
      return [Math.min(...along), Math.max(...along)];
    });
    const label = Sightline.element('span', {}, text);
    label.style.left = `${Math.min(90, Math.max(10, 50 * (left + right) / this.frame[0]))}%`;
    label.style.top = `${Math.min(97, Math.max(3, (above ? 100 * top : 50 * (top + bottom)) / this.frame[1]))}%`;
    this.names.append(label);
  }

  mark(token) {
    this.token = token;
    const [left, top, right, bottom] = this.within, width = (right - left) / this.columns, height = (bottom - top) / this.rows;
    for (const drawn of this.marks) {
      drawn.style.display = token === null ? 'none' : '';
      if (token === null) continue;
      const place = { x: left + token % this.columns * width, y: top + Math.floor(token / this.columns) * height, width, height };
      for (const [name, value] of Object.entries(place)) drawn.setAttribute(name, value);
    }
  }

  tokenAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const [left, top, right, bottom] = this.within;
    const at = (share, side, from, to, count) => Math.min(count - 1, Math.max(0, Math.floor((share * side - from) / (to - from) * count)));
    return at((event.clientY - box.top) / box.height, this.frame[1], top, bottom, this.rows) * this.columns
      + at((event.clientX - box.left) / box.width, this.frame[0], left, right, this.columns);
  }

  move(event) {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const from = this.token ?? Math.floor(this.rows / 2) * this.columns + Math.floor(this.columns / 2);
    const within = (place, count) => Math.min(count - 1, Math.max(0, place));
    const row = within(Math.floor(from / this.columns) + (this.token === null ? 0 : step[0]), this.rows);
    const column = within(from % this.columns + (this.token === null ? 0 : step[1]), this.columns);
    this.told.pin?.(row * this.columns + column, true);
  }

  draw() {
    if (!this.image || !this.host.clientWidth) return;
    const width = Math.round(this.host.clientWidth * devicePixelRatio);
    const height = Math.round(width * this.frame[1] / this.frame[0]);
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const context = this.canvas.getContext('2d');
    context.filter = { grey: 'grayscale(1) brightness(1.05) contrast(.8)', dim: 'grayscale(1) brightness(.5)' }[this.ground] ?? 'none';
    context.imageSmoothingQuality = 'high';
    context.drawImage(this.image, 0, 0, width, height);
    context.filter = 'none';
    if (!this.cells) return;
    const [west, north, east, south] = this.within;
    const across = column => Math.round((west + column * (east - west) / this.columns) * width / this.frame[0]);
    const down = row => Math.round((north + row * (south - north) / this.rows) * height / this.frame[1]);
    for (let row = 0; row < this.rows; row++) for (let column = 0; column < this.columns; column++) {
      const color = this.cells(row * this.columns + column);
      if (!color) continue;
      // Whole pixels, so that neighbours leave no seam between them.
      const [left, top, right, bottom] = [across(column), down(row), across(column + 1), down(row + 1)];
      context.fillStyle = `rgb(${color[0]} ${color[1]} ${color[2]} / ${color[3]})`;
      context.fillRect(left, top, right - left, bottom - top);
    }
  }

  shape(tag, kind, before = null) {
    const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
    made.setAttribute('class', kind);
    this.svg.insertBefore(made, before);
    return made;
  }
}
