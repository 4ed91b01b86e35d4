/* A client's event to others, read and written in one go: as all libraries send it, and as the server sends it on.
 *
 * What is read here is a small part of JSON, on purpose; of anything else nothing is given, and the decoder of all
 * messages reads that. What is written is to the byte what the encoder of all messages writes.
 */
#include "native.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { DEEPEST = 16, MOST_DIGITS = 15 };

static const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;

/* Give where the first byte is that may not stand in a JSON string as it is: a quote, a backslash, a control. */
static const char *special(const char *at, const char *end) {
    for (; end - at >= 8; at += 8) {
        uint64_t part, quote, slash;
        memcpy(&part, at, 8);
        quote = part ^ ('"' * ones);
        slash = part ^ ('\\' * ones);
        if ((((part - ' ' * ones) & ~part) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash)) & highs)
            break;
    }
    while (at < end && (unsigned char)*at >= ' ' && *at != '"' && *at != '\\')
        at++;
    return at;
}

/* Reading: each gives where what it reads ends, NULL if it is not there or is left to the decoder of all. */

static const char *space(const char *at, const char *end) {
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

/* Tell which letter an escape of two stands for; 0 for any other. */
static char escaped(char letter) {
    switch (letter) {
    case '"':
    case '\\':
    case '/':
        return letter;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return 0;
    }
}

/* The rest of a string whose first quote was read; give where its last quote is. `escapes` counts. */
static const char *string(const char *at, const char *end, Py_ssize_t *escapes) {
    *escapes = 0;
    for (;;) {
        at = special(at, end);
        if (at == end || (*at != '"' && *at != '\\'))
            return NULL;
        if (*at == '"')
            return at;
        if (end - at < 2 || !escaped(at[1]))
            return NULL;
        ++*escapes;
        at += 2;
    }
}

static const char *digits(const char *at, const char *end) {
    const char *start = at;
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at > start && at - start <= MOST_DIGITS ? at : NULL;
}

static const char *number(const char *at, const char *end) {
    if (*at == '-' && ++at == end)
        return NULL;
    const char *start = at;
    at = digits(at, end);
    if (at == NULL || (*start == '0' && at - start > 1))
        return NULL;
    if (at < end && *at == '.')
        at = digits(at + 1, end);
    return at == NULL || (at < end && (*at == 'e' || *at == 'E')) ? NULL : at;
}

static const char *word(const char *at, const char *end, const char *text) {
    Py_ssize_t size = strlen(text);
    return end - at >= size && memcmp(at, text, size) == 0 ? at + size : NULL;
}

static const char *value(const char *at, const char *end, int depth);

static const char *list(const char *at, const char *end, char close, int depth) {
    Py_ssize_t escapes;
    if (depth > DEEPEST)
        return NULL;
    at = space(at, end);
    if (at < end && *at == close)
        return at + 1;
    for (;;) {
        if (close == '}') {
            if (at == end || *at != '"' || (at = string(at + 1, end, &escapes)) == NULL)
                return NULL;
            at = space(at + 1, end);
            if (at == end || *at != ':')
                return NULL;
            at = space(at + 1, end);
        }
        at = value(at, end, depth);
        if (at == NULL)
            return NULL;
        at = space(at, end);
        if (at == end)
            return NULL;
        if (*at == close)
            return at + 1;
        if (*at != ',')
            return NULL;
        at = space(at + 1, end);
    }
}

static const char *value(const char *at, const char *end, int depth) {
    Py_ssize_t escapes;
    if (at == end)
        return NULL;
    switch (*at) {
    case '"':
        at = string(at + 1, end, &escapes);
        return at == NULL ? NULL : at + 1;
    case '{':
        return list(at + 1, end, '}', depth + 1);
    case '[':
        return list(at + 1, end, ']', depth + 1);
    case 't':
        return word(at, end, "true");
    case 'f':
        return word(at, end, "false");
    case 'n':
        return word(at, end, "null");
    default:
        return number(at, end);
    }
}

/* A member's value, as it stands there; of a string what is between its quotes. */
typedef struct {
    const char *at; /* NULL until it is found */
    Py_ssize_t size, escapes;
    int is_string;
} Part;

static const char *part(Part *part, const char *at, const char *end) {
    if (part->at != NULL || at == end)
        return NULL; /* of several of one name the last counts: not here */
    part->is_string = *at == '"';
    part->at = at + part->is_string;
    const char *stop = part->is_string ? string(part->at, end, &part->escapes) : value(at, end, 0);
    if (stop == NULL)
        return NULL;
    part->size = stop - part->at;
    return stop + part->is_string;
}

static int is_client_event(const char *at, const char *end, Part *event, Part *channel, Part *data) {
    at = space(at, end);
    if (at == end || *at != '{')
        return 0;
    for (;;) {
        at = space(at + 1, end);
        const char *name = at;
        Part *which;
        if ((at = word(name, end, "\"event\"")) != NULL)
            which = event;
        else if ((at = word(name, end, "\"channel\"")) != NULL)
            which = channel;
        else if ((at = word(name, end, "\"data\"")) != NULL)
            which = data;
        else
            return 0;
        at = space(at, end);
        if (at == end || *at != ':' || (at = part(which, space(at + 1, end), end)) == NULL)
            return 0;
        at = space(at, end);
        if (at == end)
            return 0;
        if (*at == '}')
            break;
        if (*at != ',')
            return 0;
    }
    return space(at + 1, end) == end && event->at != NULL && event->is_string && !event->escapes &&
           channel->at != NULL && channel->is_string && !channel->escapes && data->at != NULL &&
           word(event->at, event->at + event->size, "client-") != NULL;
}

/* Channels in which clients talk to each other; see hubbub.channels. */
static int may_talk(const Part *channel) {
    const char *end = channel->at + channel->size;
    if (word(channel->at, end, "private-") != NULL)
        return word(channel->at, end, "private-encrypted-") == NULL;
    return word(channel->at, end, "presence-") != NULL;
}

/* Whether text is ASCII is looked at once for all its parts. */
static PyObject *text_of(const char *at, Py_ssize_t size, int is_ascii) {
    if (!is_ascii)
        return PyUnicode_DecodeUTF8(at, size, NULL);
    PyObject *text = PyUnicode_New(size, 127);
    if (text != NULL && size > 0)
        memcpy(PyUnicode_DATA(text), at, size);
    return text;
}

static PyObject *unescaped(const Part *part, int is_ascii) {
    PyObject *text = NULL;
    const char *at = part->at, *end = at + part->size;
    char *bytes;
    if (is_ascii) {
        text = PyUnicode_New(part->size - part->escapes, 127);
        bytes = text == NULL ? NULL : PyUnicode_DATA(text);
    } else {
        bytes = PyMem_Malloc(part->size);
        if (bytes == NULL)
            PyErr_NoMemory();
    }
    if (bytes == NULL)
        return NULL;
    char *to = bytes;
    for (;;) {
        const char *stop = special(at, end);
        memcpy(to, at, stop - at);
        to += stop - at;
        if (stop == end)
            break;
        *to++ = escaped(stop[1]);
        at = stop + 2;
    }
    if (!is_ascii) {
        text = PyUnicode_DecodeUTF8(bytes, to - bytes, NULL);
        PyMem_Free(bytes);
    }
    return text;
}

static PyObject *client_event(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count) {
    if (count != 5 || !PyUnicode_CheckExact(args[0]) || !PyDict_CheckExact(args[1])) {
        PyErr_SetString(PyExc_TypeError,
                        "client_event takes a text, a dictionary, how long names and data may be, and what to make of it");
        return NULL;
    }
    Py_ssize_t most_name = PyLong_AsSsize_t(args[2]);
    Py_ssize_t most_bytes = most_name == -1 && PyErr_Occurred() ? -1 : PyLong_AsSsize_t(args[3]);
    if (PyErr_Occurred())
        return NULL;
    Py_ssize_t size;
    const char *text = PyUnicode_AsUTF8AndSize(args[0], &size);
    if (text == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_UnicodeError))
            return NULL;
        PyErr_Clear(); /* half of a surrogate pair */
        Py_RETURN_NONE;
    }
    Part event = {0}, channel = {0}, data = {0};
    if (!is_client_event(text, text + size, &event, &channel, &data) || !may_talk(&channel) ||
        data.size - data.escapes > most_bytes)
        Py_RETURN_NONE;
    int is_ascii = PyUnicode_IS_ASCII(args[0]);
    PyObject *name_text = NULL, *data_text = NULL, *user_id, *found = NULL;
    PyObject *channel_text = text_of(channel.at, channel.size, is_ascii);
    if (channel_text == NULL)
        return NULL;
    user_id = PyDict_GetItemWithError(args[1], channel_text);
    if (user_id == NULL) {
        Py_DECREF(channel_text);
        if (PyErr_Occurred())
            return NULL;
        Py_RETURN_NONE;
    }
    Py_INCREF(user_id);
    name_text = text_of(event.at, event.size, is_ascii);
    if (name_text != NULL && PyUnicode_GET_LENGTH(name_text) > most_name) {
        found = Py_NewRef(Py_None);
    } else if (name_text != NULL) {
        data_text = data.escapes ? unescaped(&data, is_ascii) : text_of(data.at, data.size, is_ascii);
        PyObject *parts[] = {channel_text, name_text, data_text, user_id};
        if (data_text != NULL)
            found = PyObject_Vectorcall(args[4], parts, 4, NULL);
    }
    Py_DECREF(channel_text);
    Py_DECREF(user_id);
    Py_XDECREF(name_text);
    Py_XDECREF(data_text);
    return found;
}

