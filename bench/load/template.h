/*
 * One line of a FortiGate, made up: which kind, which fields, which values. Pure. For lines.c
 * alone.
 */
#ifndef SLUICE_LOAD_TEMPLATE_H
#define SLUICE_LOAD_TEMPLATE_H

#include <stdint.h>

#include "bench/load/rng.h"

#define TEMPLATE_HEAD 111u /* bytes up to and with eventtime's value: the same in each line */
#define TEMPLATE_TAIL 18u  /* ` lognum=` and 10 digits, at the end */

/* Writes a line of LINES_MIN to LINES_MAX bytes; returns its length. */
uint16_t template_make(char *to, struct rng *r);

/* Makes a line of `len` bytes `wanted` long (at most LINES_MAX): the last field before the tail
 * grows. */
void template_stretch(char *to, uint16_t len, uint16_t wanted, struct rng *r);

#endif
