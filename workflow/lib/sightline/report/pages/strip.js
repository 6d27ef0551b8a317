// A strip of layers with up to several lanes of bars; one layer is chosen by mouse or keys.
class LayerStrip {
  // lanes: names of lanes, also their classes; chosen(layer) is told of every choice.
  constructor(host, count, lanes, chosen) {
    this.host = host;
    this.chosen = chosen;
    this.layers = Array.from({ length: count }, (_, number) => {
      const bars = lanes.map(lane => Sightline.element('div', { class: `lane ${lane}` }, Sightline.element('i')));
      return Sightline.element('div', { class: 'layer' }, ...bars, Sightline.element('div', { class: 'tick' }, `${number}`));
    });
    this.lanes = lanes;
    host.classList.add('strip');
    host.classList.toggle('many', count > 16);
    for (const [name, value] of Object.entries({ role: 'slider', tabindex: 0, 'aria-valuemin': 0, 'aria-valuemax': count - 1 })) host.setAttribute(name, value);
    host.replaceChildren(...this.layers);
    const pick = event => {
      const box = host.getBoundingClientRect();
      this.choose(Math.floor((event.clientX - box.left) / box.width * count));
    };
    host.addEventListener('pointerdown', event => { host.setPointerCapture(event.pointerId); pick(event); });
    host.addEventListener('pointermove', event => { if (event.buttons) pick(event); });
    host.addEventListener('keydown', event => {
      const to = { ArrowLeft: this.layer - 1, ArrowDown: this.layer - 1, ArrowRight: this.layer + 1, ArrowUp: this.layer + 1, Home: 0, End: count - 1 }[event.key];
      if (to === undefined || Sightline.modified(event)) return;
      event.preventDefault();
      this.choose(to);
    });
  }

  choose(layer) {
    const within = Math.min(this.layers.length - 1, Math.max(0, layer));
    if (within !== this.layer) this.chosen(within);
  }

  // said: what a screen reader is told of the layer.
  show(layer, said) {
    this.layer = layer;
    this.layers.forEach((one, number) => one.classList.toggle('here', number === layer));
    this.host.setAttribute('aria-valuenow', layer);
    this.host.setAttribute('aria-valuetext', said);
  }

  // shares: layer -> height between 0 and 1, or null for an absent bar; titles: layer -> text.
  fill(lane, shares, titles) {
    const place = this.lanes.indexOf(lane);
    this.layers.forEach((one, number) => {
      const bar = one.children[place].firstChild;
      bar.style.setProperty('--share', shares?.[number] ?? 0);
      one.children[place].title = titles?.[number] ?? '';
    });
  }
}
