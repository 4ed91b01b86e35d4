"""Every fault the doctor knows, in one table: what each is called, what it means, and what mends it.

Knows words. Does not know how one is seen. docs/doctor.md is made of this table.
"""

from textwrap import fill
from typing import Final

from hubbub.doctor.finding import Fault, Weight

WIDTH: Final = 120
"""Columns of a document."""

NGINX, HAPROXY, CADDY = "nginx", "HAProxy", "Caddy"

# How to get there

NAME_UNRESOLVED: Final = Fault(
    code="name-unresolved",
    title="The name leads nowhere",
    meaning="No address is known for the host's name, so no client finds the server.",
    remedy="Look for a slip in the address. Otherwise add an A (and, if you have IPv6, an AAAA) record for the name,"
    " and"
    " wait for as long as the old answer may be kept.",
)
ADDRESS_DEAD: Final = Fault(
    code="address-dead",
    title="One of the name's addresses does not answer",
    meaning="Clients choose among the addresses: some of them wait, or fail, while others are served.",
    remedy="Take the dead address out of the DNS, or start what should listen there, and let it through the firewall.",
)
IPV6_DEAD: Final = Fault(
    code="ipv6-dead",
    title="The name has IPv6 addresses, and none of them answers",
    meaning="Browsers fall back to IPv4 after a pause. Many servers' libraries do not: they wait until they give up.",
    remedy="Have the proxy listen on IPv6 too, and let it through the firewall, or take the AAAA record away.",
    lines={
        NGINX: "listen [::]:443 ssl;",
        HAPROXY: "bind :::443 v4v6 ssl crt /etc/haproxy/tls/",
        CADDY: "# listens on both, unless `bind` or `default_bind` says otherwise",
    },
)
REFUSED: Final = Fault(
    code="connection-refused",
    title="Nobody listens there",
    meaning="The machine is there and refuses the connection: no program has opened this port.",
    remedy="Start the server or the proxy, and compare the port. Hubbub listens on 127.0.0.1:4000 unless HUBBUB_HOST"
    " and"
    " HUBBUB_PORT say otherwise: from another machine 127.0.0.1 is not to be reached.",
)
UNREACHABLE: Final = Fault(
    code="connection-timeout",
    title="No connection comes about",
    meaning="Nothing answers, neither yes nor no: mostly a firewall that drops what comes, or a wrong address.",
    remedy="Open the port in the firewall, or the cloud's security group, and check that the name's address is this"
    " machine's.",
)

# TLS

