/* What an application says and is told, counted: a few additions for each message, none of them an object. */
#include "native.h"

#include <stdint.h>
#include <structmember.h>

enum { SIZES = 11, SMALLEST = 6 }; /* sizes up to 2^6 bytes, up to 2^7, …, and those over 2^15 */

typedef struct {
    PyObject_HEAD
    int64_t events, client_events, bytes_in, deliveries, bytes_out, largest, sizes[SIZES];
} Meter;

/* Give the bytes of a text in UTF-8. */
static int64_t size_of(PyObject *text) {
    int64_t length = PyUnicode_GET_LENGTH(text), size = 0;
    if (PyUnicode_IS_ASCII(text))
        return length;
    int kind = PyUnicode_KIND(text);
    const void *letters = PyUnicode_DATA(text);
    for (int64_t i = 0; i < length; i++) {
        Py_UCS4 letter = PyUnicode_READ(kind, letters, i);
        size += letter < 0x80 ? 1 : letter < 0x800 ? 2 : letter < 0x10000 ? 3 : 4;
    }
    return size;
}

static int take(Meter *self, PyObject *text) {
    if (!PyUnicode_Check(text)) {
        PyErr_SetString(PyExc_TypeError, "a message is text");
        return -1;
    }
    int64_t size = size_of(text);
    int bits = size <= 1 << SMALLEST ? SMALLEST : 64 - __builtin_clzll((uint64_t)size - 1);
    self->sizes[bits - SMALLEST < SIZES ? bits - SMALLEST : SIZES - 1]++;
    self->bytes_in += size;
    if (size > self->largest)
        self->largest = size;
    return 0;
}

static PyObject *published(Meter *self, PyObject *text) {
    if (take(self, text) < 0)
        return NULL;
    self->events++;
    Py_RETURN_NONE;
}

static PyObject *said(Meter *self, PyObject *text) {
    if (take(self, text) < 0)
        return NULL;
    self->client_events++;
    Py_RETURN_NONE;
}

static PyObject *wrote(Meter *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 3 || !PyBytes_Check(args[2])) {
        PyErr_SetString(PyExc_TypeError, "wrote takes how many were written to, how many messages, and their bytes");
        return NULL;
    }
    Py_ssize_t writes = PyLong_AsSsize_t(args[0]);
    Py_ssize_t messages = writes == -1 && PyErr_Occurred() ? -1 : PyLong_AsSsize_t(args[1]);
    if (PyErr_Occurred())
        return NULL;
    self->deliveries += (int64_t)writes * messages;
    self->bytes_out += (int64_t)writes * PyBytes_GET_SIZE(args[2]);
    Py_RETURN_NONE;
}

static PyObject *read_all(Meter *self, PyObject *Py_UNUSED(nothing)) {
    const int64_t values[] = {self->events, self->client_events, self->bytes_in, self->deliveries, self->bytes_out};
    enum { COUNTS = sizeof values / sizeof *values };
    PyObject *all = PyTuple_New(COUNTS + SIZES);
    for (int i = 0; all != NULL && i < COUNTS + SIZES; i++) {
        PyObject *value = PyLong_FromLongLong(i < COUNTS ? values[i] : self->sizes[i - COUNTS]);
        if (value == NULL)
            Py_CLEAR(all);
        else
            PyTuple_SET_ITEM(all, i, value);
    }
    return all;
}

static PyObject *take_largest(Meter *self, PyObject *Py_UNUSED(nothing)) {
    PyObject *largest = PyLong_FromLongLong(self->largest);
    self->largest = 0;
    return largest;
}

static PyMethodDef meter_methods[] = {
    {"published", (PyCFunction)published, METH_O, "See hubbub.native.pure.Meter."},
    {"said", (PyCFunction)said, METH_O, "See hubbub.native.pure.Meter."},
    {"wrote", (PyCFunction)(void (*)(void))wrote, METH_FASTCALL, "See hubbub.native.pure.Meter."},
    {"read", (PyCFunction)read_all, METH_NOARGS, "See hubbub.native.pure.Meter."},
    {"take_largest", (PyCFunction)take_largest, METH_NOARGS, "See hubbub.native.pure.Meter."},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject MeterType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "hubbub.native._native.Meter",
    .tp_doc = "See hubbub.native.pure.Meter.",
    .tp_basicsize = sizeof(Meter),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_methods = meter_methods,
    .tp_new = PyType_GenericNew,
};

int meter_wrote(PyObject *meter, PyObject *data, long connections) {
    if (!PyObject_TypeCheck(meter, &MeterType) || !PyBytes_Check(data)) {
        PyErr_SetString(PyExc_TypeError, "what is written is bytes, and counted by a meter");
        return -1;
    }
    ((Meter *)meter)->deliveries += connections;
    ((Meter *)meter)->bytes_out += connections * PyBytes_GET_SIZE(data);
    return 0;
}

int meter_init(PyObject *module) {
    if (PyType_Ready(&MeterType) < 0)
        return -1;
    return PyModule_AddObjectRef(module, "Meter", (PyObject *)&MeterType);
}
