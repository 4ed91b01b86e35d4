"""Snippets that publish.

Pure. Knows the server libraries, and the two HTTP APIs. Does not know the client libraries.
"""

from typing import Final

from hubbub.snippets.recipe import Recipe, Snippet
from hubbub.snippets.target import Target

_CURL: Final = """\
body='{"name":"%RAW_EVENT%","channel":"%RAW_CHANNEL%","data":"{\\"text\\":\\"%RAW_TEXT%\\"}"}'
md5=$(printf %s "$body" | openssl dgst -md5 -r | cut -d" " -f1)
query="auth_key=%RAW_KEY%&auth_timestamp=$(date +%s)&auth_version=1.0&body_md5=$md5"
sig=$(printf "POST\\n/apps/%RAW_ID%/events\\n%s" "$query" | openssl dgst -sha256 -hmac %SECRET% -r | cut -d" " -f1)
url="%URL%/apps/%RAW_ID%/events?$query&auth_signature=$sig"
curl -sS -w "\\n" -X POST -H "Content-Type: application/json" -d "$body" "$url"
"""

_API: Final = """\
TOKEN='PASTE AN API TOKEN OF YOURS'
JWT=$(curl -sS -d "token=$TOKEN" %URL%/api/session | sed 's/.*"jwt":"\\([^"]*\\)".*/\\1/')
url='%URL%/api/organizations/%SLUG%/applications/%RAW_KEY%/event/%RAW_EVENT%'
body='{"topic":"%RAW_CHANNEL%","text":"%RAW_TEXT%"}'
curl -sS -w "%{http_code}\\n" -H "Authorization: Bearer $JWT" -H "Content-Type: application/json" -d "$body" "$url"
"""

_PYTHON: Final = """\
import pusher

client = pusher.Pusher(
    app_id=%APP_ID%,
    key=%KEY%,
    secret=%SECRET%,
    host=%HOST%,
    port=%PORT%,
    ssl=%SECURE%,
)
client.trigger(%CHANNEL%, %EVENT%, {'text': %TEXT%})
"""

_NODE: Final = """\
import Pusher from 'pusher';

const pusher = new Pusher({
  appId: %APP_ID%,
  key: %KEY%,
  secret: %SECRET%,
  host: %HOST%,
  port: %PORT_TEXT%,
  useTLS: %SECURE%,
});
await pusher.trigger(%CHANNEL%, %EVENT%, { text: %TEXT% });
"""

_PHP: Final = """\
<?php
require __DIR__ . '/vendor/autoload.php';

$pusher = new Pusher\\Pusher(%KEY%, %SECRET%, %APP_ID%, [
    'host' => %HOST%,
    'port' => %PORT%,
    'scheme' => %SCHEME%,
    'useTLS' => %SECURE%,
]);
$pusher->trigger(%CHANNEL%, %EVENT%, ['text' => %TEXT%]);
"""

_LARAVEL: Final = """\
BROADCAST_CONNECTION=pusher
PUSHER_APP_ID=%APP_ID%
PUSHER_APP_KEY=%KEY%
PUSHER_APP_SECRET=%SECRET%
PUSHER_HOST=%HOST%
PUSHER_PORT=%PORT%
PUSHER_SCHEME=%SCHEME%
PUSHER_APP_CLUSTER=self

VITE_PUSHER_APP_KEY="${PUSHER_APP_KEY}"
VITE_PUSHER_HOST="${PUSHER_HOST}"
VITE_PUSHER_PORT="${PUSHER_PORT}"
VITE_PUSHER_SCHEME="${PUSHER_SCHEME}"
VITE_PUSHER_APP_CLUSTER="${PUSHER_APP_CLUSTER}"
"""

_RUBY: Final = """\
require 'pusher'

pusher = Pusher::Client.new(
  app_id: %APP_ID%,
  key: %KEY%,
  secret: %SECRET%,
  host: %HOST%,
  port: %PORT%,
  scheme: %SCHEME%
)
pusher.trigger(%CHANNEL%, %EVENT%, { text: %TEXT% })
"""

_GO: Final = """\
package main

import (
	"log"

	"github.com/pusher/pusher-http-go/v5"
)

func main() {
	client := pusher.Client{
		AppID:  %APP_ID%,
		Key:    %KEY%,
		Secret: %SECRET%,
		Host:   %ADDRESS%,
		Secure: %SECURE%,
	}
	if err := client.Trigger(%CHANNEL%, %EVENT%, map[string]string{"text": %TEXT%}); err != nil {
		log.Fatal(err)
	}
}
"""

_JAVA: Final = """\
import com.pusher.rest.Pusher;
import java.util.Map;

public class Publish {
    public static void main(String[] arguments) {
        Pusher pusher = new Pusher(%APP_ID%, %KEY%, %SECRET%);
        pusher.setHost(%ADDRESS%);
        pusher.setEncrypted(%SECURE%);
        System.out.println(pusher.trigger(%CHANNEL%, %EVENT%, Map.of("text", %TEXT%)).getStatus());
    }
}
"""

CURL: Final = Recipe(
    name="curl",
    label="curl",
    language="bash",
    text=_CURL,
    note="Signed with the secret, as all libraries do it: any shell with curl and openssl will do.",
)

_RECIPES: Final = (
    CURL,
    Recipe(
        name="api",
        label="curl, with a token",
        language="bash",
        text=_API,
        note="Without signing: by the JSON API, with an API token of your account. 204 is yes.",
        needs_organization=True,
    ),
    Recipe(name="python", label="Python", language="python", text=_PYTHON, install="pip install pusher"),
    Recipe(
        name="node",
        label="Node",
        language="javascript",
        text=_NODE,
        install="npm install pusher",
        note="An ES module: save it as publish.mjs, and run node publish.mjs.",
    ),
    Recipe(name="php", label="PHP", language="php", text=_PHP, install="composer require pusher/pusher-php-server"),
    Recipe(
        name="laravel",
        label="Laravel",
        language="dotenv",
        text=_LARAVEL,
        install="composer require pusher/pusher-php-server",
        note="Into .env; config/broadcasting.php reads all of it. In an application of Laravel 10 the first line is"
        " BROADCAST_DRIVER=pusher.",
    ),
    Recipe(name="ruby", label="Ruby", language="ruby", text=_RUBY, install="gem install pusher"),
    Recipe(name="go", label="Go", language="go", text=_GO, install="go get github.com/pusher/pusher-http-go/v5"),
    Recipe(
        name="java",
        label="Java",
        language="java",
        text=_JAVA,
        install="com.pusher:pusher-http-java:1.3.1",
        note="With Maven or Gradle, by the coordinates above.",
    ),
)


def publishing(target: Target) -> tuple[Snippet, ...]:
    """Give the snippets that publish."""
    return tuple(recipe.fill(target) for recipe in _RECIPES if target.organization or not recipe.needs_organization)
