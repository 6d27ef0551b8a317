'use strict';
// What a page carries: plain data, and packed arrays that are decoded when first asked for.
const Sightline = {
  data() { return JSON.parse(document.getElementById('data').textContent); },

  async bytes(name) {
    const text = atob(document.getElementById(`blob-${name}`).textContent);
    const packed = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  },

  // Name -> typed array; shapes stay in the layout.
  async blob(name, layout) {
    const bytes = await this.bytes(name), found = {};
    let place = 0;
    for (const { name: key, type, shape } of layout) {
      const count = shape.reduce((product, side) => product * side, 1);
      if (type === 'u1') {
        found[key] = bytes.subarray(place, place + count);
        place += count;
      } else if (type === 'u2') {
        const low = bytes.subarray(place, place + count), high = bytes.subarray(place + count, place + 2 * count);
        found[key] = Uint16Array.from(low, (byte, i) => byte + 256 * high[i]);
        place += 2 * count;
      } else {
        found[key] = new Float32Array(bytes.slice(place, place + 4 * count).buffer);
        place += 4 * count;
      }
    }
    return found;
  },

  async json(name) { return JSON.parse(new TextDecoder().decode(await this.bytes(name))); },

  // Shares are stored as square roots in one byte.
  share(byte) { return (byte / 255) ** 2; },

  percent(share) {
    const points = 100 * share;
    return points === 0 ? '0 %' : points < 0.05 ? '<0.1 %' : points < 9.95 ? `${points.toFixed(1)} %` : `${Math.round(points)} %`;
  },

  element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === true) made.setAttribute(name, '');
      else if (value !== false && value !== null) made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  },

  // What an address asks for; it keeps what is seen, so that it can be passed on. Another one begins anew.
  asked() {
    addEventListener('hashchange', () => location.reload());
    return new URLSearchParams(location.hash.slice(1));
  },

  remember(seen) {
    try { history.replaceState(null, '', `#${new URLSearchParams(seen)}`); } catch { /* Some browsers forbid it for files. */ }
  },

  // The element that the address names, if there is one.
  target() {
    try { return document.getElementById(decodeURIComponent(location.hash.slice(1))); } catch { return null; }
  },

  // Whether a key is pressed together with one that gives it another meaning: Alt and an arrow go back.
  modified(event, ...meant) { return ['alt', 'ctrl', 'meta', 'shift'].some(key => event[`${key}Key`] && !meant.includes(key)); },

  // A number within bounds, or what stands for it.
  whole(text, count, otherwise) {
    const number = Number(text ?? NaN);
    return number >= 0 && number < count ? Math.floor(number) : otherwise;
  },

  swatch(color) { return Sightline.element('span', { class: 'swatch', style: `background: ${color}` }); },

  // Colours from nothing to a full one, as they lie over a dimmed picture.
  ramp(...colors) {
    return Sightline.element('span', { class: 'ramp', 'aria-hidden': 'true', style: `background: linear-gradient(90deg, ${colors.map(one => `rgb(${one.join(' ')})`).join(', ')})` });
  },

  // Buttons of which one is pressed; chosen(name) is told of every choice.
  choice(buttons, attribute, chosen) {
    const all = [...buttons];
    all.forEach(one => one.addEventListener('click', () => chosen(one.dataset[attribute])));
    return name => all.forEach(one => one.setAttribute('aria-pressed', one.dataset[attribute] === name));
  },

  // Light, dark, or what the system says.
  themeButton(button) {
    const root = document.documentElement;
    const dark = () => (root.dataset.theme ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark';
    const show = () => { button.textContent = dark() ? 'Light' : 'Dark'; };
    button.addEventListener('click', () => { root.dataset.theme = dark() ? 'light' : 'dark'; show(); });
    show();
  },
};
