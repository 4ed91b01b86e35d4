// The chat of the home page: visitors side by side, each with a client of its own.

'use strict';

const ANIMALS = ['badger', 'cricket', 'heron', 'lynx', 'marten', 'otter', 'puffin', 'raven', 'stoat', 'wren'];
const SHOWN = 12; // names; more are counted

const trouble = document.getElementById('trouble');

// Asks who this visitor may be: an application's key, and a token for this uid in the general channel alone.
async function session(uid) {
  const response = await fetch(`/demo/session?${new URLSearchParams({ uid })}`);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.errors.detail);
  return answer;
}

function newName(not) {
  const [animal, suffix] = crypto.getRandomValues(new Uint16Array(2));
  const name = ANIMALS[animal % ANIMALS.length];
  return not?.startsWith(name) ? newName(not) : `${name}-${suffix.toString(16).padStart(4, '0')}`;
}

class Visitor {
  constructor(uid, place) {
    this.uid = uid;
    const window = document.getElementById('window').content.cloneNode(true);
    const [find, all] = [(selector) => window.querySelector(selector), window.querySelectorAll('button')];
    this.state = find('.state');
    this.count = find('.count');
    this.names = find('.names');
    this.messages = find('.messages');
    this.toOne = find('.to-one');
    this.buttons = [...all];
    find('.name').textContent = uid;
    find('.window').setAttribute('aria-label', `Window of ${uid}`);
    this.messages.setAttribute('aria-label', `What ${uid} hears`);
    find('.to-all input').setAttribute('aria-label', `${uid}, to all`);
    this.toOne.elements.uid.setAttribute('aria-label', `Whom ${uid} speaks to`);
    this.toOne.elements.message.setAttribute('aria-label', `${uid}, to one`);
    find('.to-all').addEventListener('submit', (event) => this.submit(event, (message) => this.sayToAll(message)));
    this.toOne.elements.uid.addEventListener('change', ({ target }) => (this.chosen = target.value));
    this.toOne.addEventListener('submit', (event) => this.submit(event, (message) => this.sayToOne(message)));
    this.tell('Connecting…');
    place.append(window);
  }

  connect({ app_key, jwt }) {
    const pusher = new PusherLite(app_key, {
      jwt,
      uniqueUserId: this.uid,
      onSocketError: () => this.renew(),
    });
    pusher.socket.onClose(() => this.tell('Connecting again…'));
    const general = pusher.subscribe('general', {
      onSuccess: () => this.tell('Connected', true),
      onError: ({ reason }) => this.tell(reason),
    });
    general.bind('new_message', ({ name, message }) => this.show(name, message, name === this.uid ? 'own' : ''));
    general.presenceState = general.presenceDiff = () => this.showPresent(Object.keys(general.getPresence()));
    pusher
      .subscribeDirect({ onError: ({ reason }) => this.tell(reason) })
      .bind('private_message', ({ from_uid, message }) => this.show(`${from_uid}, to you alone`, message, 'direct'));
    pusher.joinAll();
    this.pusher = pusher;
    this.general = general;
  }

  // A token lasts a while, and the application as long as the server: the next connection is made with what holds now.
  async renew() {
    this.tell('Connecting again…');
    try {
      const answer = await session(this.uid);
      if (answer.app_key === this.pusher.appKey) {
        this.pusher.jwt = answer.jwt;
      } else {
        this.pusher.disconnect();
        this.connect(answer);
      }
    } catch (error) {
      this.tell(`Connecting again… (${error.message})`);
    }
  }

  submit(event, say) {
    event.preventDefault();
    const { message } = event.target.elements;
    const text = message.value.trim();
    message.value = '';
    if (text !== '') say(text).receive('error', ({ reason }) => this.show('Not sent', reason, 'refused'));
  }

  sayToAll(message) {
    return this.general.trigger('new_message', { name: this.uid, message });
  }

  sayToOne(message) {
    const uid = this.toOne.elements.uid.value;
    this.show(`You, to ${uid} alone`, message, 'direct');
    return this.pusher.triggerDirect('private_message', { message }, uid);
  }

  tell(state, isConnected = false) {
    this.state.textContent = state;
    this.state.classList.toggle('is-connected', isConnected);
    for (const button of this.buttons) button.disabled = !isConnected;
  }

  show(who, message, kind) {
    const line = document.createElement('li');
    const name = document.createElement('strong');
    name.textContent = `${who}: `;
    line.append(name, String(message));
    if (kind) line.className = kind;
    this.messages.firstElementChild.append(line);
    this.messages.scrollTop = this.messages.scrollHeight;
  }

  showPresent(uids) {
    const shown = uids.slice(0, SHOWN);
    const more = uids.length - shown.length;
    this.count.textContent = uids.length === 1 ? 'One' : uids.length;
    this.names.textContent = uids.length ? `: ${shown.join(', ')}${more ? ` and ${more} more` : ''}` : '';
    const { uid: select } = this.toOne.elements;
    const chosen = uids.includes(this.chosen) ? this.chosen : this.neighbour;
    const others = uids.filter((uid) => uid !== this.uid);
    const options = others.map((uid) => new Option(uid, uid, false, uid === chosen));
    select.replaceChildren(...(options.length ? options : [new Option('Nobody else is here', '')]));
  }
}

async function start() {
  const place = document.getElementById('windows');
  trouble.textContent = '';
  const uids = [newName()];
  while (uids.length < Number(place.dataset.count)) uids.push(newName(uids.at(-1)));
  let sessions;
  try {
    sessions = await Promise.all(uids.map(session));
  } catch (error) {
    trouble.textContent = error.message;
    return;
  }
  const visitors = uids.map((uid) => new Visitor(uid, place));
  for (const [index, visitor] of visitors.entries()) {
    visitor.neighbour = uids[1 - index]; // undefined for who is alone on the page
    visitor.connect(sessions[index]);
  }
}

start();