TLS_ON_PLAIN: Final = Fault(
    code="tls-on-plain",
    title="The port does not speak TLS",
    meaning="The address says https, and what listens there answers without encryption.",
    remedy="Give the port a certificate, or use the port that has one. Without TLS pages of https sites cannot"
    " connect.",
    lines={
        NGINX: "listen 443 ssl;",
        HAPROXY: "bind :443 ssl crt /etc/haproxy/tls/",
        CADDY: "# name the site without http:// in front, and without port 80",
    },
)
PLAIN_ON_TLS: Final = Fault(
    code="plain-on-tls",
    title="The port speaks TLS, and the address does not",
    meaning="The address says http, and what listens there wants TLS: nobody is answered who comes without.",
    remedy="Use https:// and wss://: `forceTLS: true` in pusher-js, `ssl` or `useTLS` in servers' libraries.",
)
CERTIFICATE_EXPIRED: Final = Fault(
    code="certificate-expired",
    title="The certificate has expired",
    meaning="No browser and no library connects any more.",
    remedy="Renew it, and have the proxy load the new one; then find out why nobody did: a renewal that ran and was"
    " never"
    " loaded is the usual reason.",
    lines={
        NGINX: "certbot renew && nginx -s reload",
        HAPROXY: "systemctl reload haproxy",
        CADDY: "# look for `renew` in its log: port 80 or 443 must be reached from outside",
    },
)
CERTIFICATE_EARLY: Final = Fault(
    code="certificate-early",
    title="The certificate is not valid yet",
    meaning="It begins in the future: by the clock of this machine, or because the issuing machine's clock is wrong.",
    remedy="Compare this machine's clock with the true time. If it is right, have the certificate issued anew.",
)
CERTIFICATE_NAME: Final = Fault(
    code="certificate-name",
    title="The certificate is for another name",
    meaning="Who connects by this name cannot know that it is the right server, and breaks off.",
    remedy="Have a certificate issued for this name as well, or use a name that it has. Where a proxy has several, it"
    " may"
    " be showing its first one, because no site has this name.",
    lines={
        NGINX: "server_name ws.example.com;  # in the server block that has its certificate",
        HAPROXY: "bind :443 ssl crt /etc/haproxy/tls/  # a folder with a file for each name",
        CADDY: "ws.example.com {  # the site's name is the certificate's",
    },
)
CERTIFICATE_SELF_SIGNED: Final = Fault(
    code="certificate-self-signed",
    title="The certificate vouches for itself",
    meaning="Nobody has reason to trust it: browsers refuse the socket without asking.",
    remedy="Get one from an authority such as Let's Encrypt. For a network of your own make an authority, and install"
    " it"
    " in every client; name it here by --ca.",
)
CHAIN_INCOMPLETE: Final = Fault(
    code="chain-incomplete",
    title="The certificate's chain is incomplete",
    meaning="The server shows its own certificate without the one that vouches for it. Browsers often find that"
    " elsewhere; phones and servers' libraries do not, and break off.",
    remedy="Give the proxy the whole chain (fullchain.pem, not cert.pem): its certificate first, then each that vouches"
    " for the one before.",
    lines={
        NGINX: "ssl_certificate /etc/letsencrypt/live/NAME/fullchain.pem;",
        HAPROXY: "cat fullchain.pem privkey.pem > /etc/haproxy/tls/NAME.pem",
        CADDY: "tls /path/fullchain.pem /path/privkey.pem",
    },
)
AUTHORITY_UNKNOWN: Final = Fault(
    code="authority-unknown",
    title="The certificate's authority is not trusted here",
    meaning="The chain ends at an authority that this machine does not know: one of your own, or one that has been"
    " dropped.",
    remedy="If it is your own, name it by --ca, and install it where clients are. If not, get a certificate from an"
    " authority that browsers trust.",
)
TLS_OLD: Final = Fault(
    code="tls-old",
    title="Only old versions of TLS are spoken",
    meaning="Browsers and libraries of today ask for TLS 1.2 at least, and break off.",
    remedy="Let the proxy speak TLS 1.2 and 1.3.",
    lines={
        NGINX: "ssl_protocols TLSv1.2 TLSv1.3;",
        HAPROXY: "ssl-default-bind-options ssl-min-ver TLSv1.2  # and no ssl-max-ver",
        CADDY: "# speaks 1.2 and 1.3, unless `protocols` in a tls block says otherwise",
    },
)
TLS_FAILED: Final = Fault(
    code="tls-failed",
    title="TLS does not come about",
    meaning="The port takes connections, and the two sides do not agree on how to encrypt.",
    remedy="Look into the proxy's log for the same moment: mostly no certificate is set up for this name.",
)
HTTP2_ONLY: Final = Fault(
    code="http2-only",
    title="The port speaks HTTP/2 and nothing else",
    meaning="A WebSocket begins as HTTP/1.1, and so do requests of many libraries: they are all turned away.",
    remedy="Let the port offer HTTP/1.1 beside HTTP/2.",
    lines={
        NGINX: "listen 443 ssl http2;  # speaks both",
        HAPROXY: "bind :443 ssl crt /etc/haproxy/tls/ alpn h2,http/1.1  # and no `proto h2`",
        CADDY: "# take `alpn` out of the tls block",
    },
)
CERTIFICATE_ENDING: Final = Fault(
    code="certificate-ending",
    title="The certificate ends soon",
    meaning="Less than a fifth of its time, and less than two weeks, are left: by now it should have been renewed.",
    remedy="Look whether its renewal runs, and whether the proxy loads what it brings.",
    weight=Weight.REMARK,
)

# What answers

