/* Frames of RFC 6455 as a client sends them. The contract is that of hubbub.native.pure_frames, sentence by sentence.
 *
 * An idle connection costs one object of 48 bytes; what is unfinished is kept beside it, and no longer than that.
 */
#include "native.h"

#include <stdint.h>
#include <string.h>
#include <time.h>

enum { TEXT = 1, CLOSE = 8, FIN = 0x80, MASKED = 0x80, COMPRESSED = 0x40, LONGEST_CONTROL = 125, FAILED = 0 };
enum { MOST_FRAMES = 0xfffff };

#ifndef CLOCK_MONOTONIC_COARSE /* a few milliseconds late, and a quarter of the price */
#define CLOCK_MONOTONIC_COARSE CLOCK_MONOTONIC
#endif

/* Bytes that are kept. */
typedef struct {
    Py_ssize_t size, room;
    char bytes[];
} Store;

typedef struct {
    PyObject_HEAD
    Store *unread;  /* a frame of which more is to come, as it came */
    Store *message; /* what is there of a message in fragments */
    uint32_t limit;
    uint32_t most : 20;   /* frames in a second; 0: any number */
    uint32_t second : 12; /* of the clock's, what has room: an hour later it may be taken for the same */
    uint32_t taken : 20;  /* frames that came in it */
    uint32_t kind : 8;    /* of that message: its opcode, and whether it is compressed; 0 for none */
    uint32_t takes_compressed : 1, is_over : 1;
} Frames;

typedef enum { ERROR = -1, UNFINISHED, DONE } Outcome;

static int keep(Store **store, const char *bytes, Py_ssize_t size) {
    Store *old = *store;
    Py_ssize_t held = old == NULL ? 0 : old->size;
    if (old == NULL || old->room - held < size) {
        /* Doubled, so that who sends one byte at a time does not have all of it copied each time. */
        Py_ssize_t room = held + size;
        if (old != NULL && room < 2 * old->room)
            room = 2 * old->room;
        Store *new = PyMem_Realloc(old, sizeof(Store) + room);
        if (new == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        new->room = room;
        *store = old = new;
    }
    memcpy(old->bytes + held, bytes, size);
    old->size = held + size;
    return 0;
}

static void drop(Store **store) {
    PyMem_Free(*store);
    *store = NULL;
}

/* Give whether all of it is ASCII. */
static int unmask(char *to, const char *from, Py_ssize_t size, const char *mask) {
    uint32_t four;
    memcpy(&four, mask, 4);
    uint64_t eight = (uint64_t)four << 32 | four, seen = 0;
    Py_ssize_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t part;
        memcpy(&part, from + i, 8);
        part ^= eight;
        seen |= part;
        memcpy(to + i, &part, 8);
    }
    for (; i < size; i++) {
        to[i] = from[i] ^ mask[i & 3];
        seen |= (unsigned char)to[i];
    }
    return (seen & 0x8080808080808080u) == 0;
}

static int give(PyObject *items, PyObject *item) {
    int result = item == NULL ? -1 : PyList_Append(items, item);
    Py_XDECREF(item);
    return result;
}

static Outcome fail(Frames *self, PyObject *items, int code, const char *why) {
    char payload[LONGEST_CONTROL] = {(char)(code >> 8), (char)code};
    size_t size = strlen(why);
    memcpy(payload + 2, why, size);
    self->is_over = 1;
    return give(items, Py_BuildValue("iy#", FAILED, payload, (Py_ssize_t)size + 2)) < 0 ? ERROR : DONE;
}

/* Whether decoding failed for what was to be decoded; the exception is then cleared. */
static int is_not_utf8(void) {
    if (!PyErr_ExceptionMatches(PyExc_UnicodeDecodeError))
        return 0;
    PyErr_Clear();
    return 1;
}

static Outcome give_text(Frames *self, PyObject *items, PyObject *text) {
    if (text == NULL)
        return is_not_utf8() ? fail(self, items, 1007, "invalid UTF-8") : ERROR;
    return give(items, text) < 0 ? ERROR : DONE;
}

