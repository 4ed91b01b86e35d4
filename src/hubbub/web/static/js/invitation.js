// The link of an invitation leads straight to it: its code goes from the address into the form, which is sent at once.

const field = document.querySelector('input[data-from-fragment]');

function take() {
  if (!field || location.hash.length < 2) return;
  field.value = location.hash.slice(1);
  history.replaceState(null, '', location.pathname);
  field.form.requestSubmit();
}

addEventListener('hashchange', take); // the link was opened where the page was open already
take();
