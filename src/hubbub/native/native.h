/* What the parts of the module share. Each part adds its types and gives its functions. */
#ifndef HUBBUB_NATIVE_H
#define HUBBUB_NATIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

extern PyObject *native_write;

extern PyMethodDef outlet_functions[];
int outlet_init(PyObject *module);

extern PyMethodDef request_functions[];
int request_init(PyObject *module);

int frames_init(PyObject *module);

#endif