/* Writing */

static const char hex[] = "0123456789abcdef";

/* Tell which letter stands for a byte after a backslash; 'u' for those without one. */
static char escape(char letter) {
    switch (letter) {
    case '"':
    case '\\':
        return letter;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 'u';
    }
}

/* A text as UTF-8, and how many bytes its escapes add. */
typedef struct {
    const char *at;
    Py_ssize_t size, more;
} Text;

static int measure(Text *text, PyObject *object) {
    if (!PyUnicode_CheckExact(object)) {
        PyErr_Format(PyExc_TypeError, "an event is made of texts, not of %s", Py_TYPE(object)->tp_name);
        return -1;
    }
    text->at = PyUnicode_AsUTF8AndSize(object, &text->size);
    if (text->at == NULL)
        return -1;
    text->more = 0;
    const char *end = text->at + text->size;
    for (const char *at = special(text->at, end); at < end; at = special(at + 1, end))
        text->more += escape(*at) == 'u' ? 5 : 1;
    return 0;
}

static char *put(char *to, const char *from, Py_ssize_t size) {
    memcpy(to, from, size);
    return to + size;
}

static char *put_text(char *to, const Text *text) {
    if (!text->more)
        return put(to, text->at, text->size);
    const char *at = text->at, *end = at + text->size;
    for (;;) {
        const char *stop = special(at, end);
        to = put(to, at, stop - at);
        if (stop == end)
            return to;
        *to++ = '\\';
        *to++ = escape(*stop);
        if (to[-1] == 'u') {
            to = put(to, "00", 2);
            *to++ = hex[*stop >> 4];
            *to++ = hex[*stop & 15];
        }
        at = stop + 1;
    }
}

