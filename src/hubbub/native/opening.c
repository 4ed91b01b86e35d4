/* The request by which a Pusher client opens its WebSocket, read in one go, and the answer to it (RFC 6455, 4.2).
 *
 * As with request.c, what is let through is what can be read in one way only, and asks for nothing that has to be thought
 * about: no subprotocol, no escapes, nothing twice. Of any other nothing is given, and the parser reads that.
 */
#include "native.h"

#include <stdint.h>
#include <string.h>

enum { LONGEST_NAME = 32, LONGEST_KEY = 512, MOST_PARAMETERS = 64, MOST_FIELDS = 100, KEY_SIZE = 24, DIGEST = 20 };

/* What is read of a request. Sizes are -1 for what has not come. */
typedef struct {
    const char *at;
    Py_ssize_t size;
} Field;

enum { HOST, UPGRADE, CONNECTION, KEY, VERSION, ORIGIN, PROTO, FOR, AGENT, FIELDS };
static const char *const names[FIELDS] = {
    "host", "upgrade", "connection", "sec-websocket-key", "sec-websocket-version", "origin", "x-forwarded-proto",
    "x-forwarded-for", "user-agent",
};

/* What changes how a request is read or what is to be answered. */
static const char *const unusual[] = {
    "content-length", "expect", "http2-settings",    "keep-alive",             "proxy-connection",
    "te",             "trailer", "transfer-encoding", "sec-websocket-protocol", NULL,
};

static int is_one_of(const char *name, const char *const *list) {
    for (; *list != NULL; list++)
        if (*name == **list && strcmp(name, *list) == 0)
            return 1;
    return 0;
}

/* Compare without regard to case with text that is in lower case. */
static int is_text(const Field *field, const char *text) {
    if (field->size != (Py_ssize_t)strlen(text))
        return 0;
    for (Py_ssize_t i = 0; i < field->size; i++) {
        char letter = field->at[i];
        if (letter >= 'A' && letter <= 'Z')
            letter += 'a' - 'A';
        if (letter != text[i])
            return 0;
    }
    return 1;
}