NOT_HTTP: Final = Fault(
    code="not-http",
    title="What answers is no web server",
    meaning="Something listens there and does not speak HTTP.",
    remedy="Compare the port with that of the proxy, or HUBBUB_PORT.",
)
UPSTREAM_DOWN: Final = Fault(
    code="server-away",
    title="The proxy answers, and has no server behind it",
    meaning="The proxy cannot reach a node of Hubbub, or takes none for well.",
    remedy="Start Hubbub, and compare the address that the proxy has with HUBBUB_HOST and HUBBUB_PORT. From a"
    " container,"
    " 127.0.0.1 is the container itself.",
    lines={
        NGINX: "server 127.0.0.1:4000;  # in upstream; `curl http://127.0.0.1:4000/health/ready` must answer there",
        HAPROXY: "server node1 127.0.0.1:4000 check",
        CADDY: "reverse_proxy 127.0.0.1:4000",
    },
)
NOT_PASSED: Final = Fault(
    code="path-not-passed",
    title="The path does not lead to the server",
    meaning="Somebody else answered, or the server without knowing the path: the proxy has other rules for it, or has"
    " changed it on the way.",
    remedy="Pass /app/, /apps/ and /pusher/ (and /socket/ for Phoenix clients) as they are. Best give the server a host"
    " name of its own, and pass everything.",
    lines={
        NGINX: "location / { proxy_pass http://hubbub; }  # no path behind the name",
        HAPROXY: "default_backend nodes",
        CADDY: "reverse_proxy node1:4000  # not within handle_path, which takes the path off",
    },
)
REDIRECTED: Final = Fault(
    code="redirected",
    title="Requests are sent elsewhere",
    meaning="A redirect is no answer for a socket, and libraries that publish do not follow one, or lose the body on"
    " the"
    " way: nothing is published.",
    remedy="Use the address that it leads to, in clients and in the application's server. Or let /app/, /apps/ and"
    " /pusher/ pass without a redirect.",
    lines={
        NGINX: "location ~ ^/(app|apps|pusher|socket)/ { proxy_pass http://hubbub; }  # beside the redirect",
        HAPROXY: "acl of_applications path_beg /app/ /apps/ /pusher/ /socket/\n"
        "http-request redirect scheme https unless { ssl_fc } or of_applications",
        CADDY: "http://ws.example.com {  # a site for http:// as well\n    reverse_proxy node1:4000\n}",
    },
)
LOGIN_ASKED: Final = Fault(
    code="login-asked",
    title="The proxy asks for a password",
    meaning="Clients and libraries have no password for a proxy: sockets and publishes are turned away.",
    remedy="Take the password away from /app/, /apps/ and /pusher/: sockets are guarded by keys, requests by"
    " signatures.",
    lines={
        NGINX: "auth_basic off;",
        HAPROXY: "http-request auth unless { path_beg /app/ /apps/ /pusher/ }",
        CADDY: "basicauth /private/* { … }  # not for all paths",
    },
)
BLOCKED: Final = Fault(
    code="blocked",
    title="Something on the way forbids it",
    meaning="A firewall for the web, or a rule of the proxy, answered with a page of its own.",
    remedy="Except /app/, /apps/ and /pusher/ from its rules: what is sent there is JSON, not a browser's form.",
)
RATE_LIMITED: Final = Fault(
    code="rate-limited",
    title="The proxy answers only so many requests",
    meaning="An application's server publishes from one address, as often as it has something to say; and all its users"
    " may come from one network. What is over the limit is lost.",
    remedy="Except /app/ and /apps/ from the proxy's limit, or raise it. Hubbub has limits of its own, for each"
    " application.",
    lines={
        NGINX: "# no limit_req and no limit_conn in the location of /app/ and /apps/",
        HAPROXY: "http-request deny deny_status 429 if too_many !{ path_beg /app/ /apps/ }",
        CADDY: "# no rate_limit for /app/* and /apps/*",
    },
)
ANSWER_UNKNOWN: Final = Fault(
    code="answer-unknown",
    title="The answer is not one that a Pusher server gives",
    meaning="Something on the way, or the server itself, answered in a way that libraries cannot make sense of.",
    remedy="Look into the logs of the proxy and of the server for the same moment.",
)
CUT: Final = Fault(
    code="cut",
    title="The connection is cut",
    meaning="It ended without a word: a process on the way was stopped, or a limit of it was reached.",
    remedy="Look into the logs of the proxy and of the server for the same moment.",
)
DRAINING: Final = Fault(
    code="draining",
    title="The node is stopping",
    meaning="It is leaving, and sends clients away. A balancer that asks /health/ready sends nobody there any more.",
    remedy="Try again when the restart is over. If it lasts, the balancer does not ask its nodes how they are.",
    lines={
        NGINX: "# asks nobody: HUBBUB_DRAIN_DELAY=0, so that the closed port tells it",
        HAPROXY: "option httpchk GET /health/ready",
        CADDY: "health_uri /health/ready",
    },
)
DEGRADED: Final = Fault(
    code="degraded",
    title="The server misses something that it needs",
    meaning="Redis or the database is away. Who is connected stays, and hears what comes by the same node.",
    remedy="Look after what is named; Hubbub goes on by itself when it is back.",
    weight=Weight.REMARK,
)

