/*
 * color - which colours status words, hosts and differences have, and whether.
 *
 * DT_COLORS, and below it DTOOLS_COLORS, are lists in the manner of grep's
 * GREP_COLORS: "okay=32:fail=1;31:host=1"; each value is the parameters of an
 * SGR sequence (ECMA-48, 8.3.117), and an empty one means no colour.
 */
#ifndef DT_REPORT_COLOR_H
#define DT_REPORT_COLOR_H

#include <stdbool.h>

enum color { COLOR_OKAY, COLOR_FAIL, COLOR_INFO, COLOR_HOST, COLOR_ADD, COLOR_DEL, COLOR_COUNT };

struct colors {
	char sgr[COLOR_COUNT][32];	/* digits and semicolons; "" for none */
};

/*
 * The built-in ones, changed by dtools and then by dt (either may be NULL).  A
 * name that is not known is passed over, and so is a value that is no SGR.
 */
void colors_init(struct colors *c, const char *dt, const char *dtools);

/* May escape sequences go to fd?  Not with -N, NO_COLOR, TERM=dumb, or to what is no terminal. */
bool color_wanted(int fd, bool no_color);

#endif
