/* The request that libraries publish with, read in one go.
 *
 * It gives what a parser would of a POST that is there whole, alone, and written without anything that could be read in
 * two ways; of any other it gives nothing, and the parser reads that. What is let through here is a small part of
 * RFC 9112, on purpose: no obs-text, no folding, no list of lengths, no transfer coding, no upgrade.
 */
#include "native.h"

#include <string.h>

enum { LONGEST_NAME = 32, MOST_FIELDS = 100 };

/* RFC 9110, 5.6.2: tchar, in lower case; 0 for what may not stand in a field name. */
unsigned char request_name_letters[256];

/* What a target may hold: RFC 3986's unreserved, reserved without `#`, and `%`. */
unsigned char request_is_target[256];

/* What a parameter may hold that is the same unescaped; what numbers and digests are written with. */
unsigned char request_is_plain[256];
static unsigned char is_digit[256], is_hex[256];

static void fill(void) {
    for (const char *at = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"; *at; at++)
        request_name_letters[(unsigned char)*at] = (unsigned char)*at;
    for (int letter = 'A'; letter <= 'Z'; letter++) {
        request_name_letters[letter] = (unsigned char)(letter - 'A' + 'a');
        request_is_target[letter] = request_is_target[letter - 'A' + 'a'] = 1;
    }
    for (const char *at = "0123456789-._~:/?[]@!$&'()*+,;=%"; *at; at++)
        request_is_target[(unsigned char)*at] = 1;
    for (const char *at = "0123456789abcdef"; *at; at++)
        is_hex[(unsigned char)*at] = 1;
    for (int digit = '0'; digit <= '9'; digit++)
        is_digit[digit] = 1;
    for (int letter = 0; letter < 256; letter++)
        request_is_plain[letter] = request_is_target[letter] && strchr("%+&=?/[", letter) == NULL;
}

/* What changes how a request is read, or what is answered before it is; of `connection`, all but keep-alive. */
static const char *const unusual[] = {
    "connection", "expect", "http2-settings", "keep-alive", "proxy-connection",
    "te",         "trailer", "transfer-encoding", "upgrade", NULL,
};

static int is_keep_alive(const char *value, Py_ssize_t size) {
    static const char wanted[] = "keep-alive";
    if (size != sizeof wanted - 1)
        return 0;
    for (Py_ssize_t i = 0; i < size; i++)
        if ((value[i] | 0x20) != wanted[i] && value[i] != wanted[i])
            return 0;
    return 1;
}

/* Read digits, nine at most; -1 for anything else. */
static Py_ssize_t number(const char *text, Py_ssize_t size) {
    Py_ssize_t result = 0;
    if (size < 1 || size > 9)
        return -1;
    for (Py_ssize_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        result = result * 10 + (text[i] - '0');
    }
    return result;
}

static PyObject *plain_post(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count) {
    static const char method[] = "POST /apps/", version[] = " HTTP/1.1\r\n";
    if (count != 3 || !PyBytes_CheckExact(args[0])) {
        PyErr_SetString(PyExc_TypeError, "plain_post takes bytes, the most bytes of a head and those of a body");
        return NULL;
    }
    Py_ssize_t most_head = PyLong_AsSsize_t(args[1]);
    Py_ssize_t most_body = PyErr_Occurred() ? -1 : PyLong_AsSsize_t(args[2]);
    if (PyErr_Occurred())
        return NULL;
    const char *data = PyBytes_AS_STRING(args[0]);
    Py_ssize_t size = PyBytes_GET_SIZE(args[0]), at = sizeof method - 1, length = -1;
    int hosts = 0, fields = 0;
    if (size < at || memcmp(data, method, at) != 0)
        Py_RETURN_NONE;
    while (at < size && request_is_target[(unsigned char)data[at]])
        at++;
    Py_ssize_t target_end = at;
    if (size - at < (Py_ssize_t)sizeof version - 1 || memcmp(data + at, version, sizeof version - 1) != 0)
        Py_RETURN_NONE;
    at += sizeof version - 1;
    for (;;) {
        if (size - at < 2)
            Py_RETURN_NONE;
        if (data[at] == '\r' && data[at + 1] == '\n') {
            at += 2;
            break;
        }
        if (++fields > MOST_FIELDS)
            Py_RETURN_NONE;
        char name[LONGEST_NAME + 1];
        Py_ssize_t letters = 0;
        while (at < size && request_name_letters[(unsigned char)data[at]] != 0) {
            if (letters == LONGEST_NAME)
                Py_RETURN_NONE;
            name[letters++] = (char)request_name_letters[(unsigned char)data[at++]];
        }
        name[letters] = 0;
        if (letters == 0 || at == size || data[at] != ':')
            Py_RETURN_NONE;
        at++;
        while (at < size && data[at] == ' ')
            at++;
        Py_ssize_t value = at;
        while (at < size && data[at] >= ' ' && data[at] < 0x7f)
            at++;
        Py_ssize_t value_end = at;
        if (size - at < 2 || data[at] != '\r' || data[at + 1] != '\n')
            Py_RETURN_NONE;
        at += 2;
        while (value_end > value && data[value_end - 1] == ' ')
            value_end--;
        if (strcmp(name, "host") == 0) {
            hosts++;
        } else if (strcmp(name, "content-length") == 0) {
            if (length >= 0 || (length = number(data + value, value_end - value)) < 0)
                Py_RETURN_NONE;
        } else {
            for (const char *const *one = unusual; *one != NULL; one++)
                if (strcmp(name, *one) == 0 && !(one == unusual && is_keep_alive(data + value, value_end - value)))
                    Py_RETURN_NONE;
        }
    }
    if (hosts != 1 || length < 0 || length > most_body || at > most_head || size - at != length)
        Py_RETURN_NONE;
    return Py_BuildValue("(y#y#)", data + 5, target_end - 5, data + at, length);
}

/* Move `at` past `text`; false when something else stands there. */
static int passes(const char **at, const char *end, const char *text) {
    size_t size = strlen(text);
    if ((size_t)(end - *at) < size || memcmp(*at, text, size) != 0)
        return 0;
    *at += size;
    return 1;
}

/* Move `at` past what is allowed, by `set`; false when that is less than `least` or more than `most` letters. */
static int takes(const char **at, const char *end, const unsigned char *set, Py_ssize_t least, Py_ssize_t most) {
    const char *start = *at;
    while (*at < end && set[(unsigned char)**at] && *at - start <= most)
        (*at)++;
    return *at - start >= least && *at - start <= most;
}

static PyObject *sealed(PyObject *Py_UNUSED(module), PyObject *target) {
    if (!PyBytes_CheckExact(target)) {
        PyErr_SetString(PyExc_TypeError, "sealed takes bytes");
        return NULL;
    }
    const char *text = PyBytes_AS_STRING(target), *at = text, *end = at + PyBytes_GET_SIZE(target);
    if (!passes(&at, end, "/apps/"))
        Py_RETURN_NONE;
    const char *app = at;
    if (!takes(&at, end, request_is_plain, 1, 512))
        Py_RETURN_NONE;
    const char *app_end = at;
    int is_batch = passes(&at, end, "/batch_events?");
    if (!is_batch && !passes(&at, end, "/events?"))
        Py_RETURN_NONE;
    const char *query = at;
    if (!passes(&at, end, "auth_key="))
        Py_RETURN_NONE;
    const char *key = at;
    if (!takes(&at, end, request_is_plain, 1, 512))
        Py_RETURN_NONE;
    const char *key_end = at;
    if (!passes(&at, end, "&auth_timestamp="))
        Py_RETURN_NONE;
    const char *time = at;
    if (!takes(&at, end, is_digit, 1, 11))
        Py_RETURN_NONE;
    long long seconds = 0;
    for (const char *digit = time; digit < at; digit++)
        seconds = seconds * 10 + (*digit - '0');
    if (!passes(&at, end, "&auth_version=1.0&body_md5="))
        Py_RETURN_NONE;
    const char *md5 = at;
    if (!takes(&at, end, is_hex, 32, 32))
        Py_RETURN_NONE;
    const char *signed_end = at;
    if (!passes(&at, end, "&auth_signature="))
        Py_RETURN_NONE;
    const char *signature = at;
    if (!takes(&at, end, is_hex, 64, 64) || at != end)
        Py_RETURN_NONE;
    Py_ssize_t path_size = query - 1 - text, query_size = signed_end - query;
    PyObject *message = PyBytes_FromStringAndSize(NULL, 5 + path_size + 1 + query_size);
    if (message == NULL)
        return NULL;
    char *to = PyBytes_AS_STRING(message);
    memcpy(to, "POST\n", 5);
    memcpy(to + 5, text, path_size);
    to[5 + path_size] = '\n';
    memcpy(to + 5 + path_size + 1, query, query_size);
    return Py_BuildValue("(s#ONs#Ls#s#)", app, (Py_ssize_t)(app_end - app), is_batch ? Py_True : Py_False, message, key,
                         (Py_ssize_t)(key_end - key), seconds, md5, (Py_ssize_t)32, signature, (Py_ssize_t)64);
}

PyMethodDef request_functions[] = {
    {"sealed", sealed, METH_O, "See hubbub.native.pure.sealed."},
    {"plain_post", (PyCFunction)(void (*)(void))plain_post, METH_FASTCALL, "See hubbub.native.pure.plain_post."},
    {NULL, NULL, 0, NULL},
};

int request_init(PyObject *Py_UNUSED(module)) {
    fill();
    return 0;
}