# Sockets

UPGRADE_STRIPPED: Final = Fault(
    code="upgrade-stripped",
    title="The proxy does not pass WebSockets",
    meaning="The request came to the server without the headers that make a socket of it (Upgrade and Connection), or"
    " as"
    " HTTP/1.0. Browsers then try the slower ways, other clients never connect.",
    remedy="Have the proxy speak HTTP/1.1 to the server, and pass both headers.",
    lines={
        NGINX: "proxy_http_version 1.1;\n"
        "proxy_set_header Upgrade $http_upgrade;\n"
        'proxy_set_header Connection "upgrade";',
        HAPROXY: "# passes them by itself: look for `http-request del-header Upgrade` or `Connection`",
        CADDY: "# passes them by itself: look for `header_up -Upgrade` or `header_up -Connection`",
    },
)
SOCKET_SILENT: Final = Fault(
    code="socket-silent",
    title="The socket opens, and nothing comes through it",
    meaning="The upgrade is answered, and the server's first message does not come: it is held back on the way.",
    remedy="Let the proxy pass a connection on as it is once it is a WebSocket; look for what buffers or inspects it.",
)
KEY_UNKNOWN: Final = Fault(
    code="key-unknown",
    title="No application has this key",
    meaning="The server is reached, and does not know the key: a slip in it, a revoked key, or another server's. At"
    " Pusher, the wrong cluster's host.",
    remedy="Take key and host from the same place: `hubbub app list` shows the keys, `hubbub app show ID` those of"
    " one.",
)
APP_DISABLED: Final = Fault(
    code="app-disabled",
    title="The application is disabled",
    meaning="Its sockets are closed, and its requests refused, until it is enabled again.",
    remedy="hubbub app set ID enabled=true",
)
TLS_REQUIRED: Final = Fault(
    code="tls-required",
    title="The application takes connections over TLS only",
    meaning="Its setting force_tls is on, and the address says http.",
    remedy="Use https:// and wss://: `forceTLS: true` in pusher-js.",
)
ORIGIN_REFUSED: Final = Fault(
    code="origin-refused",
    title="Pages of this origin may not connect",
    meaning="The application names the origins whose pages may connect, and this is none of them.",
    remedy="hubbub app set ID allowed_origins=https://example.com,https://*.example.com (an origin is scheme, host and"
    " port, without a path)",
)
QUOTA_REACHED: Final = Fault(
    code="quota-reached",
    title="The application has as many connections as it may",
    meaning="Further clients are turned away, and do not come back by themselves.",
    remedy="Raise the limit (hubbub app set ID max_connections=…), or find out who keeps connections open.",
)
SERVER_FULL: Final = Fault(
    code="server-full",
    title="The server takes no more connections for now",
    meaning="It has as many as it may, cannot look the application up, or has too many of this address: clients are"
    " told"
    " to come back later.",
    remedy="Raise HUBBUB_MAX_CONNECTIONS and the limit on open files, or add a node. What it says names the limit.",
)
MESSAGE_LIMIT: Final = Fault(
    code="message-limit",
    title="A client's large message breaks the socket",
    meaning="A client event may be as large as the application's max_event_bytes, and the socket is closed for less.",
    remedy="Raise HUBBUB_MAX_MESSAGE_BYTES above max_event_bytes and 2000 more for its envelope; if that is so, look"
    " for"
    " a proxy that limits messages or frames.",
)
MESSAGE_LOST: Final = Fault(
    code="large-event-lost",
    title="A large event does not arrive",
    meaning="Small events arrive, one as large as the application may publish does not: something on the way cuts or"
    " drops large messages of a WebSocket.",
    remedy="Look for what inspects WebSockets on the way (a firewall for the web, a gateway) and raise its limit for"
    " messages and frames above the application's max_event_bytes.",
)
IDLE_CUT: Final = Fault(
    code="idle-cut",
    title="A silent socket is cut on the way",
    meaning="A proxy closes connections that say nothing for a while, before anybody has reason to say something. Each"
    " time clients connect anew, and miss what is published meanwhile.",
    remedy="Raise the proxy's idle time above ping_after and pong_timeout together (75 s unless set); an hour is good,"
    " for Hubbub finds out itself who has gone. Where you cannot, lower HUBBUB_PING_AFTER below it.",
    lines={
        NGINX: "proxy_read_timeout 1h;  # in the location of /app/",
        HAPROXY: "timeout tunnel 1h",
        CADDY: "# cuts nobody by itself: look for `stream_timeout`, `read_timeout` or `idle`",
    },
)