static PyObject *masked_text(const char *payload, Py_ssize_t size, const char *mask) {
    PyObject *text = PyUnicode_New(size, 127);
    if (text == NULL || size == 0)
        return text;
    char *bytes = PyUnicode_DATA(text);
    if (unmask(bytes, payload, size, mask))
        return text;
    PyObject *decoded = PyUnicode_DecodeUTF8(bytes, size, NULL);
    Py_DECREF(text);
    return decoded;
}

static PyObject *masked_bytes(const char *payload, Py_ssize_t size, const char *mask) {
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, size);
    if (bytes != NULL && size > 0)
        unmask(PyBytes_AS_STRING(bytes), payload, size, mask);
    return bytes;
}

static Outcome give_numbered(PyObject *items, int number, PyObject *bytes) {
    if (bytes == NULL)
        return ERROR;
    return give(items, Py_BuildValue("iN", number, bytes)) < 0 ? ERROR : DONE;
}

static Outcome take_control(Frames *self, PyObject *items, int opcode, const char *masked, int size, const char *mask) {
    char payload[LONGEST_CONTROL];
    unmask(payload, masked, size, mask);
    if (opcode == CLOSE) {
        if (size == 1)
            return fail(self, items, 1002, "close frame too short");
        if (size > 1) {
            int code = (unsigned char)payload[0] << 8 | (unsigned char)payload[1];
            if (!(code >= 1000 && code <= 1003) && !(code >= 1007 && code <= 1014) && !(code >= 3000 && code < 5000))
                return fail(self, items, 1002, "invalid close code");
            PyObject *reason = PyUnicode_DecodeUTF8(payload + 2, size - 2, NULL);
            if (reason == NULL)
                return is_not_utf8() ? fail(self, items, 1007, "invalid UTF-8") : ERROR;
            Py_DECREF(reason);
        }
        if (self->kind)
            return fail(self, items, 1002, "incomplete fragmented message");
        self->is_over = 1;
    }
    return give_numbered(items, opcode, PyBytes_FromStringAndSize(payload, size));
}

static Outcome
take_data(Frames *self, PyObject *items, int first, const char *payload, Py_ssize_t size, const char *mask) {
    if (!self->kind && (first & FIN)) {
        int kind = first & 0x4F;
        if (kind == TEXT)
            return give_text(self, items, masked_text(payload, size, mask));
        PyObject *bytes = masked_bytes(payload, size, mask);
        if (kind & COMPRESSED)
            return give_numbered(items, kind, bytes);
        return give(items, bytes) < 0 ? ERROR : DONE;
    }
    if (!self->kind)
        self->kind = first & 0x4F;
    if (size > 0) {
        if (keep(&self->message, payload, size) < 0)
            return ERROR;
        char *kept = self->message->bytes + self->message->size - size;
        unmask(kept, kept, size, mask);
    }
    if (!(first & FIN))
        return DONE;
    int kind = self->kind;
    Store *message = self->message;
    self->kind = 0;
    self->message = NULL;
    const char *bytes = message == NULL ? "" : message->bytes;
    Py_ssize_t whole = message == NULL ? 0 : message->size;
    Outcome outcome;
    if (kind == TEXT)
        outcome = give_text(self, items, PyUnicode_DecodeUTF8(bytes, whole, NULL));
    else if (kind & COMPRESSED)
        outcome = give_numbered(items, kind, PyBytes_FromStringAndSize(bytes, whole));
    else
        outcome = give(items, PyBytes_FromStringAndSize(bytes, whole)) < 0 ? ERROR : DONE;
    PyMem_Free(message);
    return outcome;
}

