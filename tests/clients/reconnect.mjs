// A pusher-js client for test_reconnect.py: tells, a line each, what happens to it while the server is restarted.

import { as, client } from './support.mjs';

const tell = (what) => console.log(JSON.stringify(what));

const cleanup = [];
const pusher = client({ after: (end) => cleanup.push(end) }, as('1'));
pusher.connection.bind('state_change', ({ current }) => tell({ state: current }));
for (const name of process.argv.slice(2)) {
  const channel = pusher.subscribe(name);
  channel.bind('pusher:subscription_succeeded', () => tell({ subscribed: name }));
  channel.bind('news', (data) => tell({ channel: name, data }));
}
process.stdin.resume().on('end', () => cleanup.forEach((end) => end()));