# The signed API

SECRET_WRONG: Final = Fault(
    code="secret-wrong",
    title="The secret is not that of the key",
    meaning="The server read the same request that was signed, and the signature does not fit: nothing on the way has"
    " changed it, so it is the secret that is wrong.",
    remedy="Take key and secret from the same line of `hubbub app show ID --secret`; look for blanks around it.",
)
APP_WRONG: Final = Fault(
    code="app-id-wrong",
    title="The application's id is not that of the key",
    meaning="The key belongs to another application than the one that the path names.",
    remedy="Take id, key and secret from the same place: `hubbub app show KEY`.",
)
CLOCK_OFF: Final = Fault(
    code="clock-off",
    title="The clocks differ by too much",
    meaning="A signed request is good for ten minutes around its time: beyond, the server refuses all of them.",
    remedy="Set the clock that is wrong by NTP (timedatectl set-ntp true): this machine's or the server's, as seen"
    " above.",
)
CLOCK_DRIFT: Final = Fault(
    code="clock-drift",
    title="The clocks differ",
    meaning="By less than what makes the server refuse requests, and by more than clocks that are set by NTP do.",
    remedy="Set both by NTP (timedatectl set-ntp true).",
    weight=Weight.REMARK,
)
PATH_REWRITTEN: Final = Fault(
    code="path-rewritten",
    title="The proxy changes the path of signed requests",
    meaning="What is signed includes the path, as it was sent. The server saw another one: a part taken off or put in"
    " front, or escapes like %2C undone.",
    remedy="Pass the path as it came. Best give the server a host name of its own instead of a path.",
    lines={
        NGINX: "proxy_pass http://hubbub;  # nothing behind the name, not even a slash",
        HAPROXY: "# no `http-request set-path`, `replace-path` or `normalize-uri`",
        CADDY: "# handle in place of handle_path; no `uri strip_prefix` and no `rewrite`",
    },
)
QUERY_REWRITTEN: Final = Fault(
    code="query-rewritten",
    title="The proxy changes the query of signed requests",
    meaning="What is signed includes the query. The server saw another one: parameters dropped, added, or their escapes"
    " undone.",
    remedy="Pass the query as it came.",
    lines={
        NGINX: "proxy_pass http://hubbub;  # nothing behind the name, no rewrite before it",
        HAPROXY: "# no `http-request set-query` and no `normalize-uri query-…`",
        CADDY: "# no `rewrite` and no `uri query`",
    },
)
BODY_CHANGED: Final = Fault(
    code="body-changed",
    title="The body of requests is changed on the way",
    meaning="The MD5 of the body is signed, and the server saw another body: cut off, or written anew.",
    remedy="Pass bodies as they came. Look for what inspects or filters them.",
    lines={NGINX: "# no `proxy_set_body`, and no `proxy_pass_request_body off`"},
)
BODY_LIMIT: Final = Fault(
    code="body-limit",
    title="The proxy refuses bodies that the server would take",
    meaning="Large events and batches are refused before the server sees them: publishing fails now and then, by size.",
    remedy="Raise the proxy's limit above HUBBUB_MAX_BODY_BYTES; a megabyte is good, for the server has a limit of its"
    " own, and says what it is.",
    lines={
        NGINX: "client_max_body_size 1m;",
        HAPROXY: "http-request deny deny_status 413 if { req.body_size gt 1048576 }",
        CADDY: "request_body {\n    max_size 1MB\n}",
    },
)
API_REFUSED: Final = Fault(
    code="api-refused",
    title="The signed API refuses",
    meaning="The server was reached, understood who asked, and said no.",
    remedy="Its words say why. Events per second are a setting of the application, requests of one address one of the"
    " server.",
)
EVENTS_LOST: Final = Fault(
    code="events-lost",
    title="What is published does not arrive",
    meaning="The publish was answered 200, and a subscriber on the same host did not hear of it: sockets and requests"
    " go to different servers.",
    remedy="Have /app/ and /apps/ led to the same nodes, and give all of them the same HUBBUB_ENGINE_URL.",
)
CLUSTER_SPLIT: Final = Fault(
    code="cluster-split",
    title="The nodes do not hear each other",
    meaning="Of several subscribers only some hear of an event: those at the node that took it. The balancer has"
    " several"
    " nodes, and each is alone.",
    remedy="Give all nodes the same HUBBUB_ENGINE_URL (and HUBBUB_ENGINE_PREFIX) and the same HUBBUB_DATABASE_URL.",
)
EVENTS_LATE: Final = Fault(
    code="events-late",
    title="Events arrive late",
    meaning="From the publish to the subscriber it takes more than a second: something on the way holds messages back,"
    " or the server is overrun.",
    remedy="Compare with `hubbub doctor` at the server itself. If it is fast there, look at the proxy and the network.",
    lines={
        NGINX: "# no `limit_req` in the location of /apps/: without `nodelay` it holds requests back",
        HAPROXY: "# no `tcp-request inspect-delay` that requests have to wait out",
    },
    weight=Weight.REMARK,
)

