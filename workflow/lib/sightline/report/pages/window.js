// A strip of layers, each a stack of shares; one layer or several next to each other are chosen by mouse or keys.
class LayerWindow {
  // parts: names of the shares, bottom first, also their classes; chosen(first, last) is told of every choice.
  constructor(host, count, parts, chosen) {
    this.host = host;
    this.chosen = chosen;
    this.count = count;
    this.layers = Array.from({ length: count }, (_, number) => {
      const stack = Sightline.element('div', { class: 'stack' }, ...parts.map(part => Sightline.element('i', { class: `part-${part}` })).reverse());
      return Sightline.element('div', { class: 'layer' }, stack, Sightline.element('div', { class: 'tick' }, `${number}`));
    });
    host.classList.add('strip');
    host.classList.toggle('many', count > 16);
    for (const [name, value] of Object.entries({ role: 'slider', tabindex: 0, 'aria-valuemin': 0, 'aria-valuemax': count - 1 })) host.setAttribute(name, value);
    host.replaceChildren(...this.layers);
    const at = event => {
      const box = host.getBoundingClientRect();
      return Math.min(count - 1, Math.max(0, Math.floor((event.clientX - box.left) / box.width * count)));
    };
    host.addEventListener('pointerdown', event => {
      host.setPointerCapture(event.pointerId);
      this.anchor = event.shiftKey ? this.first : at(event);
      this.choose(this.anchor, at(event));
    });
    host.addEventListener('pointermove', event => { if (event.buttons && this.anchor !== undefined) this.choose(this.anchor, at(event)); });
    host.addEventListener('keydown', event => {
      if (Sightline.modified(event, 'shift')) return;
      const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
      if (event.key === 'Home' || event.key === 'End') {
        const edge = event.key === 'Home' ? 0 : count - 1;
        if (event.shiftKey) this.choose(this.first, edge); else this.choose(edge, edge);
      } else if (step && event.shiftKey) this.choose(this.first, Math.max(this.first, this.last + step));
      else if (step) this.move(step);
      else return;
      event.preventDefault();
    });
  }

  // The whole window goes a layer on, as far as there is room.
  move(step) {
    const by = Math.max(-this.first, Math.min(this.count - 1 - this.last, step));
    this.choose(this.first + by, this.last + by);
  }

  choose(one, other) {
    const [first, last] = [Math.min(one, other), Math.min(this.count - 1, Math.max(one, other))];
    if (first !== this.first || last !== this.last) this.chosen(first, last);
  }

  // said: what a screen reader is told of the window.
  show(first, last, said) {
    Object.assign(this, { first, last });
    this.layers.forEach((one, number) => {
      one.classList.toggle('here', first <= number && number <= last);
      one.classList.toggle('from', number === first);
      one.classList.toggle('to', number === last);
    });
    this.host.setAttribute('aria-valuenow', first);
    this.host.setAttribute('aria-valuetext', said);
  }

  // shares: layer -> one share per part, together 1; titles: layer -> text.
  fill(shares, titles) {
    this.layers.forEach((one, number) => {
      const bars = [...one.firstChild.children].reverse();
      bars.forEach((bar, part) => bar.style.setProperty('--share', shares[number][part]));
      one.title = titles[number];
    });
  }
}
