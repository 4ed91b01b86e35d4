/* What the parts of the module share. Each part adds its types and gives its functions. */
#ifndef HUBBUB_NATIVE_H
#define HUBBUB_NATIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

extern PyObject *native_write;

extern PyMethodDef outlet_functions[];
int outlet_init(PyObject *module);

/* Write to a connection; give what it raises to `fault`, and -1 when that raises. */
int native_write_to(PyObject *connection, PyObject *data, PyObject *fault);

/* Ask for the memory that the next two deliveries will look at, while the kernel is busy with this one. */
void native_fetch_ahead(PyObject *next, PyObject *second);

int whispers_init(PyObject *module);

int rate_init(PyObject *module);

/* What names, targets and parameters may hold; see request.c. */
extern unsigned char request_name_letters[256], request_is_target[256], request_is_plain[256];

extern PyMethodDef request_functions[];
int request_init(PyObject *module);

int frames_init(PyObject *module);

/* Count one message written to so many connections; -1 if `meter` is none. See meter.c. */
int meter_wrote(PyObject *meter, PyObject *data, long connections);
int meter_init(PyObject *module);

extern PyMethodDef event_functions[];
int event_init(PyObject *module);

extern PyMethodDef opening_functions[];

#endif