# What the server sees

PROTO_NOT_PASSED: Final = Fault(
    code="proto-not-passed",
    title="The server does not know that clients come over TLS",
    meaning="The proxy takes TLS off and does not say so: applications with force_tls refuse everybody with 4000,"
    " cookies"
    " of pages are not Secure.",
    remedy="Have the proxy write X-Forwarded-Proto itself, whatever the client said.",
    lines={
        NGINX: "proxy_set_header X-Forwarded-Proto $scheme;",
        HAPROXY: "http-request set-header X-Forwarded-Proto https if { ssl_fc }\n"
        "http-request set-header X-Forwarded-Proto http unless { ssl_fc }",
        CADDY: "# writes it by itself: look for `header_up -X-Forwarded-Proto`",
    },
)
ADDRESS_NOT_PASSED: Final = Fault(
    code="address-not-passed",
    title="The server does not know clients' addresses",
    meaning="All clients have the proxy's address: limits for one address hit all of them together, and logs and pages"
    " name nobody.",
    remedy="Have the proxy write X-Forwarded-For itself.",
    lines={
        NGINX: "proxy_set_header X-Forwarded-For $remote_addr;",
        HAPROXY: "http-request set-header X-Forwarded-For %[src]",
        CADDY: "# writes it by itself: look for `header_up -X-Forwarded-For`",
    },
)
PROXY_UNTRUSTED: Final = Fault(
    code="proxy-untrusted",
    title="The server does not trust the proxy",
    meaning="The proxy says who its clients are and whether they came over TLS, and the server does not believe it: all"
    " have the proxy's address, and applications with force_tls refuse everybody with 4000.",
    remedy="Name the proxy's address, or its network, as the nodes see it: HUBBUB_TRUSTED_PROXIES=10.0.0.7",
)
CLIENT_BELIEVED: Final = Fault(
    code="client-believed",
    title="Clients can claim to be somebody else",
    meaning="The proxy passes on what clients write into X-Forwarded-For or X-Forwarded-Proto, and the server believes"
    " it:"
    " limits for one address are evaded, force_tls too.",
    remedy="Have the proxy overwrite both headers.",
    lines={
        NGINX: "proxy_set_header X-Forwarded-For $remote_addr;\nproxy_set_header X-Forwarded-Proto $scheme;",
        HAPROXY: "http-request set-header X-Forwarded-For %[src]\n"
        "http-request set-header X-Forwarded-Proto https if { ssl_fc }\n"
        "http-request set-header X-Forwarded-Proto http unless { ssl_fc }",
        CADDY: "# overwrites them by itself: look for `trusted_proxies`, which must not name clients",
    },
)

# Where no WebSocket gets through

