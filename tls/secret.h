/*
 * Passwords: asked for on the terminal without echo, or the first line of a file. Never from argv
 * or the environment, which others can read.
 */
#ifndef SLUICE_TLS_SECRET_H
#define SLUICE_TLS_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#define SECRET_MAX 1024 /* bytes, with NUL */

/*
 * 0, or -1 with what is wrong in `err` (`size` bytes). `file` NULL: on the terminal, where `twice`
 * asks a second time to compare. `option` names the file ("--password-file"): for who has no
 * terminal. The caller wipes it. A signal that ends the process meanwhile does
 * so after the terminal has its echo again.
 */
int secret_read(const char *file, const char *option, const char *what, bool twice,
	char secret[SECRET_MAX], char *err, size_t size);

#endif