static char *put_head(char *to, uint64_t size) {
    int bytes = size < 126 ? 0 : size < 65536 ? 2 : 8;
    *to++ = (char)0x81;
    *to++ = bytes == 0 ? (char)size : bytes == 2 ? 126 : 127;
    while (bytes--)
        *to++ = (char)(size >> (8 * bytes));
    return to;
}

static PyObject *frame_of(PyObject *const *args) {
    static const char begin[] = "{\"event\":\"", middle[] = "\",\"channel\":\"", data[] = "\",\"data\":\"",
                      user[] = "\",\"user_id\":\"", end[] = "\"}";
    enum { FIXED = sizeof begin + sizeof middle + sizeof data + sizeof end - 4 };
    Text texts[4];
    int parts = args[3] == Py_None ? 3 : 4;
    Py_ssize_t size = FIXED + (parts == 4 ? sizeof user - 1 : 0);
    for (int i = 0; i < parts; i++) {
        if (measure(&texts[i], args[i]) < 0)
            return NULL;
        size += texts[i].size + texts[i].more;
    }
    PyObject *frame = PyBytes_FromStringAndSize(NULL, size + (size < 126 ? 2 : size < 65536 ? 4 : 10));
    if (frame == NULL)
        return NULL;
    char *to = put_head(PyBytes_AS_STRING(frame), (uint64_t)size);
    to = put_text(put(to, begin, sizeof begin - 1), &texts[0]);
    to = put_text(put(to, middle, sizeof middle - 1), &texts[1]);
    to = put_text(put(to, data, sizeof data - 1), &texts[2]);
    if (parts == 4)
        to = put_text(put(to, user, sizeof user - 1), &texts[3]);
    put(to, end, sizeof end - 1);
    return frame;
}

