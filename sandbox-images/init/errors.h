/* The symbolic names of errno. */
#ifndef GLOVEBOX_ERRORS_H
#define GLOVEBOX_ERRORS_H

const char *error_name(int error);

#endif
