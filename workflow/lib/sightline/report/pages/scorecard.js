(() => {
  const get = id => document.getElementById(id);
  const sections = [...document.querySelectorAll('section[data-study]')];
  const claims = [...document.querySelectorAll('.claim')];
  const filters = new Filters(document.querySelector('.filters'), show);

  // A link to a claim shows it, whatever is filtered.
  function follow() {
    const target = Sightline.target();
    if (target?.closest('.claim[hidden], section[hidden]')) { filters.reset(); target.scrollIntoView(); }
  }

  function show() {
    let found = 0;
    for (const section of sections) {
      let here = 0;
      for (const claim of section.querySelectorAll('.claim')) {
        const fits = filters.accepts('study', [section.dataset.study])
          && filters.accepts('verdict', [claim.dataset.mark]) && filters.finds(claim.dataset.text);
        claim.hidden = !fits;
        here += fits;
      }
      section.hidden = !here;
      found += here;
    }
    get('found').textContent = `${found} of ${claims.length} claims`;
    get('none').hidden = found > 0 || !claims.length;
  }

  Sightline.themeButton(get('theme'));
  addEventListener('hashchange', follow);
  show();
  document.documentElement.dataset.ready = 'yes';
})();
