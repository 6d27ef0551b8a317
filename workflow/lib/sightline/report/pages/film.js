// The row of images at the top; one is chosen by mouse or keys.
class Film {
  // chosen(number) is told of every choice.
  constructor(host, chosen) {
    this.buttons = [...host.querySelectorAll('button')];
    this.buttons.forEach((button, number) => button.addEventListener('click', () => chosen(number)));
    host.addEventListener('keydown', event => {
      const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
      if (!step || Sightline.modified(event)) return;
      event.preventDefault();
      const number = (this.number + step + this.buttons.length) % this.buttons.length;
      this.buttons[number].focus();
      chosen(number);
    });
  }

  show(number) {
    this.number = number;
    this.buttons.forEach((one, i) => {
      one.setAttribute('aria-checked', i === number);
      one.tabIndex = i === number ? 0 : -1;
    });
  }

  // The image itself, ready to be drawn.
  async picture(number) {
    const shown = this.buttons[number].querySelector('img');
    await shown.decode();
    return shown;
  }
}
