/* What one of two in a channel says to the other: found, packed and put aside in one go, and written in one loop.
 *
 * The turn of the loop reads first and writes then, as with all that is told to channels: each write wakes its reader,
 * and the code of the kernel that reads is another than that which writes.
 */
#include "native.h"

#include <string.h>

typedef struct {
    PyObject *connection, *frame;
} Whisper;

typedef struct {
    PyObject_HEAD
    PyObject *schedule, *fault;
    Whisper *kept;
    Py_ssize_t count, room, largest; /* `largest`: bytes that are joined */
} Whispers;

static PyObject *name_of_pending, *name_of_batches, *name_of_audiences, *name_of_pack, *name_of_pair, *name_of_meter;

static void discard(Whisper *whispers, Py_ssize_t count) {
    for (Py_ssize_t i = 0; i < count; i++) {
        Py_DECREF(whispers[i].connection);
        Py_DECREF(whispers[i].frame);
    }
    PyMem_Free(whispers);
}

static int keep(Whispers *self, PyObject *connection, PyObject *frame) {
    if (self->count == self->room) {
        Py_ssize_t room = self->room ? 2 * self->room : 16;
        Whisper *kept = PyMem_Realloc(self->kept, room * sizeof(Whisper));
        if (kept == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        self->kept = kept;
        self->room = room;
    }
    self->kept[self->count++] = (Whisper){Py_NewRef(connection), Py_NewRef(frame)};
    return 0;
}

/* Tell whether nothing is on its way in a channel: 1, 0, or -1 with an exception. */
static int is_at_rest(PyObject *channel) {
    PyObject *pending = PyObject_GetAttr(channel, name_of_pending);
    if (pending == NULL)
        return -1;
    int result = PyList_CheckExact(pending) && PyList_GET_SIZE(pending) == 0;
    Py_DECREF(pending);
    if (!result)
        return 0;
    PyObject *batches = PyObject_GetAttr(channel, name_of_batches);
    if (batches == NULL)
        return -1;
    result = batches == Py_None;
    Py_DECREF(batches);
    return result;
}

/* Give a channel's wire and its two connections, or None if it has others; see hubbub.hub.channel. */
static PyObject *pair_of(PyObject *channel) {
    PyObject *pair = PyObject_GetAttr(channel, name_of_pair);
    if (pair != Py_None)
        return pair;
    PyObject *audiences = PyObject_GetAttr(channel, name_of_audiences), *wire, *audience, *one, *other;
    Py_ssize_t at = 0, first = 0;
    if (audiences != NULL && PyDict_CheckExact(audiences) && PyDict_GET_SIZE(audiences) == 1 &&
        PyDict_Next(audiences, &at, &wire, &audience) && PyDict_CheckExact(audience) &&
        PyDict_GET_SIZE(audience) == 2 && PyDict_Next(audience, &first, &one, NULL) &&
        PyDict_Next(audience, &first, &other, NULL)) {
        Py_DECREF(pair);
        pair = PyTuple_Pack(3, wire, one, other);
        if (pair != NULL && PyObject_SetAttr(channel, name_of_pair, pair) < 0)
            Py_CLEAR(pair);
    }
    if (audiences == NULL)
        Py_CLEAR(pair);
    Py_XDECREF(audiences);
    return pair;
}

static PyObject *packed(PyObject *wire, PyObject *fact) {
    PyObject *pack = PyObject_GetAttr(wire, name_of_pack);
    if (pack == NULL)
        return NULL;
    PyObject *frame = PyObject_CallOneArg(pack, fact);
    Py_DECREF(pack);
    if (frame != NULL && !PyBytes_CheckExact(frame)) {
        PyErr_Format(PyExc_TypeError, "a wire packs into bytes, not %s", Py_TYPE(frame)->tp_name);
        Py_CLEAR(frame);
    }
    return frame;
}

/* Have `write` called soon. */
static int schedule(Whispers *self) {
    PyObject *write = PyObject_GetAttr((PyObject *)self, native_write);
    PyObject *answer = write == NULL ? NULL : PyObject_CallOneArg(self->schedule, write);
    Py_XDECREF(write);
    Py_XDECREF(answer);
    return answer == NULL ? -1 : 0;
}

/* Count what will be written, once, among what the channel's application is told. */
static int count_in(PyObject *channel, PyObject *frame) {
    PyObject *meter = PyObject_GetAttr(channel, name_of_meter);
    int result = meter == NULL ? -1 : meter_wrote(meter, frame, 1);
    Py_XDECREF(meter);
    return result;
}

/* Keep what the sender says for the other one: 1, 0 if it is not for here, or -1. */
static int say(Whispers *self, PyObject *channel, PyObject *fact, PyObject *sender) {
    int result = is_at_rest(channel);
    if (result <= 0)
        return result;
    PyObject *pair = pair_of(channel), *other = NULL;
    if (pair == NULL)
        return -1;
    if (PyTuple_CheckExact(pair) && PyTuple_GET_SIZE(pair) == 3) {
        if (PyTuple_GET_ITEM(pair, 1) == sender)
            other = PyTuple_GET_ITEM(pair, 2);
        else if (PyTuple_GET_ITEM(pair, 2) == sender)
            other = PyTuple_GET_ITEM(pair, 1);
    }
    result = other != NULL;
    if (other != NULL) {
        PyObject *frame = packed(PyTuple_GET_ITEM(pair, 0), fact);
        if (frame == NULL || (PyBytes_GET_SIZE(frame) > 0 &&
                              (keep(self, other, frame) < 0 || (self->count == 1 && schedule(self) < 0) ||
                               count_in(channel, frame) < 0)))
            result = -1;
        Py_XDECREF(frame);
    }
    Py_DECREF(pair);
    return result;
}

static PyObject *whispers_say(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "say takes a channel, what is said in it, and its sender");
        return NULL;
    }
    int is_kept = say((Whispers *)self, args[0], args[1], args[2]);
    return is_kept < 0 ? NULL : PyBool_FromLong(is_kept);
}

