/* hubbub.native._native: what a client's bytes and a channel's writes cost most, compiled.
 *
 * The same names in pure Python, with the same behaviour, are beside this file; the tests run both.
 */
#include "native.h"

PyObject *native_write; /* "write" */

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "hubbub.native._native",
    .m_doc = "See hubbub.native.",
    .m_size = -1,
};

PyMODINIT_FUNC PyInit__native(void) {
    PyObject *module = PyModule_Create(&definition);
    if (module == NULL)
        return NULL;
    native_write = PyUnicode_InternFromString("write");
    if (native_write == NULL || outlet_init(module) < 0 || PyModule_AddFunctions(module, outlet_functions) < 0 ||
        frames_init(module) < 0 || meter_init(module) < 0 ||
        request_init(module) < 0 || PyModule_AddFunctions(module, request_functions) < 0 ||
        PyModule_AddFunctions(module, event_functions) < 0 || PyModule_AddFunctions(module, opening_functions) < 0 ||
        event_init(module) < 0 || whispers_init(module) < 0 || rate_init(module) < 0) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
