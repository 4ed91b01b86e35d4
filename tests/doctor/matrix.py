"""The matrix: a deployment that is wrong in one way, and what the doctor must find, and nothing else.

Each case of a proxy is what stands in its configuration. What nodes are set to wrongly, and what is no proxy's fault,
is in the tests.
"""

from typing import NamedTuple

from doctor.crooked import FIRST, FORWARDED, HEADERS, PASS, certified

GOOD = certified("good")
BARE = HEADERS.replace("proxy_set_header X-Forwarded-For $remote_addr;\n", "").replace(
    "proxy_set_header X-Forwarded-Proto $scheme;\n", ""
)


HELD_BACK = {"stream-held", "stream-compressed", "socket-silent", "events-lost", "large-event-lost"}
SHORT = 3.0
LONG = 15.0


class Case(NamedTuple):
    """`body` is configuration; `found` the codes; `prefix` the path of the address; `source` where from."""

    body: str
    found: frozenset[str]
    prefix: str = ""
    source: str | None = None
    scheme: str = ""
    """The scheme to ask by, unless it is the one that the body makes."""
    watches: bool = False
    """Whether a silent socket is watched."""
    status: int | None = None
    """How the command ends; None where it is not the command that looks."""

    @property
    def patience(self) -> float:
        """Seconds: few only where what is held back is waited for."""
        return SHORT if self.found & HELD_BACK else LONG


def case(
    body: str, *found: str, prefix: str = "", source: str | None = None, scheme: str = "", watches: bool = False
) -> Case:
    """Make one."""
    return Case(body, frozenset(found), prefix, source, scheme, watches)


def ending(status: int, body: str, *found: str) -> Case:
    """Make one that the command looks at, which ends so."""
    return Case(body, frozenset(found), status=status)


def without(text: str, line: str) -> str:
    """Take a line out that must be there."""
    assert line in text
    return text.replace(line, "")