/* Join what is at `start` with what follows it and is for the same connection, and write it; give where that ends, or
 * -1. Who says several things at once is read, and heard, in one piece. */
static Py_ssize_t write_next(Whispers *self, const Whisper *kept, Py_ssize_t start, Py_ssize_t count) {
    PyObject *connection = kept[start].connection, *frames = kept[start].frame;
    Py_ssize_t size = PyBytes_GET_SIZE(frames), end = start + 1;
    while (end < count && kept[end].connection == connection &&
           size + PyBytes_GET_SIZE(kept[end].frame) <= self->largest)
        size += PyBytes_GET_SIZE(kept[end++].frame);
    if (end == start + 1)
        return native_write_to(connection, frames, self->fault) < 0 ? -1 : end;
    frames = PyBytes_FromStringAndSize(NULL, size);
    if (frames == NULL)
        return -1;
    char *to = PyBytes_AS_STRING(frames);
    for (Py_ssize_t i = start; i < end; i++) {
        memcpy(to, PyBytes_AS_STRING(kept[i].frame), PyBytes_GET_SIZE(kept[i].frame));
        to += PyBytes_GET_SIZE(kept[i].frame);
    }
    int result = native_write_to(connection, frames, self->fault);
    Py_DECREF(frames);
    return result < 0 ? -1 : end;
}

static PyObject *whispers_write(PyObject *object, PyObject *Py_UNUSED(none)) {
    Whispers *self = (Whispers *)object;
    Whisper *kept = self->kept;
    Py_ssize_t count = self->count;
    if (count == 0)
        Py_RETURN_NONE;
    /* What is said meanwhile, by who is blamed for instance, is for the next turn. */
    self->kept = NULL;
    self->count = self->room = 0;
    Py_ssize_t position = 0;
    while (position >= 0 && position < count) {
        if (position + 2 < count)
            native_fetch_ahead(kept[position + 1].connection, kept[position + 2].connection);
        position = write_next(self, kept, position, count);
    }
    discard(kept, count);
    if (position < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *whispers_new(PyTypeObject *type, PyObject *args, PyObject *names) {
    static char *keywords[] = {"schedule", "fault", "largest", NULL};
    PyObject *schedule, *fault;
    Py_ssize_t largest;
    if (!PyArg_ParseTupleAndKeywords(args, names, "OOn", keywords, &schedule, &fault, &largest))
        return NULL;
    Whispers *self = (Whispers *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    self->schedule = Py_NewRef(schedule);
    self->fault = Py_NewRef(fault);
    self->largest = largest;
    return (PyObject *)self;
}

static int whispers_traverse(PyObject *object, visitproc visit, void *arg) {
    Whispers *self = (Whispers *)object;
    Py_VISIT(self->schedule);
    Py_VISIT(self->fault);
    for (Py_ssize_t i = 0; i < self->count; i++)
        Py_VISIT(self->kept[i].connection);
    return 0;
}

static int whispers_clear(PyObject *object) {
    Whispers *self = (Whispers *)object;
    Whisper *kept = self->kept;
    Py_ssize_t count = self->count;
    self->kept = NULL;
    self->count = self->room = 0;
    discard(kept, count);
    Py_CLEAR(self->schedule);
    Py_CLEAR(self->fault);
    return 0;
}

static void whispers_dealloc(PyObject *object) {
    PyObject_GC_UnTrack(object);
    whispers_clear(object);
    Py_TYPE(object)->tp_free(object);
}

static PyMethodDef whispers_methods[] = {
    {"say", (PyCFunction)(void (*)(void))whispers_say, METH_FASTCALL, "See hubbub.native.pure.Whispers."},
    {"write", whispers_write, METH_NOARGS, "See hubbub.native.pure.Whispers."},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject WhispersType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "hubbub.native._native.Whispers",
    .tp_doc = "See hubbub.native.pure.Whispers.",
    .tp_basicsize = sizeof(Whispers),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_new = whispers_new,
    .tp_dealloc = whispers_dealloc,
    .tp_traverse = whispers_traverse,
    .tp_clear = whispers_clear,
    .tp_methods = whispers_methods,
};

int whispers_init(PyObject *module) {
    if ((name_of_pending = PyUnicode_InternFromString("pending")) == NULL ||
        (name_of_batches = PyUnicode_InternFromString("batches")) == NULL ||
        (name_of_audiences = PyUnicode_InternFromString("audiences")) == NULL ||
        (name_of_pack = PyUnicode_InternFromString("pack")) == NULL ||
        (name_of_meter = PyUnicode_InternFromString("meter")) == NULL ||
        (name_of_pair = PyUnicode_InternFromString("pair")) == NULL || PyType_Ready(&WhispersType) < 0)
        return -1;
    return PyModule_AddObjectRef(module, "Whispers", (PyObject *)&WhispersType);
}
