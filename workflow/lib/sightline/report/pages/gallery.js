(() => {
  const get = id => document.getElementById(id);
  const overview = get('overview');
  const articles = [...document.querySelectorAll('article')];
  const studies = [...document.querySelectorAll('section.study')];
  const title = document.title;
  const filters = new Filters(document.querySelector('.filters'), filter);
  const all = document.querySelectorAll('.study [data-text]').length;
  let place = 0;

  function filter() {
    let found = 0;
    for (const study of studies) {
      let here = 0;
      for (const one of study.querySelectorAll('[data-text]')) {
        const fits = filters.accepts('study', [study.dataset.study]) && filters.accepts('kind', [one.dataset.kind])
          && filters.finds(one.dataset.text);
        one.hidden = !fits;
        here += fits;
      }
      study.hidden = !here;
      for (const heading of study.querySelectorAll('h3.absent')) heading.hidden = !study.querySelector('ul.absent li:not([hidden])');
      found += here;
    }
    get('found').textContent = `${found} of ${all}`;
    get('none').hidden = found > 0 || !all;
  }

  // One item, or all of them: the address says which, so that back and forward work.
  function turn(first) {
    const target = Sightline.target();
    const shown = target?.closest('article') ?? null;
    if (shown && !overview.hidden) place = scrollY;
    const back = !shown && overview.hidden;
    overview.hidden = shown !== null;
    for (const one of articles) one.hidden = one !== shown;
    document.title = shown ? `${shown.dataset.title} · ${title}` : title;
    if (shown) {
      // After the browser itself has gone to the item.
      requestAnimationFrame(() => scrollTo(0, 0));
      if (!first) shown.querySelector('h2').focus({ preventScroll: true });
    } else if (target && target !== overview) {
      if (target.closest('[hidden]')) filters.reset();
      target.scrollIntoView();
      (target.matches('li') ? target : target.querySelector('h2[tabindex]'))?.focus({ preventScroll: true });
    } else if (back) scrollTo(0, place);
  }

  async function copy(button) {
    const code = button.parentElement.querySelector('code');
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = 'Copied';
    } catch {
      // Where the clipboard is out of reach the command is at least selected.
      getSelection().selectAllChildren(code);
      button.textContent = 'Selected';
    }
    setTimeout(() => { button.textContent = 'Copy'; }, 2000);
  }

  Sightline.themeButton(get('theme'));
  document.addEventListener('click', event => { if (event.target.matches('.copy')) copy(event.target); });
  document.addEventListener('keydown', event => {
    const shown = articles.find(one => !one.hidden);
    if (!shown || overview.hidden === false || Sightline.modified(event)) return;
    // Arrows that scroll a table are not for turning pages.
    if (event.target.closest('.scroll, input')) return;
    const link = { ArrowLeft: '.before', ArrowRight: '.after', Escape: '.all' }[event.key];
    if (link) shown.querySelector(`.turn ${link}`)?.click();
  });
  addEventListener('hashchange', () => turn(false));
  filter();
  document.documentElement.dataset.ready = 'yes';
  turn(true);
})();
