// The error log is asked for times in UTC; who has a clock of their own types those of that.

const pad = (value) => String(value).padStart(2, '0');

// A time as an input of type datetime-local has it, by this machine's clock.
function local(at) {
  const day = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
  return `${day}T${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
}

for (const input of document.querySelectorAll('input[data-utc]')) {
  const label = document.querySelector(`label[for="${input.id}"]`);
  label.firstChild.textContent = label.firstChild.textContent.replace(' (UTC)', '');
  const at = new Date(`${input.value}Z`);
  if (input.value && !Number.isNaN(at.getTime())) input.value = local(at);
  input.form.addEventListener('formdata', (event) => {
    const typed = new Date(input.value);
    if (input.value && !Number.isNaN(typed.getTime())) event.formData.set(input.name, typed.toISOString().slice(0, input.value.length > 16 ? 19 : 16));
    else event.formData.delete(input.name);
  });
}
