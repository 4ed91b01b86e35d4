// Pages of an application: forms that send without leaving, and lists that refresh.

// By the address that the page has it by: another would be another module, and do everything twice.
const { announce, enliven } = await import(document.querySelector('script[src*="/js/site.js"]').src);

const EVERY = 5000; // milliseconds

// Puts a part of another version of this page into its place. False when there is no such part: it is another page.
function replace(id, page) {
  const next = page.getElementById(id);
  if (!next) return false;
  document.getElementById(id).replaceWith(next);
  enliven(next);
  return true;
}

const parse = (html) => new DOMParser().parseFromString(html, 'text/html');

// Says above a form why it was not taken, and leaves what was typed.
function complain(form, text) {
  let notice = document.getElementById('complaint');
  if (!notice) {
    notice = document.createElement('div');
    notice.id = 'complaint';
    notice.className = 'notice bad';
    form.before(notice);
  }
  notice.textContent = text;
  notice.scrollIntoView({ block: 'nearest' });
  announce(text);
}

// <form data-stays="ID"> is sent beside the page; of the answer the part with that id is taken.
async function send(event) {
  const form = event.target;
  const part = form.dataset.stays;
  if (!part || event.defaultPrevented) return;
  event.preventDefault();
  const fields = new URLSearchParams(new FormData(form, event.submitter));
  const button = event.submitter;
  if (button) button.disabled = true;
  try {
    const answer = await fetch(form.action, { method: 'POST', body: fields, headers: { Accept: 'text/html' } });
    const page = parse(await answer.text());
    if (answer.redirected) {
      location.assign(answer.url);
    } else if (replace(part, page)) {
      const now = document.getElementById(part);
      const wrong = now.querySelector('[aria-invalid]');
      (wrong ?? now.querySelector('button.button[type=submit]'))?.focus({ preventScroll: !wrong });
      const said = now.querySelector('.notice, .field-error');
      if (said) announce(said.textContent.replace(/\s+/g, ' ').trim());
    } else {
      const why = [...page.querySelectorAll('main h1, main h1 + p')].map((one) => one.textContent.trim());
      complain(form, why.join(': ').replace(/\s+/g, ' ') || `The server answered ${answer.status}.`);
    }
  } catch {
    complain(form, 'The server could not be reached: it is not known whether this was sent.');
  } finally {
    if (button) button.disabled = false;
  }
}

document.addEventListener('submit', send);

// <input data-refreshes="ID"> has that part of the page come anew while it is ticked and the page is seen.
for (const box of document.querySelectorAll('[data-refreshes]')) {
  box.closest('[hidden]').hidden = false;
  let timer;
  const refresh = async () => {
    const part = document.getElementById(box.dataset.refreshes);
    // Who is in the middle of it with the keyboard is not to lose the place.
    if (!document.hidden && !part.contains(document.activeElement)) {
      try {
        const answer = await fetch(location.href, { headers: { Accept: 'text/html' } });
        if (answer.redirected) location.assign(answer.url);
        else replace(box.dataset.refreshes, parse(await answer.text()));
      } catch {
        // It is asked again.
      }
    }
    if (box.checked) timer = setTimeout(refresh, EVERY);
  };
  box.addEventListener('change', () => {
    clearTimeout(timer);
    if (box.checked) refresh();
  });
}