NGINX = {
    "good": case(HEADERS + PASS),
    "good-tls": case(GOOD + HEADERS + PASS),
    # TLS
    "expired": case(certified("expired") + HEADERS + PASS, "certificate-expired"),
    "early": case(certified("early") + HEADERS + PASS, "certificate-early"),
    "ending": case(certified("ending") + HEADERS + PASS, "certificate-ending"),
    "other-name": case(certified("other") + HEADERS + PASS, "certificate-name"),
    "self-signed": case(certified("self-signed") + HEADERS + PASS, "certificate-self-signed"),
    "incomplete": case(certified("incomplete") + HEADERS + PASS, "chain-incomplete"),
    "unknown": case(certified("unknown") + HEADERS + PASS, "authority-unknown"),
    "old": case(GOOD + "ssl_protocols TLSv1.1;\nssl_ciphers ALL:@SECLEVEL=0;\n" + HEADERS + PASS, "tls-old"),
    "no-name": case("ssl_reject_handshake on;\n", "tls-failed", scheme="https"),
    "plain": case(HEADERS + PASS, "tls-on-plain", scheme="https"),
    "encrypted": case(GOOD + HEADERS + PASS, "plain-on-tls", scheme="http"),
    # What answers
    "nobody": case(HEADERS + "location / { proxy_pass http://nobody; }\n", "server-away"),
    "elsewhere": case('location / { default_type text/html; return 200 "<html>Hello</html>"; }\n', "path-not-passed"),
    "half": case(
        HEADERS + "location /app/ { proxy_pass http://first; }\nlocation / { return 404; }\n", "path-not-passed"
    ),
    "redirect": case("location / { return 301 https://$host$request_uri; }\n", "redirected"),
    "redirect-of-requests": case(
        HEADERS + PASS + "location /apps/ { return 301 https://$host$request_uri; }\n", "redirected"
    ),
    "login": case(HEADERS + 'auth_basic "somebody"; auth_basic_user_file FOLDER/passwords;\n' + PASS, "login-asked"),
    "no-posts": case(
        HEADERS + "location / { if ($request_method = POST) { return 403; } proxy_pass http://first; }\n", "blocked"
    ),
    "few": case(
        HEADERS + "location / { limit_req zone=few burst=3 nodelay; proxy_pass http://first; }\n", "rate-limited"
    ),
    # Sockets
    "no-upgrade": case(
        without(HEADERS, "proxy_set_header Upgrade $http_upgrade;\nproxy_set_header Connection $connection_upgrade;\n")
        + PASS,
        "upgrade-stripped",
    ),
    "http-1.0": case("proxy_http_version 1.0;\n" + HEADERS + PASS, "upgrade-stripped"),
    "impatient": case("proxy_read_timeout 1s;\n" + HEADERS + PASS, "idle-cut", watches=True),
    # The signed API
    "prefix": case(
        HEADERS + "location /realtime/ { proxy_pass http://first/; }\n", "path-rewritten", prefix="/realtime"
    ),
    "decoding": case(HEADERS + "location / { proxy_pass http://first/; }\n", "path-rewritten"),
    "query": case(
        HEADERS + PASS + "location /apps/ { rewrite ^(.*)$ $1?tracked=1 break; proxy_pass http://first; }\n",
        "query-rewritten",
    ),
    "small-bodies": case(
        without(HEADERS, "client_max_body_size 1m;\n") + "client_max_body_size 32k;\n" + PASS, "body-limit"
    ),
    # What is larger than nginx's buffer is in a file, and not in this variable: the server sees nothing.
    "copied-bodies": ending(
        1, HEADERS + "location / { proxy_pass http://first; proxy_set_body $request_body; }\n", "body-changed"
    ),
    "bodies-left-out": ending(
        1,
        HEADERS + PASS + "location /apps/ { proxy_pass http://first; proxy_pass_request_body off;"
        ' proxy_set_header Content-Length ""; proxy_set_header X-Forwarded-For $remote_addr;'
        " proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto $scheme; }\n",
        "body-changed",
    ),
    "split": case(HEADERS + "location / { proxy_pass http://both; }\n", "cluster-split"),
    "apart": case(HEADERS + PASS + "location /apps/ { proxy_pass http://second; }\n", "events-lost"),
    # What the server sees
    "no-proto": case(
        GOOD
        + without(HEADERS, "proxy_set_header X-Forwarded-Proto $scheme;\n")
        + 'proxy_set_header X-Forwarded-Proto "";\n'
        + PASS,
        "proto-not-passed",
    ),
    "no-proto-strict": case(
        GOOD
        + without(HEADERS, "proxy_set_header X-Forwarded-Proto $scheme;\n")
        + 'proxy_set_header X-Forwarded-Proto "";\nlocation / { proxy_pass http://strict; }\n',
        "proto-not-passed",
    ),
    "no-address": case(
        without(HEADERS, "proxy_set_header X-Forwarded-For $remote_addr;\n")
        + 'proxy_set_header X-Forwarded-For "";\n'
        + PASS,
        "address-not-passed",
    ),
    "not-trusted": case(GOOD + HEADERS + "location / { proxy_pass http://distrustful; }\n", "proxy-untrusted"),
    "believing": case(BARE + PASS, "client-believed", source="127.0.0.9"),
    # Where no WebSocket gets through
    "compressing": case(
        HEADERS + PASS + "location /pusher/ { proxy_pass http://first; proxy_buffering on; gzip on; gzip_types *;"
        " proxy_ignore_headers X-Accel-Buffering; }\n",
        "stream-compressed",
    ),
    "sessions-apart": case(HEADERS + PASS + "location /pusher/ { proxy_pass http://both; }\n", "session-lost"),
    "no-cors": case(HEADERS + PASS + "proxy_hide_header Access-Control-Allow-Origin;\n", "cors-missing"),
    "two-cors": case(HEADERS + PASS + "add_header Access-Control-Allow-Origin *;\n", "cors-doubled"),
}

