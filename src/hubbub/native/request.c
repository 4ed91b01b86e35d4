/* The request that libraries publish with, read in one go.
 *
 * It gives what a parser would of a POST that is there whole, alone, and written without anything that could be read in
 * two ways; of any other it gives nothing, and the parser reads that. What is let through here is a small part of
 * RFC 9112, on purpose: no obs-text, no folding, no list of lengths, no transfer coding, no upgrade.
 */
#include "native.h"

#include <string.h>

enum { LONGEST_NAME = 32 };

/* RFC 9110, 5.6.2: tchar, in lower case; 0 for what may not stand in a field name. */
static unsigned char name_letters[256];

/* What a target may hold: RFC 3986's unreserved, reserved without `#`, and `%`. */
static unsigned char is_target[256];

static void fill(void) {
    for (const char *at = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"; *at; at++)
        name_letters[(unsigned char)*at] = (unsigned char)*at;
    for (int letter = 'A'; letter <= 'Z'; letter++) {
        name_letters[letter] = (unsigned char)(letter - 'A' + 'a');
        is_target[letter] = is_target[letter - 'A' + 'a'] = 1;
    }
    for (const char *at = "0123456789-._~:/?[]@!$&'()*+,;=%"; *at; at++)
        is_target[(unsigned char)*at] = 1;
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
    int hosts = 0;
    if (size < at || memcmp(data, method, at) != 0)
        Py_RETURN_NONE;
    while (at < size && is_target[(unsigned char)data[at]])
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
        char name[LONGEST_NAME + 1];
        Py_ssize_t letters = 0;
        while (at < size && name_letters[(unsigned char)data[at]] != 0) {
            if (letters == LONGEST_NAME)
                Py_RETURN_NONE;
            name[letters++] = (char)name_letters[(unsigned char)data[at++]];
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

PyMethodDef request_functions[] = {
    {"plain_post", (PyCFunction)(void (*)(void))plain_post, METH_FASTCALL, "See hubbub.native.pure.plain_post."},
    {NULL, NULL, 0, NULL},
};

int request_init(PyObject *Py_UNUSED(module)) {
    fill();
    return 0;
}