/* Say what is wrong with the first two bytes of a frame that comes now; NULL if nothing is. */
static const char *problem_of(Frames *self, int first, int second) {
    int opcode = first & 0x0F;
    if (opcode > 10 || (opcode > 2 && opcode < 8))
        return "unknown opcode";
    if (!(second & MASKED))
        return "frame without a mask";
    /* RFC 7692, 6: RSV1 is set on "the first frame" of a compressed message, and on no other. */
    int allowed = self->takes_compressed && (opcode == 1 || opcode == 2) ? COMPRESSED : 0;
    if (first & 0x70 & ~allowed)
        return "reserved bits must be 0";
    if (opcode >= CLOSE) {
        if ((second & 0x7F) > LONGEST_CONTROL)
            return "control frame too long";
        if (!(first & FIN))
            return "fragmented control frame";
    } else if (opcode == 0) {
        if (!self->kind)
            return "unexpected continuation frame";
    } else if (self->kind) {
        return "expected a continuation frame";
    }
    return NULL;
}

/* Whether as many frames as may come in one second have come in this one. */
static int is_full(Frames *self) {
    if (self->most == 0)
        return 0;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    uint32_t second = (uint32_t)now.tv_sec & 0xfff;
    if (second != self->second) {
        self->second = second;
        self->taken = 0;
    }
    return self->taken >= self->most;
}

static Outcome fail_talkative(Frames *self, PyObject *items) {
    char why[LONGEST_CONTROL - 2];
    PyOS_snprintf(why, sizeof(why), "Closed: more than %u messages in a second came from this client", (unsigned)self->most);
    return fail(self, items, 4100, why);
}

/* Read one frame, and tell by `used` how many bytes it was. */
static Outcome take(Frames *self, PyObject *items, const char *data, Py_ssize_t size, Py_ssize_t *used) {
    if (size < 2)
        return UNFINISHED;
    const unsigned char *head = (const unsigned char *)data;
    int first = head[0], second = head[1], opcode = first & 0x0F;
    const char *problem = problem_of(self, first, second);
    if (problem != NULL)
        return fail(self, items, 1002, problem);
    uint64_t length = second & 0x7F;
    Py_ssize_t mask = 2;
    if (length > LONGEST_CONTROL) {
        mask += length == 126 ? 2 : 8;
        if (size < mask)
            return UNFINISHED;
        length = 0;
        for (Py_ssize_t i = 2; i < mask; i++)
            length = length << 8 | head[i];
    }
    if (opcode < CLOSE) {
        uint64_t held = self->message == NULL ? 0 : (uint64_t)self->message->size;
        if (length > self->limit || held + length > self->limit) {
            char why[LONGEST_CONTROL - 2];
            PyOS_snprintf(why, sizeof(why), "message over %u bytes", self->limit);
            return fail(self, items, 1009, why);
        }
    }
    Py_ssize_t begin = mask + 4;
    if ((uint64_t)(size - begin) < length || size < begin)
        return UNFINISHED;
    if (is_full(self))
        return fail_talkative(self, items);
    self->taken++;
    *used = begin + (Py_ssize_t)length;
    if (opcode >= CLOSE)
        return take_control(self, items, opcode, data + begin, (int)length, data + mask);
    return take_data(self, items, first, data + begin, (Py_ssize_t)length, data + mask);
}

static int feed(Frames *self, PyObject *items, const char *data, Py_ssize_t size) {
    Store *unread = self->unread;
    if (unread != NULL) {
        if (keep(&self->unread, data, size) < 0)
            return -1;
        unread = self->unread;
        data = unread->bytes;
        size = unread->size;
    }
    Py_ssize_t position = 0;
    Outcome outcome = UNFINISHED;
    while (position < size && !self->is_over) {
        Py_ssize_t used = 0;
        outcome = take(self, items, data + position, size - position, &used);
        if (outcome != DONE)
            break;
        position += used;
    }
    if (outcome == ERROR || self->is_over) {
        self->is_over = 1;
        drop(&self->unread);
        drop(&self->message);
        return outcome == ERROR ? -1 : 0;
    }
    if (unread != NULL && position == 0)
        return 0; /* more of the same frame */
    self->unread = NULL;
    int result = position < size ? keep(&self->unread, data + position, size - position) : 0;
    PyMem_Free(unread);
    return result;
}

