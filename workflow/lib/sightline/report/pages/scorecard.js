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

  // Each verdict says how many claims of the chosen study and search have it.
  function count() {
    const fit = claims.filter(claim => filters.accepts('study', [claim.closest('section').dataset.study])
      && filters.finds(claim.dataset.text));
    for (const button of document.querySelectorAll('[data-verdict]')) {
      const { verdict } = button.dataset;
      button.querySelector('b').textContent = fit.filter(claim => !verdict || claim.dataset.mark === verdict).length;
    }
  }

  function show() {
    count();
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