HAPROXY = {
    "good": case(FORWARDED + FIRST),
    "no-upgrade": case(
        "http-request del-header Upgrade\nhttp-request del-header Connection\n" + FORWARDED + FIRST, "upgrade-stripped"
    ),
    "impatient": case("timeout tunnel 1s\n" + FORWARDED + FIRST, "idle-cut", watches=True),
    "nobody": case("server one NODE_NOBODY\n", "server-away"),
    "http2": case("bind ssl crt FOLDER/good.pem alpn h2 proto h2\n" + FORWARDED + FIRST, "http2-only", scheme="https"),
    "redirect": case("http-request redirect scheme https code 302\n" + FIRST, "redirected"),
    "login": case("http-request auth unless { http_auth(people) }\n" + FIRST, "login-asked"),
    "prefix": case(
        "http-request replace-path ^/realtime(/.*) \\1\n" + FORWARDED + FIRST, "path-rewritten", prefix="/realtime"
    ),
    "query": case("http-request set-query %[query,url_dec]\n" + FORWARDED + FIRST, "query-rewritten"),
    "small-bodies": case(
        "http-request deny deny_status 413 if { req.body_size gt 65536 }\n" + FORWARDED + FIRST, "body-limit"
    ),
    "few": case(
        "stick-table type ip size 1k expire 1m store http_req_rate(1m)\nhttp-request track-sc0 src\n"
        "http-request deny deny_status 429 if { sc_http_req_rate(0) gt 4 }\n" + FORWARDED + FIRST,
        "rate-limited",
    ),
    "no-address": case(
        without(FORWARDED, "http-request set-header X-Forwarded-For %[src]\n")
        + "http-request del-header X-Forwarded-For\n"
        + FIRST,
        "address-not-passed",
    ),
    "split": case(FORWARDED + "balance roundrobin\nserver one NODE_FIRST\nserver two NODE_SECOND\n", "cluster-split"),
    "buffering": case("http-response wait-for-body time 20s\n" + FORWARDED + FIRST, "stream-held"),
    # Who inspects sockets ends those on which something large is said, or waits for more of it than it can hold.
    "ending-large": ending(1, "mode tcp\nfilter lua.ends\n" + FIRST, "large-event-lost"),
    "holding-large": ending(1, "mode tcp\nfilter lua.hangs\n" + FIRST, "large-event-lost"),
    # Publishes come by a port that first listens for a while what they are.
    "inspecting": ending(
        0,
        FORWARDED
        + "use_backend inspected if { path_end /events }\n"
        + FIRST
        + "backend inspected\nserver inspector unix@FOLDER/inspector\n"
        "listen inspector\nmode tcp\nbind unix@FOLDER/inspector\n"
        "tcp-request inspect-delay 1100ms\ntcp-request content accept if WAIT_END\n" + FIRST,
        "events-late",
    ),
}

CADDY = {
    "good": case("reverse_proxy NODE_FIRST\n"),
    "good-tls": case("tls FOLDER/good.pem FOLDER/good.pem\nreverse_proxy NODE_FIRST\n"),
    "no-upgrade": case(
        "reverse_proxy NODE_FIRST {\n    header_up -Upgrade\n    header_up -Connection\n}\n", "upgrade-stripped"
    ),
    "nobody": case("reverse_proxy NODE_NOBODY\n", "server-away"),
    "prefix": case(
        "handle_path /realtime/* {\n    reverse_proxy NODE_FIRST\n}\n", "path-rewritten", prefix="/realtime"
    ),
    "small-bodies": case("request_body {\n    max_size 32KB\n}\nreverse_proxy NODE_FIRST\n", "body-limit"),
    "buffering": case(
        "handle /pusher/* {\n    reverse_proxy NODE_FIRST {\n        buffer_responses\n    }\n}\n"
        "handle {\n    reverse_proxy NODE_FIRST\n}\n",
        "stream-held",
    ),
    "buffering-all": case("reverse_proxy NODE_FIRST {\n    buffer_responses\n}\n", "socket-silent", "stream-held"),
    "half": case("handle /app/* {\n    reverse_proxy NODE_FIRST\n}\nhandle {\n    respond 404\n}\n", "path-not-passed"),
    "no-proto": case(
        "tls FOLDER/good.pem FOLDER/good.pem\nreverse_proxy NODE_FIRST {\n    header_up -X-Forwarded-Proto\n}\n",
        "proto-not-passed",
    ),
}
