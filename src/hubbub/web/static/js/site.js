// What all pages have in common: light or dark, copying, times as the reader's clock has them, questions before what
// cannot be taken back, tabs, and tokens of letters, which come behind the # and never reach a log.

const root = document.documentElement;

function switchTheme() {
  const isDark = root.dataset.theme
    ? root.dataset.theme === 'dark'
    : matchMedia('(prefers-color-scheme: dark)').matches;
  root.dataset.theme = isDark ? 'light' : 'dark';
  document.cookie = `hubbub_theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax`;
  document.dispatchEvent(new CustomEvent('hubbub:theme'));
}

for (const button of document.querySelectorAll('[data-theme-switch]')) {
  button.hidden = false;
  button.addEventListener('click', switchTheme);
}

// Says something to who does not see the page.
export function announce(text) {
  let region = document.getElementById('said');
  if (!region) {
    region = document.createElement('p');
    region.id = 'said';
    region.className = 'hidden-text';
    region.setAttribute('role', 'status');
    document.body.append(region);
  }
  region.textContent = '';
  requestAnimationFrame(() => (region.textContent = text));
}

async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    // Without TLS a page has no clipboard, only the old way.
    const area = document.createElement('textarea');
    area.value = button.dataset.copy;
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
    button.focus();
  }
  announce('Copied');
  button.classList.add('good');
  setTimeout(() => button.classList.remove('good'), 1500);
}

// Makes what a script has just put into the page work like the rest.
export function enliven(within) {
  for (const button of within.querySelectorAll('[data-copy]')) button.hidden = false;
  for (const time of within.querySelectorAll('time[datetime]')) localise(time);
}

const near = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });
const far = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const STEPS = [['second', 60], ['minute', 60], ['hour', 24], ['day', 7]];

function localise(time) {
  const at = new Date(time.dateTime);
  if (Number.isNaN(at.getTime())) return;
  time.title = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' }).format(at);
  let distance = (at.getTime() - Date.now()) / 1000;
  if (time.hasAttribute('data-exact')) {
    time.textContent = exact.format(at);
    return;
  }
  for (const [unit, most] of STEPS) {
    if (Math.abs(distance) < most) {
      time.textContent = near.format(Math.round(distance), unit);
      return;
    }
    distance /= most;
  }
  time.textContent = far.format(at);
}

// <form data-ask="ID"> is sent when the dialog of that id has been answered.
function ask(event) {
  const form = event.target;
  const dialog = form.dataset.ask && document.getElementById(form.dataset.ask);
  if (!dialog || event.submitter?.hasAttribute('data-confirmed')) return;
  event.preventDefault();
  dialog.showModal();
}

function selectTab(tab) {
  for (const one of tab.closest('[role=tablist]').querySelectorAll('[role=tab]')) {
    const isSelected = one === tab;
    one.setAttribute('aria-selected', String(isSelected));
    one.tabIndex = isSelected ? 0 : -1;
    document.getElementById(one.getAttribute('aria-controls')).hidden = !isSelected;
  }
}

function moveTab(event) {
  const tabs = [...event.target.closest('[role=tablist]').querySelectorAll('[role=tab]')];
  const at = tabs.indexOf(event.target);
  const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: tabs.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  const tab = tabs[(to + tabs.length) % tabs.length];
  selectTab(tab);
  tab.focus();
}

for (const list of document.querySelectorAll('[role=tablist]')) {
  const tabs = list.querySelectorAll('[role=tab]');
  for (const tab of tabs) {
    tab.addEventListener('click', () => selectTab(tab));
    tab.addEventListener('keydown', moveTab);
  }
  list.hidden = false;
  selectTab(list.querySelector('[aria-selected=true]') ?? tabs[0]);
}

document.addEventListener('submit', ask);
document.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (button?.dataset.copy !== undefined) copy(button);
  if (button?.hasAttribute('data-close')) button.closest('dialog').close();
  for (const menu of document.querySelectorAll('details.menu[open]')) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return;
  for (const menu of document.querySelectorAll('details.menu[open]')) {
    menu.open = false;
    menu.querySelector('summary').focus();
  }
});

// A select or a box that is all of a form sends it by itself.
document.addEventListener('change', (event) => {
  if (event.target.hasAttribute('data-sends')) event.target.form.requestSubmit();
});

// The token of a letter goes from the address into the form, and out of the address.
const awaited = document.querySelector('input[data-from-fragment]');

function takeToken() {
  if (!awaited || location.hash.length < 2) return;
  awaited.value = location.hash.slice(1);
  history.replaceState(null, '', location.pathname + location.search);
  const hidden = awaited.closest('[data-token-field]');
  if (hidden) hidden.hidden = true;
}

addEventListener('hashchange', takeToken); // the link was opened where the page was open already
takeToken();

// A table that is scrolled sideways, and has nothing in it to go to, is gone to itself.
function reachTables() {
  for (const wrap of document.querySelectorAll('.table-wrap')) {
    const isScrolled = wrap.scrollWidth > wrap.clientWidth && !wrap.querySelector('a, button, input, select');
    if (isScrolled) wrap.tabIndex = 0;
    else wrap.removeAttribute('tabindex');
  }
}

addEventListener('resize', reachTables);
reachTables();

// On a phone the pages of an application stand in a row that is scrolled: to the one that is open.
const here = document.querySelector('.side [aria-current=page]');
const row = here?.closest('nav');
if (row && row.scrollWidth > row.clientWidth) {
  row.scrollLeft = here.offsetLeft - (row.clientWidth - here.offsetWidth) / 2;
}

enliven(document);