static PyObject *event_frame(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count) {
    if (count != 4) {
        PyErr_SetString(PyExc_TypeError, "event_frame takes a name, a channel, data, and a user's id or None");
        return NULL;
    }
    return frame_of(args);
}

typedef struct {
    PyObject_HEAD
    vectorcallfunc call;
    PyObject *kind, *otherwise;
} Packer;

static PyObject *names_of_parts[4]; /* of an event, as `frame_of` takes them */

static PyObject *packer_call(PyObject *object, PyObject *const *args, size_t flags, PyObject *names) {
    Packer *self = (Packer *)object;
    if (PyVectorcall_NARGS(flags) != 1 || (names != NULL && PyTuple_GET_SIZE(names))) {
        PyErr_SetString(PyExc_TypeError, "a packer takes one argument, the message");
        return NULL;
    }
    if ((PyObject *)Py_TYPE(args[0]) != self->kind)
        return PyObject_CallOneArg(self->otherwise, args[0]);
    PyObject *parts[4], *frame = NULL;
    int found = 0;
    while (found < 4 && (parts[found] = PyObject_GetAttr(args[0], names_of_parts[found])) != NULL)
        found++;
    if (found == 4)
        frame = frame_of(parts);
    while (found)
        Py_DECREF(parts[--found]);
    return frame;
}

static PyObject *packer_new(PyTypeObject *type, PyObject *args, PyObject *names) {
    static char *keywords[] = {"kind", "otherwise", NULL};
    PyObject *kind, *otherwise;
    if (!PyArg_ParseTupleAndKeywords(args, names, "O!O", keywords, &PyType_Type, &kind, &otherwise))
        return NULL;
    Packer *self = (Packer *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->call = packer_call;
        self->kind = Py_NewRef(kind);
        self->otherwise = Py_NewRef(otherwise);
    }
    return (PyObject *)self;
}

static void packer_dealloc(PyObject *object) {
    Py_DECREF(((Packer *)object)->kind);
    Py_DECREF(((Packer *)object)->otherwise);
    Py_TYPE(object)->tp_free(object);
}

static PyTypeObject PackerType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "hubbub.native._native.Packer",
    .tp_doc = "See hubbub.native.pure.Packer.",
    .tp_basicsize = sizeof(Packer),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_vectorcall_offset = offsetof(Packer, call),
    .tp_call = PyVectorcall_Call,
    .tp_new = packer_new,
    .tp_dealloc = packer_dealloc,
};

int event_init(PyObject *module) {
    static const char *const names[] = {"name", "channel", "data", "user_id"};
    for (int i = 0; i < 4; i++)
        if ((names_of_parts[i] = PyUnicode_InternFromString(names[i])) == NULL)
            return -1;
    if (PyType_Ready(&PackerType) < 0)
        return -1;
    return PyModule_AddObjectRef(module, "Packer", (PyObject *)&PackerType);
}

PyMethodDef event_functions[] = {
    {"client_event", (PyCFunction)(void (*)(void))client_event, METH_FASTCALL, "See hubbub.native.pure.client_event."},
    {"event_frame", (PyCFunction)(void (*)(void))event_frame, METH_FASTCALL, "See hubbub.native.pure.event_frame."},
    {NULL, NULL, 0, NULL},
};
