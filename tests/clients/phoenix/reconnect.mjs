// A client of each kind for test_reconnect.py: tells, a line each, what happens to them while the server is restarted.

import { clients, connected, presence, topicOf } from './support.mjs';

const tell = (what) => console.log(JSON.stringify(what));

const [name] = process.argv.slice(2);
const cleanup = [];

for (const [number, client] of clients.entries()) {
  const socket = await connected({ after: (end) => cleanup.push(end) }, client, { uid: `user-${number}` });
  const channel = socket.channel(topicOf(name), {});
  const who = presence(client, channel);
  let joins = 0;
  channel.join().receive('ok', () => tell({ joined: client.name, times: ++joins }));
  channel.on('news', (payload) => tell({ heard: client.name, payload, present: who.ids().length }));
}
process.stdin.resume().on('end', () => cleanup.forEach((end) => end()));
