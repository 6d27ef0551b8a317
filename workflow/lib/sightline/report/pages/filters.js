// Buttons of which one per group is pressed, and a search: tells whoever asks what is wanted.
class Filters {
  // host: the element with groups of buttons (data-study, data-verdict, ...) and one search; changed() is told.
  constructor(host, changed) {
    Object.assign(this, { host, changed, wanted: {}, words: [] });
    this.search = host.querySelector('input[type=search]');
    for (const group of host.querySelectorAll('.choice')) {
      const buttons = [...group.querySelectorAll('button')];
      for (const button of buttons) button.addEventListener('click', () => {
        for (const other of buttons) other.setAttribute('aria-pressed', other === button);
        Object.assign(this.wanted, button.dataset);
        changed();
      });
    }
    this.search.addEventListener('input', () => { this.read(); changed(); });
    this.search.addEventListener('keydown', event => {
      if (event.key !== 'Escape' || !this.search.value) return;
      this.search.value = '';
      this.read();
      changed();
    });
    this.read();
  }

  // Everything is asked for again.
  reset() {
    this.search.value = '';
    this.read();
    for (const button of this.host.querySelectorAll('.choice button')) button.setAttribute('aria-pressed', Object.values(button.dataset).every(value => !value));
    this.wanted = {};
    this.changed();
  }

  read() { this.words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean); }

  // Every word of the search occurs in the text.
  finds(text) { return this.words.every(word => text.includes(word)); }

  // What is asked of a property is one of the values; nothing asked accepts all.
  accepts(name, values) { return !this.wanted[name] || values.includes(this.wanted[name]); }
}