STREAM_HELD: Final = Fault(
    code="stream-held",
    title="The proxy holds streams back",
    meaning="Answers that go on (of clients without a WebSocket, and the console of the pages) are collected until"
    " there"
    " is more of them, or they end: what is live comes late or never.",
    remedy="Turn buffering off for /pusher/, /socket/longpoll and the console.",
    lines={
        NGINX: "proxy_buffering off;\ngzip off;  # in the location of /pusher/; and no filter that rewrites answers",
        HAPROXY: "# buffers nothing by itself: look for `http-response wait-for-body`",
        CADDY: "flush_interval -1  # and no `buffer_responses` or `response_buffers`",
    },
)
STREAM_COMPRESSED: Final = Fault(
    code="stream-compressed",
    title="The proxy compresses streams, and so holds them back",
    meaning="What compresses waits until it has enough: clients without a WebSocket hear of events late or never.",
    remedy="Turn compression off for /pusher/.",
    lines={
        NGINX: "gzip off;  # in the location of /pusher/",
        HAPROXY: "# no `compression algo` in the backend of /pusher/",
        CADDY: "@others not path /pusher/*\nencode @others gzip",
    },
)
SESSION_LOST: Final = Fault(
    code="session-lost",
    title="Sessions without a WebSocket get lost between nodes",
    meaning="Such a client makes many requests, and each must come to the node that has its session. Here one came to"
    " another, which does not know it: these clients connect, and then hear nothing.",
    remedy="Give all nodes the same HUBBUB_ENGINE_URL: then they hand requests on. Or have the balancer keep together"
    " what has the same /pusher/app/KEY/SERVER/SESSION.",
    lines={
        NGINX: "hash $hubbub_session consistent;  # see deploy/nginx/hubbub.conf",
        HAPROXY: "balance hash var(txn.session)  # see deploy/haproxy/haproxy.cfg",
        CADDY: "lb_policy header X-Hubbub-Session  # see deploy/caddy/Caddyfile",
    },
)
CORS_MISSING: Final = Fault(
    code="cors-missing",
    title="The proxy takes away what lets pages of other origins ask",
    meaning="The server allows it by Access-Control-Allow-Origin, and that header does not arrive: browsers keep the"
    " answer"
    " from the page.",
    remedy="Pass the server's Access-Control headers as they are.",
    lines={
        NGINX: "# no `proxy_hide_header Access-Control-Allow-Origin`",
        HAPROXY: "# no `http-response del-header Access-Control-Allow-Origin`",
        CADDY: "# no `header_down -Access-Control-Allow-Origin`",
    },
)
CORS_DOUBLED: Final = Fault(
    code="cors-doubled",
    title="Proxy and server both say which origins may ask",
    meaning="Two Access-Control-Allow-Origin, or one with a `*` where credentials are allowed, are none: browsers"
    " refuse"
    " the answer.",
    remedy="Leave it to the server: take such headers out of the proxy's configuration for /pusher/.",
    lines={
        NGINX: "# no `add_header Access-Control-…` in the location of /pusher/",
        HAPROXY: "# no `http-response add-header Access-Control-…`",
        CADDY: "# no `header Access-Control-…`",
    },
)

# The application

WEBHOOKS_FAILING: Final = Fault(
    code="webhooks-failing",
    title="The application's webhooks are not taken",
    meaning="In the last hour more requests to its endpoints were given up than taken.",
    remedy="hubbub webhook deliveries ID --failed shows each with its tries; `hubbub webhook resend-failed ID` sends"
    " them"
    " again.",
    weight=Weight.REMARK,
)

FAULTS: Final[dict[str, Fault]] = {fault.code: fault for fault in list(globals().values()) if isinstance(fault, Fault)}
"""All of them by their code, in the order in which they are looked for."""


_LANGUAGES: Final = {NGINX: "nginx", HAPROXY: "haproxy", CADDY: "caddyfile"}


def markdown() -> str:
    """Give the table as the sections of docs/doctor.md, in lines of 120 columns."""
    parts = []
    for fault in FAULTS.values():
        kind = "" if fault.weight is Weight.FAULT else " (a remark)"
        parts.append(f"### {fault.code}{kind}")
        parts.append(_filled(f"**{fault.title}.** {fault.meaning}"))
        parts.append(_filled(f"*Remedy*: {fault.remedy}"))
        for proxy, lines in fault.lines.items():
            parts += [f"{proxy}:", f"```{_LANGUAGES[proxy]}\n{lines}\n```"]
    return "\n\n".join(parts) + "\n"


def _filled(text: str) -> str:
    return fill(text.replace("*.example.com", "\\*.example.com"), WIDTH, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    print(markdown(), end="")  # noqa: T201 - it is what is asked for
