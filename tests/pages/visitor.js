// A pusher-js client in a page, for test_transports.py. What happens to it is kept in `heard`.

const heard = [];
let pings = 0;
let pusher;

// pusher-js cannot tell SockJS which of its transports to use.
function restrictSockJS(transport) {
  const Original = SockJS;
  window.SockJS = function (url) {
    return new Original(url, null, { transports: [transport] });
  };
}

function connect(key, options) {
  pusher = new Pusher(key, {
    ...options,
    channelAuthorization: {
      customHandler: ({ socketId, channelName }, callback) =>
        authorize(socketId, channelName).then((answer) => callback(null, answer)),
    },
    userAuthentication: {
      customHandler: ({ socketId }, callback) => authenticate(socketId).then((answer) => callback(null, answer)),
    },
  });
  pusher.connection.bind('state_change', ({ current }) => heard.push({ state: current }));
  pusher.connection.bind('error', ({ error, data }) => heard.push({ error: (data ?? error.data)?.code }));
  pusher.connection.bind('message', ({ event }) => event === 'pusher:ping' && heard.push({ ping: ++pings }));
  pusher.user.bind_global((event, data) => heard.push({ user: event, data }));
  for (const status of ['online', 'offline'])
    pusher.user.watchlist.bind(status, ({ user_ids }) => heard.push({ watchlist: status, ids: user_ids }));
}

function subscribe(name) {
  const channel = pusher.subscribe(name);
  channel.bind_global((event, data) => {
    if (event === 'pusher:subscription_succeeded' && data.members) data = Object.keys(data.members).sort();
    heard.push({ channel: name, event, data });
  });
  channel.bind('client-hello', (_, { user_id }) => heard.push({ channel: name, event: 'from', data: user_id }));
}
