"""Snippets of an application's own server that let its users into private and presence channels.

Pure. They sign with the server libraries, and leave open who is signed in: that is for the application to say.
"""

from typing import Final

from hubbub.snippets.recipe import Recipe, Snippet
from hubbub.snippets.target import Target

_FLASK: Final = """\
import pusher
from flask import Flask, abort, request

app = Flask(__name__)
client = pusher.Pusher(
    app_id=%APP_ID%,
    key=%KEY%,
    secret=%SECRET%,
    host=%HOST%,
    port=%PORT%,
    ssl=%SECURE%,
)


@app.post('/pusher/auth')
def authorize():
    user = {'user_id': 'john', 'user_info': {'name': 'John'}}  # who is signed in to your application
    channel, socket_id = request.form['channel_name'], request.form['socket_id']
    if channel == 'presence-room':
        return client.authenticate(channel, socket_id, user)
    if channel == 'private-orders':
        return client.authenticate(channel, socket_id)
    abort(403)
"""

_EXPRESS: Final = """\
import express from 'express';
import Pusher from 'pusher';

const pusher = new Pusher({
  appId: %APP_ID%,
  key: %KEY%,
  secret: %SECRET%,
  host: %HOST%,
  port: %PORT_TEXT%,
  useTLS: %SECURE%,
});
const app = express();

app.post('/pusher/auth', express.urlencoded({ extended: false }), (request, response) => {
  const user = { user_id: 'john', user_info: { name: 'John' } }; // who is signed in to your application
  const { channel_name: channel, socket_id: socketId } = request.body;
  if (channel === 'presence-room') response.send(pusher.authorizeChannel(socketId, channel, user));
  else if (channel === 'private-orders') response.send(pusher.authorizeChannel(socketId, channel));
  else response.sendStatus(403);
});

app.listen(3000);
"""

_PHP: Final = """\
<?php
require __DIR__ . '/vendor/autoload.php';

$pusher = new Pusher\\Pusher(%KEY%, %SECRET%, %APP_ID%);
$user = ['id' => 'john', 'name' => 'John']; // who is signed in to your application
$channel = $_POST['channel_name'];
$socketId = $_POST['socket_id'];

header('Content-Type: application/json');
if ($channel === 'presence-room') {
    echo $pusher->authorizePresenceChannel($channel, $socketId, $user['id'], ['name' => $user['name']]);
} elseif ($channel === 'private-orders') {
    echo $pusher->authorizeChannel($channel, $socketId);
} else {
    http_response_code(403);
}
"""

_RECIPES: Final = (
    Recipe(name="flask", label="Python, Flask", language="python", text=_FLASK, install="pip install flask pusher"),
    Recipe(
        name="express",
        label="Node, Express",
        language="javascript",
        text=_EXPRESS,
        install="npm install express pusher",
    ),
    Recipe(
        name="php-endpoint",
        label="PHP",
        language="php",
        text=_PHP,
        install="composer require pusher/pusher-php-server",
        note="The script that answers /pusher/auth.",
    ),
)


def authorizing(target: Target) -> tuple[Snippet, ...]:
    """Give the snippets that authorize subscriptions."""
    return tuple(recipe.fill(target) for recipe in _RECIPES)
