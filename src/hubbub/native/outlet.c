/* The way out of a connection, and the loop that writes the same bytes to many.
 *
 * Past the price of send(2), which is four fifths of a delivery, what is left is memory that is touched: an outlet is
 * one object, and a delivery looks at it, at its connection and at nothing else.
 */
#include "native.h"

#include <errno.h>
#include <stddef.h>
#include <structmember.h>
#include <sys/socket.h>

typedef struct {
    PyObject_HEAD
    vectorcallfunc call;
    PyObject *transport; /* NULL when it is shut */
    int fd;              /* -1: only by the transport */
    int is_waiting;      /* the transport may hold bytes that must go first */
} Outlet;

static PyObject *name_of_size; /* "get_write_buffer_size" */

static int by_transport(Outlet *self, PyObject *data) {
    PyObject *transport = self->transport;
    Py_INCREF(transport); /* what it calls may shut this outlet */
    PyObject *answer = PyObject_CallMethodOneArg(transport, native_write, data);
    Py_DECREF(transport);
    Py_XDECREF(answer);
    return answer == NULL ? -1 : 0;
}

/* Tell whether nothing waits in the transport: 1, 0, or -1 with an exception. */
static int is_clear(Outlet *self) {
    PyObject *transport = Py_NewRef(self->transport); /* a transport written in Python may shut this outlet too */
    PyObject *answer = PyObject_CallMethodNoArgs(transport, name_of_size);
    Py_DECREF(transport);
    if (answer == NULL)
        return -1;
    long size = PyLong_AsLong(answer);
    Py_DECREF(answer);
    if (size == -1 && PyErr_Occurred())
        return -1;
    return size == 0;
}

static int outlet_send(Outlet *self, PyObject *data) {
    if (self->transport == NULL)
        return 0;
    if (!PyBytes_CheckExact(data)) {
        PyErr_Format(PyExc_TypeError, "an outlet takes bytes, not %s", Py_TYPE(data)->tp_name);
        return -1;
    }
    if (self->fd < 0)
        return by_transport(self, data);
    if (self->is_waiting) {
        int clear = is_clear(self);
        if (clear < 0)
            return -1;
        if (self->transport == NULL)
            return 0;
        if (!clear)
            return by_transport(self, data);
        self->is_waiting = 0;
    }
    const char *bytes = PyBytes_AS_STRING(data);
    Py_ssize_t size = PyBytes_GET_SIZE(data), sent;
    do
        sent = send(self->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent == size)
        return 0;
    /* A full buffer, or a dead connection: the transport knows what to do about either. */
    self->is_waiting = 1;
    if (sent <= 0)
        return by_transport(self, data);
    PyObject *rest = PyBytes_FromStringAndSize(bytes + sent, size - sent);
    if (rest == NULL)
        return -1;
    int result = by_transport(self, rest);
    Py_DECREF(rest);
    return result;
}