static PyObject *frames_feed(PyObject *object, PyObject *data) {
    if (!PyBytes_CheckExact(data)) {
        PyErr_Format(PyExc_TypeError, "frames are read from bytes, not %s", Py_TYPE(data)->tp_name);
        return NULL;
    }
    PyObject *items = PyList_New(0);
    if (items == NULL || ((Frames *)object)->is_over)
        return items;
    if (feed((Frames *)object, items, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data)) < 0)
        Py_CLEAR(items);
    return items;
}

static PyObject *frames_text(PyObject *object, PyObject *data) {
    Frames *self = (Frames *)object;
    if (!PyBytes_CheckExact(data) || self->is_over || self->kind || self->unread != NULL)
        Py_RETURN_NONE;
    const unsigned char *head = (const unsigned char *)PyBytes_AS_STRING(data);
    Py_ssize_t size = PyBytes_GET_SIZE(data), mask = 2;
    if (size < 6 || head[0] != (FIN | TEXT) || !(head[1] & MASKED))
        Py_RETURN_NONE;
    Py_ssize_t length = head[1] & 0x7F;
    if (length == 127)
        Py_RETURN_NONE; /* longer than any client's usual message */
    if (length == 126) {
        length = head[2] << 8 | head[3];
        mask = 4;
    }
    if (size != mask + 4 + length || (uint64_t)length > self->limit || is_full(self))
        Py_RETURN_NONE;
    PyObject *text = masked_text((const char *)head + mask + 4, length, (const char *)head + mask);
    if (text == NULL && is_not_utf8())
        Py_RETURN_NONE;
    self->taken++;
    return text;
}

static PyObject *frames_new(PyTypeObject *type, PyObject *args, PyObject *names) {
    static char *keywords[] = {"limit", "takes_compressed", "most", NULL};
    Py_ssize_t limit, most = 0;
    int takes_compressed = 0;
    if (!PyArg_ParseTupleAndKeywords(args, names, "n|pn", keywords, &limit, &takes_compressed, &most))
        return NULL;
    Frames *self = (Frames *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    self->limit = limit < 0 ? 0 : limit > UINT32_MAX ? UINT32_MAX : (uint32_t)limit;
    self->most = most < 0 ? 0 : most > MOST_FRAMES ? MOST_FRAMES : (uint32_t)most;
    self->takes_compressed = takes_compressed != 0;
    return (PyObject *)self;
}

static PyObject *frames_held(PyObject *object, void *Py_UNUSED(closure)) {
    Frames *self = (Frames *)object;
    Py_ssize_t held = self->unread == NULL ? 0 : self->unread->size;
    return PyLong_FromSsize_t(held + (self->message == NULL ? 0 : self->message->size));
}

static void frames_dealloc(PyObject *object) {
    drop(&((Frames *)object)->unread);
    drop(&((Frames *)object)->message);
    Py_TYPE(object)->tp_free(object);
}

static PyMethodDef frames_methods[] = {
    {"text", frames_text, METH_O, "Give the one text message that these bytes are, whole; None leaves them to `feed`."},
    {"feed", frames_feed, METH_O, "Give what these bytes complete, in the order it came."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef frames_getset[] = {
    {"held", frames_held, NULL, "How many bytes are kept of what is unfinished.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyTypeObject FramesType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "hubbub.native._native.Frames",
    .tp_doc = "See hubbub.native.pure_frames.Frames.",
    .tp_basicsize = sizeof(Frames),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = frames_new,
    .tp_dealloc = frames_dealloc,
    .tp_methods = frames_methods,
    .tp_getset = frames_getset,
};

int frames_init(PyObject *module) {
    if (PyType_Ready(&FramesType) < 0)
        return -1;
    return PyModule_AddObjectRef(module, "Frames", (PyObject *)&FramesType);
}
