// Switches flip where they stand: the form is sent behind the page, and the part of the page around it is put in again
// as the server shows it then. Without this the whole page is loaded again, with the same result. And addresses of lists
// leave out the filters that are not set.

// By the address that the page has it from, so that there is one of it.
const site = import(document.querySelector('script[src*="/js/site.js"]').src);

async function flip(form) {
  const region = form.closest('[data-region]');
  const button = form.querySelector('button');
  button.setAttribute('aria-busy', 'true');
  let response;
  try {
    response = await fetch(form.action, {
      method: 'POST',
      body: new URLSearchParams(new FormData(form)),
      headers: { Accept: 'text/html' },
    });
  } catch {
    form.submit(); // the browser tells best what is wrong
    return;
  }
  const page = new DOMParser().parseFromString(await response.text(), 'text/html');
  const fresh = page.getElementById(region.id);
  if (!response.ok || !fresh) {
    location.assign(response.redirected ? response.url : location.href);
    return;
  }
  const { announce, enliven } = await site;
  region.replaceWith(fresh);
  enliven(fresh);
  document.getElementById(button.id)?.focus();
  tell(page.querySelector('body > .notice'), announce);
}

function tell(notice, announce) {
  document.querySelector('body > .notice')?.remove();
  if (!notice) return;
  notice.removeAttribute('role'); // it is said once, below
  document.querySelector('header.top').after(notice);
  announce(notice.textContent.trim());
}

document.addEventListener('submit', (event) => {
  if (!event.target.hasAttribute('data-in-place')) return;
  event.preventDefault();
  if (event.target.querySelector('[aria-busy]')) return;
  flip(event.target);
});

document.addEventListener('formdata', (event) => {
  if (event.target.method !== 'get') return;
  for (const [name, value] of [...event.formData]) {
    if (value === '') event.formData.delete(name);
  }
});