static PyObject *outlet_call(PyObject *self, PyObject *const *args, size_t flags, PyObject *names) {
    if (PyVectorcall_NARGS(flags) != 1 || (names != NULL && PyTuple_GET_SIZE(names))) {
        PyErr_SetString(PyExc_TypeError, "an outlet takes one argument, the bytes to write");
        return NULL;
    }
    if (outlet_send((Outlet *)self, args[0]) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *outlet_new(PyTypeObject *type, PyObject *args, PyObject *names) {
    static char *keywords[] = {"transport", "fd", NULL};
    PyObject *transport;
    int fd;
    if (!PyArg_ParseTupleAndKeywords(args, names, "Oi", keywords, &transport, &fd))
        return NULL;
    Outlet *self = (Outlet *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    self->call = outlet_call;
    self->transport = Py_NewRef(transport);
    self->fd = fd;
    self->is_waiting = 1;
    return (PyObject *)self;
}

static PyObject *outlet_shut(PyObject *object, PyObject *Py_UNUSED(none)) {
    Outlet *self = (Outlet *)object;
    self->fd = -1;
    Py_CLEAR(self->transport);
    Py_RETURN_NONE;
}

static PyObject *outlet_is_shut(PyObject *self, void *Py_UNUSED(closure)) {
    return PyBool_FromLong(((Outlet *)self)->transport == NULL);
}

static void outlet_dealloc(PyObject *self) {
    Py_XDECREF(((Outlet *)self)->transport);
    Py_TYPE(self)->tp_free(self);
}

static PyMethodDef outlet_methods[] = {
    {"shut", outlet_shut, METH_NOARGS, "Discard what is written from now on."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef outlet_getset[] = {
    {"is_shut", outlet_is_shut, NULL, "Whether what is written is discarded.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* Not tracked by the collector: the cycle of transport, protocol and outlet is broken by `shut`. */
static PyTypeObject OutletType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "hubbub.native._native.Outlet",
    .tp_doc = "See hubbub.native.pure.Outlet.",
    .tp_basicsize = sizeof(Outlet),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_vectorcall_offset = offsetof(Outlet, call),
    .tp_call = PyVectorcall_Call,
    .tp_new = outlet_new,
    .tp_dealloc = outlet_dealloc,
    .tp_methods = outlet_methods,
    .tp_getset = outlet_getset,
};

/* Give the exception that is set to `fault`, with the connection it came from; -1 when that raises. */
static int blame(PyObject *fault, PyObject *connection) {
    PyObject *type, *error, *trace;
    PyErr_Fetch(&type, &error, &trace);
    if (!PyErr_GivenExceptionMatches(type, PyExc_Exception)) {
        PyErr_Restore(type, error, trace);
        return -1;
    }
    PyErr_NormalizeException(&type, &error, &trace);
    if (trace != NULL)
        PyException_SetTraceback(error, trace);
    PyObject *answer = PyObject_CallFunctionObjArgs(fault, connection, error, NULL);
    Py_XDECREF(type);
    Py_XDECREF(error);
    Py_XDECREF(trace);
    Py_XDECREF(answer);
    return answer == NULL ? -1 : 0;
}

/* Where connections of the type seen last keep their `write`, 0 if it is no slot of theirs: a look-up by its name costs
 * as much memory that is not at hand as all the rest. */
static struct {
    PyTypeObject *type;
    unsigned int version; /* another when anything about the type changes */
    Py_ssize_t offset;
} slot;

static inline int is_known(PyObject *connection) {
    return Py_IS_TYPE(connection, slot.type) && slot.version == slot.type->tp_version_tag;
}

static inline PyObject **slot_of(PyObject *connection) {
    return (PyObject **)((char *)connection + slot.offset);
}

static void learn(PyTypeObject *type) {
    PyObject *found = PyObject_GetAttr((PyObject *)type, native_write);
    if (found == NULL)
        PyErr_Clear();
    if (type->tp_version_tag != 0) {
        Py_INCREF(type);
        Py_XSETREF(slot.type, type);
        slot.version = type->tp_version_tag;
        slot.offset = 0;
        if (found != NULL && Py_IS_TYPE(found, &PyMemberDescr_Type) && type->tp_getattro == PyObject_GenericGetAttr &&
            PyType_IsSubtype(type, PyDescr_TYPE(found))) {
            PyMemberDef *member = ((PyMemberDescrObject *)found)->d_member;
            if (member->type == T_OBJECT_EX)
                slot.offset = member->offset;
        }
    }
    Py_XDECREF(found);
}

/* Write to one; -1 when not even the fault could be told. */
static int write_to(PyObject *connection, PyObject *data, PyObject *fault) {
    PyObject *write = NULL;
    int result = -1;
    Py_INCREF(connection);
    if (!is_known(connection))
        learn(Py_TYPE(connection));
    if (slot.offset && is_known(connection))
        write = Py_XNewRef(*slot_of(connection));
    if (write == NULL)
        write = PyObject_GetAttr(connection, native_write);
    if (write != NULL && Py_IS_TYPE(write, &OutletType)) {
        result = outlet_send((Outlet *)write, data);
    } else if (write != NULL) {
        PyObject *answer = PyObject_CallOneArg(write, data);
        result = answer == NULL ? -1 : 0;
        Py_XDECREF(answer);
    }
    if (result < 0)
        result = blame(fault, connection);
    Py_XDECREF(write);
    Py_DECREF(connection);
    return result;
}

/* Ask for the memory that the next two deliveries will look at, while the kernel is busy with this one. */
static inline void fetch_ahead(PyObject *const *next, Py_ssize_t left) {
    if (left > 0 && slot.offset && is_known(next[0])) {
        PyObject *write = *slot_of(next[0]);
        if (write != NULL)
            __builtin_prefetch(write, 1);
    }
    if (left > 1) {
        __builtin_prefetch(next[1], 1);
        __builtin_prefetch(slot_of(next[1]));
    }
}

int native_write_to(PyObject *connection, PyObject *data, PyObject *fault) {
    return write_to(connection, data, fault);
}

void native_fetch_ahead(PyObject *next, PyObject *second) {
    PyObject *both[] = {next, second};
    fetch_ahead(both, 2);
}

static PyObject *write_all(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count) {
    if (count != 5 || !PyList_CheckExact(args[0])) {
        PyErr_SetString(PyExc_TypeError, "write_all takes a list of connections, start, stop, bytes and a fault");
        return NULL;
    }
    PyObject *connections = args[0], *data = args[3], *fault = args[4];
    Py_ssize_t start = PyLong_AsSsize_t(args[1]);
    Py_ssize_t stop = start == -1 && PyErr_Occurred() ? -1 : PyLong_AsSsize_t(args[2]);
    if (PyErr_Occurred())
        return NULL;
    for (Py_ssize_t i = start < 0 ? 0 : start; i < stop && i < PyList_GET_SIZE(connections); i++) {
        Py_ssize_t end = stop < PyList_GET_SIZE(connections) ? stop : PyList_GET_SIZE(connections);
        fetch_ahead(&PyList_GET_ITEM(connections, i) + 1, end - i - 1);
        if (write_to(PyList_GET_ITEM(connections, i), data, fault) < 0)
            return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *write_others(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count) {
    enum { FEW = 8 };
    if (count < 4 || count > 5 || !PyDict_CheckExact(args[0])) {
        PyErr_SetString(PyExc_TypeError, "write_others takes a dictionary of connections, who is left out, bytes, a fault and a meter");
        return NULL;
    }
    PyObject *few[FEW], *all = NULL, *const *connections = few, *key, *value;
    Py_ssize_t size = PyDict_GET_SIZE(args[0]), position = 0;
    int result = 0;
    long written = 0;
    if (size <= FEW) {
        for (Py_ssize_t i = 0; PyDict_Next(args[0], &position, &key, &value); i++)
            few[i] = Py_NewRef(key);
    } else {
        all = PyDict_Keys(args[0]);
        if (all == NULL)
            return NULL;
        connections = &PyList_GET_ITEM(all, 0);
    }
    for (Py_ssize_t i = 0; i < size && result == 0; i++)
        if (connections[i] != args[1]) {
            result = write_to(connections[i], args[2], args[3]);
            written++;
        }
    for (Py_ssize_t i = 0; i < size && all == NULL; i++)
        Py_DECREF(few[i]);
    Py_XDECREF(all);
    if (result < 0)
        return NULL;
    if (count == 5 && meter_wrote(args[4], args[2], written) < 0)
        return NULL;
    Py_RETURN_NONE;
}

PyMethodDef outlet_functions[] = {
    {"write_all", (PyCFunction)(void (*)(void))write_all, METH_FASTCALL, "See hubbub.native.pure.write_all."},
    {"write_others", (PyCFunction)(void (*)(void))write_others, METH_FASTCALL, "See hubbub.native.pure.write_others."},
    {NULL, NULL, 0, NULL},
};

int outlet_init(PyObject *module) {
    name_of_size = PyUnicode_InternFromString("get_write_buffer_size");
    if (name_of_size == NULL || PyType_Ready(&OutletType) < 0)
        return -1;
    return PyModule_AddObjectRef(module, "Outlet", (PyObject *)&OutletType);
}
