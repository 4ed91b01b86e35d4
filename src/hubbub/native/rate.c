/* So many uses a second. The contract is that of hubbub.native.pure.Rate. */
#include "native.h"

#include <math.h>
#include <time.h>

typedef struct {
    PyObject_HEAD
    Py_ssize_t limit, used;
    double began;
} Rate;

static PyObject *use(Rate *self, double now, Py_ssize_t times) {
    if (now - self->began >= 1) {
        self->began = now;
        self->used = 0;
    }
    /* No sum: it could be too large. */
    if (times > self->limit - self->used)
        Py_RETURN_FALSE;
    self->used += times;
    Py_RETURN_TRUE;
}

static PyObject *rate_use(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count < 1 || count > 2) {
        PyErr_SetString(PyExc_TypeError, "use takes a time and how often");
        return NULL;
    }
    double now = PyFloat_AsDouble(args[0]);
    if (now == -1 && PyErr_Occurred())
        return NULL;
    Py_ssize_t times = count == 2 ? PyLong_AsSsize_t(args[1]) : 1;
    if (times == -1 && PyErr_Occurred())
        return NULL;
    return use((Rate *)self, now, times);
}

static PyObject *rate_use_now(PyObject *self, PyObject *Py_UNUSED(none)) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now); /* time.monotonic's */
    return use((Rate *)self, (double)now.tv_sec + 1e-9 * (double)now.tv_nsec, 1);
}

static PyObject *rate_new(PyTypeObject *type, PyObject *args, PyObject *names) {
    static char *keywords[] = {"limit", NULL};
    Py_ssize_t limit;
    if (!PyArg_ParseTupleAndKeywords(args, names, "n", keywords, &limit))
        return NULL;
    Rate *self = (Rate *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->limit = limit;
        self->began = -INFINITY;
    }
    return (PyObject *)self;
}

static PyMethodDef rate_methods[] = {
    {"use", (PyCFunction)(void (*)(void))rate_use, METH_FASTCALL, "See hubbub.native.pure.Rate."},
    {"use_now", rate_use_now, METH_NOARGS, "See hubbub.native.pure.Rate."},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject RateType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "hubbub.native._native.Rate",
    .tp_doc = "See hubbub.native.pure.Rate.",
    .tp_basicsize = sizeof(Rate),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = rate_new,
    .tp_methods = rate_methods,
};

int rate_init(PyObject *module) {
    if (PyType_Ready(&RateType) < 0)
        return -1;
    return PyModule_AddObjectRef(module, "Rate", (PyObject *)&RateType);
}