static int is_base64(char letter) {
    return (letter >= 'A' && letter <= 'Z') || (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') ||
           letter == '+' || letter == '/';
}

/* Sixteen bytes as every encoder writes them: four bits of the last letter are 0. */
static int is_key(const Field *field) {
    if (field->size != KEY_SIZE || memcmp(field->at + KEY_SIZE - 2, "==", 2) != 0)
        return 0;
    for (int i = 0; i < KEY_SIZE - 3; i++)
        if (!is_base64(field->at[i]))
            return 0;
    return memchr("AQgw", field->at[KEY_SIZE - 3], 4) != NULL;
}

/* Read one header into `fields`, and give where the next begins; NULL if it is not for here. */
static const char *header(const char *at, const char *end, Field *fields) {
    char name[LONGEST_NAME + 1];
    int letters = 0;
    while (at < end && request_name_letters[(unsigned char)*at] != 0) {
        if (letters == LONGEST_NAME)
            return NULL;
        name[letters++] = (char)request_name_letters[(unsigned char)*at++];
    }
    name[letters] = 0;
    if (letters == 0 || at == end || *at != ':')
        return NULL;
    at++;
    while (at < end && *at == ' ')
        at++;
    Field value = {at, 0};
    while (at < end && *at >= ' ' && *at < 0x7f)
        at++;
    if (end - at < 2 || at[0] != '\r' || at[1] != '\n')
        return NULL;
    value.size = at - value.at;
    while (value.size > 0 && value.at[value.size - 1] == ' ')
        value.size--;
    for (int i = 0; i < FIELDS; i++) {
        if (*name == *names[i] && strcmp(name, names[i]) == 0) {
            if (fields[i].size >= 0)
                return NULL;
            fields[i] = value;
            return at + 2;
        }
    }
    return is_one_of(name, unusual) ? NULL : at + 2;
}

static uint32_t turned(uint32_t word, int bits) {
    return word << bits | word >> (32 - bits);
}

/* FIPS 180-4, 6.1.2 */
static void sha1_block(uint32_t state[5], const unsigned char *block) {
    uint32_t w[80], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
               block[4 * i + 3];
    for (int i = 16; i < 80; i++)
        w[i] = turned(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (int i = 0; i < 80; i++) {
        uint32_t f, k;
        if (i < 20)
            f = (b & c) | (~b & d), k = 0x5a827999;
        else if (i < 40)
            f = b ^ c ^ d, k = 0x6ed9eba1;
        else if (i < 60)
            f = (b & c) | (b & d) | (c & d), k = 0x8f1bbcdc;
        else
            f = b ^ c ^ d, k = 0xca62c1d6;
        uint32_t next = turned(a, 5) + f + e + k + w[i];
        e = d, d = c, c = turned(b, 30), b = a, a = next;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
}

/* Write what proves that the key was read: 28 letters. SHA-1 is what the standard asks for, and guards nothing. */
static void accept_key(const char *key, char *to) {
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    enum { SIZE = KEY_SIZE + sizeof guid - 1, BLOCK = 64 };
    unsigned char blocks[2 * BLOCK] = {0}, digest[DIGEST + 1] = {0};
    memcpy(blocks, key, KEY_SIZE);
    memcpy(blocks + KEY_SIZE, guid, sizeof guid - 1);
    blocks[SIZE] = 0x80;
    blocks[2 * BLOCK - 2] = SIZE * 8 >> 8;
    blocks[2 * BLOCK - 1] = SIZE * 8 & 0xff;
    uint32_t state[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    sha1_block(state, blocks);
    sha1_block(state, blocks + BLOCK);
    for (int i = 0; i < DIGEST; i++)
        digest[i] = (unsigned char)(state[i / 4] >> (24 - 8 * (i % 4)));
    for (int i = 0; i <= DIGEST; i += 3, to += 4) {
        uint32_t three = (uint32_t)digest[i] << 16 | (uint32_t)digest[i + 1] << 8 | (i + 2 <= DIGEST ? digest[i + 2] : 0);
        to[0] = letters[three >> 18];
        to[1] = letters[three >> 12 & 63];
        to[2] = letters[three >> 6 & 63];
        to[3] = letters[three & 63];
    }
    to[-1] = '=';
}

static PyObject *ascii(const char *at, Py_ssize_t size) {
    PyObject *text = PyUnicode_New(size, 127);
    if (text != NULL && size > 0)
        memcpy(PyUnicode_DATA(text), at, size);
    return text;
}

/* Read parameters without escapes; of several of one name the last counts. NULL with an exception. */
static PyObject *parameters(const char *at, const char *end) {
    PyObject *given = PyDict_New();
    while (given != NULL && at < end) {
        const char *stop = memchr(at, '&', end - at);
        if (stop == NULL)
            stop = end;
        if (stop > at) {
            const char *equals = memchr(at, '=', stop - at);
            const char *name_end = equals == NULL ? stop : equals, *value = equals == NULL ? stop : equals + 1;
            PyObject *name = ascii(at, name_end - at), *text = ascii(value, stop - value);
            if (name == NULL || text == NULL || PyDict_SetItem(given, name, text) < 0)
                Py_CLEAR(given);
            Py_XDECREF(name);
            Py_XDECREF(text);
        }
        at = stop + 1;
    }
    return given;
}

static PyObject *text_or_none(const Field *field) {
    return field->size < 0 ? Py_NewRef(Py_None) : ascii(field->at, field->size);
}

static PyObject *plain_opening(PyObject *Py_UNUSED(module), PyObject *head) {
    static const char method[] = "GET /app/", version[] = " HTTP/1.1\r\n";
    static const char begin[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                "Sec-WebSocket-Accept: ";
    enum { ACCEPT = 28 };
    if (!PyBytes_CheckExact(head)) {
        PyErr_SetString(PyExc_TypeError, "plain_opening takes bytes");
        return NULL;
    }
    const char *at = PyBytes_AS_STRING(head), *end = at + PyBytes_GET_SIZE(head);
    if (end - at < (Py_ssize_t)sizeof method || memcmp(at, method, sizeof method - 1) != 0)
        Py_RETURN_NONE;
    const char *key = at += sizeof method - 1;
    while (at < end && request_is_plain[(unsigned char)*at])
        at++;
    const char *key_end = at;
    if (key_end == key || key_end - key > LONGEST_KEY || at == end)
        Py_RETURN_NONE;
    const char *query = at;
    if (*at == '?') {
        int count = 0;
        for (query = ++at; at < end && request_is_target[(unsigned char)*at]; at++) {
            if (*at == '%' || *at == '+' || (*at == '&' && ++count == MOST_PARAMETERS))
                Py_RETURN_NONE;
        }
    }
    const char *query_end = at;
    if (end - at < (Py_ssize_t)sizeof version - 1 || memcmp(at, version, sizeof version - 1) != 0)
        Py_RETURN_NONE;
    at += sizeof version - 1;
    Field fields[FIELDS];
    for (int i = 0; i < FIELDS; i++)
        fields[i].size = -1;
    for (int count = 1; end - at >= 2 && !(at[0] == '\r' && at[1] == '\n'); count++) {
        at = header(at, end, fields);
        if (at == NULL || count > MOST_FIELDS)
            Py_RETURN_NONE;
    }
    if (end - at != 2)
        Py_RETURN_NONE;
    const Field *host = &fields[HOST], *origin = &fields[ORIGIN];
    if (host->size < 1 || memchr(host->at, ',', host->size) != NULL || !is_text(&fields[UPGRADE], "websocket") ||
        (!is_text(&fields[CONNECTION], "upgrade") && !is_text(&fields[CONNECTION], "keep-alive, upgrade")) ||
        fields[KEY].size < 0 || !is_key(&fields[KEY]) || !is_text(&fields[VERSION], "13") ||
        (origin->size > 0 && memchr(origin->at, ',', origin->size) != NULL))
        Py_RETURN_NONE;
    PyObject *answer = PyBytes_FromStringAndSize(NULL, sizeof begin - 1 + ACCEPT + 4);
    if (answer == NULL)
        return NULL;
    char *to = PyBytes_AS_STRING(answer);
    memcpy(to, begin, sizeof begin - 1);
    accept_key(fields[KEY].at, to + sizeof begin - 1);
    memcpy(to + sizeof begin - 1 + ACCEPT, "\r\n\r\n", 4);
    return Py_BuildValue("(NNNNNNN)", ascii(key, key_end - key), parameters(query, query_end), answer,
                         text_or_none(origin), text_or_none(&fields[PROTO]), text_or_none(&fields[FOR]),
                         text_or_none(&fields[AGENT]));
}

PyMethodDef opening_functions[] = {
    {"plain_opening", plain_opening, METH_O, "See hubbub.native.pure.plain_opening."},
    {NULL, NULL, 0, NULL},
};
