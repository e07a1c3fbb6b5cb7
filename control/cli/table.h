/*
 * Text for people: aligned tables, numbers and sizes that can be read at a glance. Whatever came
 * from outside is made safe for a terminal on the way.
 */
#ifndef SLUICE_CLI_TABLE_H
#define SLUICE_CLI_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct table;

/* One column a word of `headers`, separated by '|'; one that begins with '>' is aligned right. */
struct table *table_new(const char *headers);
/* Next cell, row by row. Text is copied. */
void table_cell(struct table *t, const char *text);
__attribute__((format(printf, 2, 3))) void table_cellf(struct table *t, const char *format, ...);
size_t table_rows(const struct table *t);
/* Prints header and rows (nothing when there are no rows), each line after `indent` blanks. */
void table_print(const struct table *t, FILE *out, unsigned indent);
void table_free(struct table *t);

/* Control characters and what is no UTF-8 become \xNN, everything else stays: an escape sequence in
 * a log must not reach the terminal. Tabs stay. */
void print_safe(const void *data, size_t len, FILE *out);
/* Columns that the text will take. */
size_t text_width(const char *text);

#define HUMAN_TEXT 40

/* "1,234,567" */
void human_count(uint64_t n, char text[HUMAN_TEXT]);
/* "1.2 GiB" */
void human_bytes(uint64_t bytes, char text[HUMAN_TEXT]);
/* "3d 4h", "12m 5s", "0s" */
void human_span(uint64_t seconds, char text[HUMAN_TEXT]);
/* A rate: "1,234,567", "12.5" */
void human_rate(double per_s, char text[HUMAN_TEXT]);

#endif
